import { accrueFee } from "../../core/accrual/per-job-fee.ts";
import type { Address } from "../../core/address.ts";
import type { PartitionSum } from "../../core/explanation.ts";
import type { Ruleset } from "../../core/ruleset.ts";
import { closedSums, openSums, within } from "../../store/keys.ts";
import { walk } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import type { OpenSum } from "../../store/records.ts";
import type { TracedPair } from "./trace.ts";

/** What an account gained of an asset in a partition in a closed epoch, in the asset's smallest unit. */
export type ClosedRow = PartitionSum & { readonly epoch: number; readonly asset: Address };

/** What an account gained in closed epochs, by epoch, asset and partition; in one of them when it is given. */
export async function* closedRows(
  store: LedgerStore,
  of: { readonly account: Address; readonly epoch?: number; readonly reverse?: boolean },
): AsyncGenerator<ClosedRow> {
  const { account, epoch, reverse = false } = of;
  const range = epoch === undefined ? within.account(account) : within.accountEpoch(account, epoch);
  for await (const { key, value } of walk(store, closedSums, { within: range, reverse })) {
    const { epoch, asset, partition } = key;
    yield { epoch, asset, ...partitionSum(partition, value) };
  }
}

/** What an account gained in the open epoch: what the ledger has summed, then each of its AI `pairs`. */
export async function* openRows(
  store: LedgerStore,
  of: { readonly account: Address; readonly ruleset: Ruleset; readonly pairs: readonly TracedPair[] },
): AsyncGenerator<PartitionSum> {
  const { account, ruleset, pairs } = of;
  for await (const { key, value } of walk(store, openSums, { within: within.account(account) })) {
    yield partitionSum(key.partition, value);
  }
  for (const { partition, feesWei } of pairs) {
    if (feesWei > 0n) yield { partition, events: 1, ...accrueFee(feesWei, ruleset) };
  }
}

function partitionSum(partition: string, { events, grossWei, commissionWei }: OpenSum): PartitionSum {
  return { partition, events, grossWei, commissionWei, earnedWei: grossWei - commissionWei };
}
