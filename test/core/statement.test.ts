import fc from "fast-check";
import { expect, test } from "vitest";
import { zeroAddress } from "../../offchain/core/address.ts";
import { type StatementRow, statementCsv, statementTotals } from "../../offchain/core/statement.ts";
import { parseCsv } from "../support/csv.ts";
import { account } from "../support/events.ts";

const nothing = { gross: 0n, commission: 0n, earned: 0n, claimed: 0n };
const earned: StatementRow = {
  ...{ time: "2025-11-06T00:00:00Z", epoch: 1, partition: "transcode|eu-central", events: 3 },
  ...{ asset: zeroAddress, gross: 1_500_000_000_000_000_001n, commission: 1n, earned: 10n ** 18n },
  ...{ claimed: 0n, transaction: null },
};
const claimed: StatementRow = {
  ...{ ...nothing, time: null, epoch: 1, partition: null, events: 0, asset: zeroAddress, claimed: 7n },
  transaction: `0x${"ab".repeat(32)}`,
};

test("given lines, then their CSV has a header, exact ETH, and blanks where nothing applies", () => {
  const head = "time,epoch,partition,events,gross,commission,earned,claimed,transaction,asset";
  const first =
    "2025-11-06T00:00:00Z,1,transcode|eu-central,3,1.500000000000000001,0.000000000000000001,1,0,,ETH";
  const second = `,1,,0,0,0,0,0.000000000000000007,0x${"ab".repeat(32)},ETH`;
  expect(statementCsv([earned, claimed])).toBe(`${head}\r\n${first}\r\n${second}\r\n`);
  expect(statementCsv([])).toBe(`${head}\r\n`);
});

test("given a token, whose decimals nobody knows here, then its amounts stand in its smallest unit", () => {
  const [, cells] = parseCsv(statementCsv([{ ...earned, asset: account(1) }]));
  expect(cells?.slice(4)).toEqual(["1500000000000000001", "1", "1000000000000000000", "0", "", account(1)]);
});

test("given a partition that begins like a formula, then no spreadsheet runs it", () => {
  const [, cells] = parseCsv(statementCsv([{ ...earned, partition: "-cmd|eu" }]));
  expect(cells?.[2]).toBe("'-cmd|eu");
});

test("given any amounts, when the CSV is read back, then every wei is there", () => {
  const anyWei = fc.bigInt({ min: 0n, max: 2n ** 120n });
  fc.assert(
    fc.property(anyWei, anyWei, anyWei, anyWei, (gross, commission, earnedWei, claimedWei) => {
      const row = { ...earned, gross, commission, earned: earnedWei, claimed: claimedWei };
      const [, cells = []] = parseCsv(statementCsv([row]));
      const wei = cells.slice(4, 8).map((cell) => {
        const [whole = "", fraction = ""] = cell.split(".");
        return BigInt(whole + fraction.padEnd(18, "0"));
      });
      expect(wei).toEqual([gross, commission, earnedWei, claimedWei]);
    }),
  );
});

test("given lines of two assets, then each has its own total, by address", () => {
  const token = { ...earned, asset: account(1), gross: 5n, commission: 2n, earned: 3n };
  expect(statementTotals([token, earned, claimed, earned, token])).toEqual([
    {
      ...{ asset: zeroAddress, events: 6, gross: 2n * earned.gross, commission: 2n },
      ...{ earned: 2n * 10n ** 18n, claimed: 7n },
    },
    { asset: account(1), events: 6, gross: 10n, commission: 4n, earned: 6n, claimed: 0n },
  ]);
  expect(statementTotals([])).toEqual([]);
});
