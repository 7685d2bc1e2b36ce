import { mulDivDown, ppmScale } from "../units.ts";

/** What one paid job adds for its account. gross = commission + earned, to the wei. */
export type Accrual = {
  readonly grossWei: bigint;
  readonly commissionWei: bigint;
  readonly earnedWei: bigint;
};

/** commission = floor(fees × commissionPpm ÷ 1,000,000), per event, so that sums do not depend on order. */
export function accrueFee(feesWei: bigint, rules: { commissionPpm: number }): Accrual {
  const commissionWei = mulDivDown(feesWei, BigInt(rules.commissionPpm), ppmScale);
  return { grossWei: feesWei, commissionWei, earnedWei: feesWei - commissionWei };
}
