import { accrueFee } from "../../core/accrual/per-job-fee.ts";
import type { Address } from "../../core/address.ts";
import type { Ruleset } from "../../core/ruleset.ts";
import { openSums } from "../../store/keys.ts";
import { type Codec, walk } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import type { OpenSum } from "../../store/records.ts";
import { addSums, emptySum } from "../ingest/effects.ts";
import { correlateWaiting } from "./open-epoch.ts";

/** What the open epoch would pay if it closed now, in wei; `waiting` are the fees of AI jobs without their receipt. */
export type OpenEpochTotals = {
  readonly asset: Address;
  readonly gross: bigint;
  readonly commission: bigint;
  readonly earned: bigint;
  readonly accounts: number;
  readonly waitingJobs: number;
  readonly waiting: bigint;
};

/** What each account gained so far in the open epoch, AI pairs included, in wei. */
export async function openSumsByAccount(
  store: LedgerStore,
  ruleset: Ruleset,
): Promise<{ sums: Map<Address, OpenSum>; waitingJobs: number; waiting: bigint }> {
  const sums = new Map<Address, OpenSum>();
  const add = (account: Address, sum: OpenSum): void => {
    sums.set(account, addSums(sums.get(account) ?? emptySum, sum));
  };
  for await (const { key, value } of walk(store, openSums)) add(key.account, value);
  const { pairs, jobs } = await correlateWaiting(store, ruleset);
  for (const { job, receipt } of pairs) {
    if (job.feesWei > 0n) add(receipt.account, { events: 1, ...accrueFee(job.feesWei, ruleset) });
  }
  return { sums, waitingJobs: jobs.length, waiting: jobs.reduce((total, job) => total + job.feesWei, 0n) };
}

/** Totals of the open epoch; like `openSumsByAccount`, but in memory that does not grow with the accounts. */
export async function sumOpenEpoch(store: LedgerStore, ruleset: Ruleset): Promise<OpenEpochTotals> {
  const { pairs, jobs } = await correlateWaiting(store, ruleset);
  const paid = pairs.filter(({ job }) => job.feesWei > 0n);
  let total = paid.reduce(
    (sum, { job }) => addSums(sum, { events: 1, ...accrueFee(job.feesWei, ruleset) }),
    emptySum,
  );
  // Of most accounts only the number matters, so their addresses are not spelled.
  const byPairsAlone = new Set(paid.map(({ receipt }) => receipt.account.slice(2).toLowerCase()));
  let accounts = 0;
  let last = "";
  for await (const { key, value } of walk(store, { ...openSums, key: asIs })) {
    const account = Buffer.from(key.buffer, key.byteOffset, 20).toString("hex");
    if (account !== last) accounts += 1;
    byPairsAlone.delete(account);
    last = account;
    total = addSums(total, value);
  }
  return {
    asset: ruleset.asset,
    gross: total.grossWei,
    commission: total.commissionWei,
    earned: total.grossWei - total.commissionWei,
    accounts: accounts + byPairsAlone.size,
    waitingJobs: jobs.length,
    waiting: jobs.reduce((sum, job) => sum + job.feesWei, 0n),
  };
}

const asIs: Codec<Uint8Array> = { encode: (bytes) => bytes, decode: (bytes) => bytes };
