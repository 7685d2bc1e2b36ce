import fc from "fast-check";
import { expect, test } from "vitest";
import { accrueFee } from "../../offchain/core/accrual/per-job-fee.ts";
import { formatPpm, formatUnits, mulDivDown, parsePpm } from "../../offchain/core/units.ts";

test.each([
  ["0", 0],
  ["1", 1_000_000],
  ["0.25", 250_000],
  ["0.250000", 250_000],
  ["0.000001", 1],
  ["0.999999", 999_999],
  ["0.1", 100_000],
  ["1.000000", 1_000_000],
  ["0.0", 0],
])("given a rate of %s, then it is %s parts per million", (text, ppm) => {
  expect(parsePpm(text)).toBe(ppm);
});

test.each([
  ...[
    "",
    " ",
    "0.0000001",
    "0.2500000",
    "1.000001",
    "1.1",
    "2",
    "-0.1",
    "+0.1",
    ".25",
    "0.",
    "00.25",
    "25%",
    "0,25",
  ],
  ...["1e-1", "0x1", "NaN", "0.25 ", "0.25\n", "٠.٢٥"],
])("given a rate of '%s', then it is refused, never rounded", (text) => {
  expect(() => parsePpm(text)).toThrow(expect.objectContaining({ code: "commission-invalid", exitCode: 2 }));
});

test("given any parts per million, then their text is read back", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1_000_000 }), (ppm) => {
      expect(parsePpm(formatPpm(ppm))).toBe(ppm);
    }),
  );
});

test("given any amount and decimals, then the text is exact and short", () => {
  expect(formatUnits(1_500_000_000_000_000_000n, 18)).toBe("1.5");
  expect(formatUnits(-1n, 18)).toBe("-0.000000000000000001");
  expect(formatUnits(0n, 18)).toBe("0");
  expect(formatUnits(120n, 0)).toBe("120");
  fc.assert(
    fc.property(fc.bigInt(), fc.integer({ min: 0, max: 30 }), (amount, decimals) => {
      const text = formatUnits(amount, decimals);
      const [whole = "", fraction = ""] = text.split(".");
      expect(BigInt(whole.replace("-", "") + fraction.padEnd(decimals, "0"))).toBe(
        amount < 0n ? -amount : amount,
      );
      expect(text.startsWith("-")).toBe(amount < 0n);
      expect(fraction.endsWith("0")).toBe(false);
    }),
  );
});

test("given any fees and rate, then commission is rounded down and both parts make the whole", () => {
  const anyFees = fc.oneof(fc.bigInt(0n, 10n), fc.bigInt(0n, 10n ** 19n), fc.bigInt(0n, 2n ** 256n));
  fc.assert(
    fc.property(anyFees, fc.integer({ min: 0, max: 1_000_000 }), (feesWei, commissionPpm) => {
      const { grossWei, commissionWei, earnedWei } = accrueFee(feesWei, { commissionPpm });
      expect(grossWei).toBe(feesWei);
      expect(commissionWei + earnedWei).toBe(feesWei);
      const remainder = feesWei * BigInt(commissionPpm) - commissionWei * 1_000_000n;
      expect(remainder >= 0n && remainder < 1_000_000n).toBe(true);
    }),
  );
  expect(mulDivDown(7n, 3n, 2n)).toBe(10n);
});
