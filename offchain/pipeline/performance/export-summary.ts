import { accrueFee } from "../../core/accrual/per-job-fee.ts";
import { type Address, compareAddresses } from "../../core/address.ts";
import { amountsOf, type ExportedPartition, type ExportedPayment } from "../../core/export-files.ts";
import { parsePartitionName } from "../../core/partition.ts";
import type { Ruleset } from "../../core/ruleset.ts";
import { lifeSums } from "../../store/job-keys.ts";
import { lastSeen, openSums } from "../../store/keys.ts";
import { walk } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import type { OpenSum } from "../../store/records.ts";
import { upConnections } from "../close/closing-writes.ts";
import { correlateWaiting } from "../close/open-epoch.ts";
import { addSums, emptySum } from "../ingest/effects.ts";
import { readHead, rulesetInForce } from "../ingest/ingest.ts";
import type { Payments } from "./export-payments.ts";

/** What summaries are read from, and how they are shown; `now` is a time in ms since 1970. */
export type SummaryOptions = {
  readonly ruleset: Ruleset;
  readonly now: number;
  readonly showConnections: boolean;
  readonly paymentThresholdWei: bigint;
};

/**
 * The workers of every partition: what each earned there in all epochs, the open one included, what of it was paid, and
 * whether what it has coming in all partitions together is enough to be paid.
 */
export async function readSummaries(
  ports: { readonly store: LedgerStore; readonly payments: Payments },
  options: SummaryOptions,
): Promise<ExportedPartition[]> {
  const { store } = ports;
  const ruleset = rulesetInForce(await readHead(store), options.ruleset);
  const sums = [...(await earnedSums(store, ruleset))].sort(([a], [b]) => compareAddresses(a, b));
  const queries = sums.map(([account, own]) => ({ account, partitions: [...own.keys()] }));
  const paid = await ports.payments.of(ruleset.asset, queries);
  const partitions = new Map<string, ExportedPartition["workers"][number][]>();
  for (const [index, [account, own]] of sums.entries()) {
    const workers = [...own].map(([name, sum]) => workerOf(account, sum, paid[index]?.get(name)));
    const pending = workers.reduce((total, worker) => total + amountsOf(worker).pending, 0n);
    const due = pending > 0n && pending >= options.paymentThresholdWei;
    for (const [at, name] of [...own.keys()].entries()) {
      const list = partitions.get(name) ?? [];
      partitions.set(name, list);
      const worker = workers[at];
      if (worker !== undefined) list.push({ ...worker, due });
    }
  }
  const summaries: ExportedPartition[] = [];
  for (const [name, workers] of [...partitions].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const partition = parsePartitionName(name);
    if (partition === undefined) continue;
    const up = await upConnections(store, name);
    const connected = workers.map((worker) => ({ ...worker, connections: up.get(worker.account) ?? [] }));
    const { commissionPpm } = ruleset;
    const { now: time, showConnections } = options;
    summaries.push({ partition, time, workers: connected, commissionPpm, showConnections });
  }
  return summaries;
}

function workerOf(
  account: Address,
  sum: OpenSum,
  payments: readonly ExportedPayment[] = [],
): ExportedPartition["workers"][number] {
  const amounts = { gross: sum.grossWei, commission: sum.commissionWei };
  return { account, ...amounts, connections: [], payments, due: false };
}

type Sums = Map<Address, Map<string, OpenSum>>;

/** What everyone ever named in a partition gained there, in wei: in closed epochs and so far in the open one. */
async function earnedSums(store: LedgerStore, ruleset: Ruleset): Promise<Sums> {
  const sums: Sums = new Map();
  const add = ({ account, partition }: { account: Address; partition: string }, sum: OpenSum): void => {
    const own = sums.get(account) ?? new Map<string, OpenSum>();
    sums.set(account, own);
    own.set(partition, addSums(own.get(partition) ?? emptySum, sum));
  };
  for await (const { key } of walk(store, lastSeen)) add(key, emptySum);
  for await (const { key, value } of walk(store, lifeSums)) if (key.asset === ruleset.asset) add(key, value);
  for await (const { key, value } of walk(store, openSums)) add(key, value);
  const { pairs } = await correlateWaiting(store, ruleset);
  for (const { job, receipt } of pairs) {
    const { partition, feesWei } = job;
    add({ account: receipt.account, partition }, { events: 1, ...accrueFee(feesWei, ruleset) });
  }
  return sums;
}
