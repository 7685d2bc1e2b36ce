import { objects, rejections, within } from "../../store/keys.ts";
import { walk } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import type { Counters } from "../../store/records.ts";
import { addCounters, countersOf, emptyCounters } from "../ingest/apply-object.ts";
import { readHead } from "../ingest/ingest.ts";

/** All objects ever read of a partition. `newest` is the time of its newest event, ms since 1970. */
export type PartitionTotals = Counters & {
  readonly partition: string;
  readonly objects: number;
  readonly newest: number | null;
};

/** The counts of a ledger since its beginning. Counts of outcomes move: a contradiction takes back what was accepted. */
export type LedgerTotals = {
  readonly partitions: readonly PartitionTotals[];
  /** Rejected events and objects by reason. */
  readonly rejections: ReadonlyMap<string, number>;
};

type Sums = {
  readonly partitions: Map<string, PartitionTotals>;
  readonly rejections: Map<string, number>;
};

/**
 * Counts a ledger from its objects, the same after a restart as before. What closed epochs hold does not change, so it
 * is walked once; each call walks the open epoch.
 */
export function createLedgerTotals(store: LedgerStore): () => Promise<LedgerTotals> {
  let closed: Sums & { to: number } = { ...emptySums(), to: 0 };
  return async () => {
    const head = await readHead(store);
    // Epochs that were given back are open again.
    const base = head.openFrom < closed.to ? { ...emptySums(), to: 0 } : closed;
    if (base.to < head.openFrom || base !== closed) {
      const grown = { ...copyOf(base), to: head.openFrom };
      await addRange(store, { from: base.to, to: head.openFrom, sums: grown });
      closed = grown;
    }
    const sums = copyOf(closed);
    // Objects that come in during the walk are left for the next.
    await addRange(store, { from: head.openFrom, to: head.nextOrdinal, sums });
    const partitions = [...sums.partitions.values()].sort((a, b) => (a.partition < b.partition ? -1 : 1));
    return { partitions, rejections: sums.rejections };
  };
}

function emptySums(): Sums {
  return { partitions: new Map(), rejections: new Map() };
}

function copyOf({ partitions, rejections }: Sums): Sums {
  return { partitions: new Map(partitions), rejections: new Map(rejections) };
}

async function addRange(
  store: LedgerStore,
  { from, to, sums }: { readonly from: number; readonly to: number; readonly sums: Sums },
): Promise<void> {
  const start = { from: within.ordinal(from) };
  for await (const { key, value } of walk(store, objects, start)) {
    if (key >= to) break;
    const { partition, newest } = value;
    const known = sums.partitions.get(partition);
    const counters = addCounters(known ?? emptyCounters, countersOf(value));
    const times = [known?.newest, newest].filter((time) => time != null);
    sums.partitions.set(partition, {
      ...{ partition, objects: (known?.objects ?? 0) + 1, ...counters },
      newest: times.length === 0 ? null : Math.max(...times),
    });
  }
  for await (const { key, value } of walk(store, rejections, start)) {
    if (key.ordinal >= to) break;
    sums.rejections.set(value.reason, (sums.rejections.get(value.reason) ?? 0) + 1);
  }
}
