import { PayrootError } from "../errors.ts";

/** Parts per million in a whole: the unit of commission rates. */
export const ppmScale = 1_000_000n;

/** floor(a × b ÷ divisor), exact for any size; all three non-negative, divisor above zero. */
export function mulDivDown(a: bigint, b: bigint, divisor: bigint): bigint {
  return (a * b) / divisor;
}

/**
 * Parts per million of an exact decimal from 0 to 1 with at most six places, such as "0.25" → 250000.
 * Throws `commission-invalid`; nothing is ever rounded.
 */
export function parsePpm(text: string): number {
  const match = /^(0|1)(?:\.(\d{1,6}))?$/.exec(text);
  const ppm =
    match === null ? Number.NaN : Number(match[1]) * 1_000_000 + Number((match[2] ?? "").padEnd(6, "0"));
  if (!(ppm <= 1_000_000)) throw new CommissionInvalidError(text);
  return ppm;
}

/** The decimal text of `ppm` parts per million, without trailing zeros: 250000 → "0.25". */
export function formatPpm(ppm: number): string {
  return formatUnits(BigInt(ppm), 6);
}

/** `amount` in its smallest unit as an exact decimal with `decimals` places, trailing zeros cut: (15n, 1) → "1.5". */
export function formatUnits(amount: bigint, decimals: number): string {
  const sign = amount < 0n ? "-" : "";
  const digits = (amount < 0n ? -amount : amount).toString().padStart(decimals + 1, "0");
  const whole = digits.slice(0, digits.length - decimals);
  const fraction = digits.slice(digits.length - decimals).replace(/0+$/, "");
  return `${sign}${whole}${fraction === "" ? "" : `.${fraction}`}`;
}

class CommissionInvalidError extends PayrootError {
  constructor(given: string) {
    super(
      "commission-invalid",
      "The commission rate is not an exact decimal from 0 to 1 with at most six places.",
      {
        facts: { given, expected: "0, 1, or 0. followed by one to six digits, such as 0.25" },
        next: "give a rate of whole parts per million; it is never rounded",
        exitCode: 2,
      },
    );
  }
}
