import type { Ruleset } from "../../core/ruleset.ts";
import { formatTime } from "../../core/time.ts";
import { epochs } from "../../store/keys.ts";
import { walk } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import type { Counters, EpochState } from "../../store/records.ts";
import { activeConnections } from "../close/closing-writes.ts";
import { openingTime } from "../close/derive-epoch.ts";
import { openObjects } from "../close/open-epoch.ts";
import { type OpenEpochTotals, sumOpenEpoch } from "../close/open-totals.ts";
import { addCounters, countersOf, emptyCounters } from "../ingest/apply-object.ts";
import { readHead } from "../ingest/ingest.ts";
import { type AsOf, type ChainView, readAsOf } from "../workers/worker.ts";

/** One partition in the open epoch. */
export type PartitionStatus = Counters & {
  readonly partition: string;
  readonly objects: number;
  /** Time of the newest event read, RFC 3339. */
  readonly newest: string | null;
  /** Workers with a connection up. */
  readonly connectedWorkers: number;
};

/** Where everything stands. */
export type Status = {
  readonly openEpoch: {
    readonly epoch: number;
    readonly opensAt: string | null;
    readonly objects: number;
  } & Counters;
  readonly accruing: OpenEpochTotals;
  readonly partitions: readonly PartitionStatus[];
  readonly lastClosed: Omit<EpochState, "openFrom" | "nextOrdinal" | "assets"> | null;
  readonly asOf: AsOf;
};

/** Reads where the ledger stands. */
export async function readStatus(
  ports: { store: LedgerStore; chain: Pick<ChainView, "block"> },
  configured: Ruleset,
): Promise<Status> {
  const { store } = ports;
  const head = await readHead(store);
  const partitions = new Map<string, PartitionStatus & { newestMs: number }>();
  let counters: Counters = emptyCounters;
  let objects = 0;
  for await (const object of openObjects(store, head)) {
    objects += 1;
    counters = addCounters(counters, object);
    const known = partitions.get(object.partition);
    const newestMs = Math.max(
      known?.newestMs ?? Number.NEGATIVE_INFINITY,
      object.newest ?? Number.NEGATIVE_INFINITY,
    );
    partitions.set(object.partition, {
      partition: object.partition,
      objects: (known?.objects ?? 0) + 1,
      newestMs,
      newest: Number.isFinite(newestMs) ? formatTime(newestMs) : null,
      connectedWorkers: 0,
      ...addCounters(known ?? emptyCounters, countersOf(object)),
    });
  }
  const listed: PartitionStatus[] = [];
  for (const { newestMs: _, ...partition } of partitions.values()) {
    listed.push({
      ...partition,
      connectedWorkers: (await activeConnections(store, partition.partition)).size,
    });
  }
  const opensAt = await openingTime(store, head);
  return {
    openEpoch: {
      epoch: head.epoch,
      opensAt: opensAt === undefined ? null : formatTime(opensAt),
      objects,
      ...counters,
    },
    accruing: await sumOpenEpoch(store, head.ruleset ?? configured),
    partitions: listed.sort((a, b) => (a.partition < b.partition ? -1 : 1)),
    lastClosed: await lastClosedSummary(store),
    asOf: await readAsOf(store, ports.chain),
  };
}

async function lastClosedSummary(store: LedgerStore): Promise<Status["lastClosed"]> {
  const closed = await lastClosedEpoch(store);
  if (closed === undefined) return null;
  // What it holds by number, and where to look, is the ledger's own affair.
  const { openFrom: _from, nextOrdinal: _to, assets: _assets, ...shown } = closed;
  return shown;
}

/** The newest closed epoch, or undefined. */
export async function lastClosedEpoch(store: LedgerStore): Promise<EpochState | undefined> {
  for await (const { value } of walk(store, epochs, { reverse: true })) return value;
  return undefined;
}
