import type { Address } from "../../core/address.ts";
import { append } from "../../core/append.ts";
import { type ConnectionChange, newestChanges } from "../../core/connections.ts";
import type { AiEvent, AiPair } from "../../core/correlation.ts";
import type { ClosedEpoch } from "../../core/epoch.ts";
import {
  closedSums,
  connections,
  cumulatives,
  epochs,
  heads,
  madePairs,
  openSums,
  resets,
  waitingAi,
  within,
} from "../../store/keys.ts";
import { del, put, walk } from "../../store/keyspace.ts";
import type { LedgerStore, StoreWrite } from "../../store/ledger-store.ts";
import type { EpochState, Head, MadePair, ResetKey } from "../../store/records.ts";
import { pairedJobWrites } from "../ingest/samples.ts";
import { lifeSumWrites } from "./life-sums.ts";
import type { WaitingOutcome } from "./open-epoch.ts";

/** The one batch that turns the open epoch into a closed one and opens the next. */
export async function closingWrites(
  store: LedgerStore,
  close: { head: Head; closed: ClosedEpoch; state: EpochState; waiting: WaitingOutcome },
): Promise<StoreWrite[]> {
  const { head, closed, state, waiting } = close;
  const writes: StoreWrite[] = [];
  for (const leaf of closed.leaves) writes.push(put(cumulatives, leaf, leaf.cumulative));
  for await (const { key } of walk(store, openSums)) writes.push(del(openSums, key));
  for (const row of closed.rows) writes.push(put(closedSums, { ...row, epoch: state.epoch }, row));
  for (const { job, receipt } of waiting.pairs) {
    writes.push(del(waitingAi, job), del(waitingAi, receipt));
    const key = { epoch: state.epoch, account: receipt.account, id: job.id };
    writes.push(put(madePairs, key, madePair({ job, receipt })));
  }
  append(writes, pairedJobWrites(state.epoch, waiting.pairs));
  append(writes, await lifeSumWrites(store, closed.rows));
  append(writes, await prunedConnections(store));
  writes.push(put(epochs, state.epoch, state));
  const next: Head = {
    ...head,
    sequence: head.sequence + 1,
    epoch: head.epoch + 1,
    opensAt: closed.input.closesAt,
    ruleset: null,
    previousManifest: state.manifestHash,
    openFrom: head.nextOrdinal,
    closing: null,
  };
  writes.push(put(heads, "head", next));
  return writes;
}

/** What the ledger remembers of a pair that a close makes. */
export function madePair({ job, receipt }: AiPair): MadePair {
  const place = ({ ordinal, position }: AiEvent) => ({ ordinal, position });
  const { partition, time, feesWei } = job;
  return { partition, time, feesWei: feesWei.toString(), job: place(job), receipt: place(receipt) };
}

/** Forgets what later events cannot bring back: changes before the newest reset, and all but the newest of each. */
async function prunedConnections(store: LedgerStore): Promise<StoreWrite[]> {
  const writes: StoreWrite[] = [];
  const newestResets = new Map<string, ResetKey>();
  for await (const { key } of walk(store, resets)) {
    // Keys come in the order of their places, so each is newer than the one before it.
    const known = newestResets.get(key.partition);
    if (known !== undefined) writes.push(del(resets, known));
    newestResets.set(key.partition, key);
  }
  let group: ConnectionChange[] = [];
  let partition = "";
  const prune = (): void => {
    const kept = new Set(newestChanges(group, newestResets.get(partition)));
    for (const change of group)
      if (!kept.has(change)) writes.push(del(connections, { partition, ...change }));
  };
  for await (const { key, value } of walk(store, connections)) {
    const first = group[0];
    if (first !== undefined && (partition !== key.partition || first.account !== key.account)) {
      prune();
      group = [];
    }
    partition = key.partition;
    group.push({ ...key, kind: value });
  }
  prune();
  return writes;
}

/** The connections that each worker of a partition has up, as far as the log was read, in the order of their names. */
export async function upConnections(store: LedgerStore, partition: string): Promise<Map<Address, string[]>> {
  let reset: ResetKey | undefined;
  for await (const { key } of walk(store, resets, { within: within.partition(partition), reverse: true })) {
    reset = key;
    break;
  }
  const changes: ConnectionChange[] = [];
  for await (const { key, value } of walk(store, connections, { within: within.partition(partition) })) {
    changes.push({ ...key, kind: value });
  }
  const up = newestChanges(changes, reset).filter(({ kind }) => kind === "connected");
  const byAccount = new Map<Address, string[]>();
  for (const { account, connection } of up) {
    byAccount.set(account, [...(byAccount.get(account) ?? []), connection]);
  }
  return byAccount;
}

/** How many connections each worker of a partition has up, as far as the log was read. */
export async function activeConnections(
  store: LedgerStore,
  partition: string,
): Promise<Map<Address, number>> {
  const up = await upConnections(store, partition);
  return new Map([...up].map(([account, own]) => [account, own.length]));
}
