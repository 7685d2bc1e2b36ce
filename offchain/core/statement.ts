import { type Address, compareAddresses, zeroAddress } from "./address.ts";
import type { Hash } from "./artifacts.ts";
import { csvText } from "./csv.ts";
import type { AssetSum } from "./explanation.ts";
import { formatUnits } from "./units.ts";

/**
 * A line of a statement, amounts in the asset's smallest unit: what an account earned in an epoch and partition, with
 * the epoch's closing time, null while it is open; or a claim, with its transaction, the epoch it was made against, and
 * the time of its block, null where the chain does not tell.
 */
export type StatementRow = AssetSum & {
  /** RFC 3339 UTC. */
  readonly time: string | null;
  readonly epoch: number;
  /** Null for a claim. */
  readonly partition: string | null;
  /** Paid events; 0 for a claim. */
  readonly events: number;
  readonly claimed: bigint;
  /** Null for what was earned. */
  readonly transaction: Hash | null;
};

/** The sums of a statement's lines of one asset, in its smallest unit. */
export type StatementTotal = AssetSum & { readonly events: number; readonly claimed: bigint };

/** One total for each asset, ascending. */
export function statementTotals(rows: readonly StatementRow[]): StatementTotal[] {
  const totals = new Map<Address, StatementTotal>();
  for (const { asset, ...row } of rows) {
    const total = totals.get(asset);
    totals.set(asset, {
      asset,
      events: (total?.events ?? 0) + row.events,
      gross: (total?.gross ?? 0n) + row.gross,
      commission: (total?.commission ?? 0n) + row.commission,
      earned: (total?.earned ?? 0n) + row.earned,
      claimed: (total?.claimed ?? 0n) + row.claimed,
    });
  }
  return [...totals.values()].sort((a, b) => compareAddresses(a.asset, b.asset));
}

/**
 * The lines as CSV. Amounts are exact to the last digit: of ETH in ETH, with up to 18 places, so that a spreadsheet can
 * add them up, and of any other asset in its smallest unit. What does not apply is empty.
 */
export function statementCsv(rows: readonly StatementRow[]): string {
  return csvText(
    columns,
    rows.map(({ asset, time, epoch, partition, events, transaction, ...row }) => {
      const amounts = [row.gross, row.commission, row.earned, row.claimed];
      const decimals = asset === zeroAddress ? 18 : 0;
      const texts = amounts.map((amount) => formatUnits(amount, decimals));
      const unit = asset === zeroAddress ? "ETH" : asset;
      return [time ?? "", epoch, partition ?? "", events, ...texts, transaction ?? "", unit];
    }),
  );
}

const columns = [
  ...["time", "epoch", "partition", "events", "gross", "commission", "earned", "claimed"],
  ...["transaction", "asset"],
];
