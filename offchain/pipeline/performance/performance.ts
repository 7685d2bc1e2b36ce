import type { Address } from "../../core/address.ts";
import { append } from "../../core/append.ts";
import { parsePartitionName } from "../../core/partition.ts";
import { type Standing, standings } from "../../core/ranking.ts";
import type { Ruleset } from "../../core/ruleset.ts";
import { taskName } from "../../core/work.ts";
import { lastSeen } from "../../store/keys.ts";
import { getMany } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import { activeConnections } from "../close/closing-writes.ts";
import { readHead } from "../ingest/ingest.ts";
import { rewrittenAt } from "../ingest/samples.ts";
import { inSlices } from "../operate/slices.ts";
import { ledgerBusy } from "../operate/steady.ts";
import { type AsOf, type ChainView, readAsOf } from "../workers/worker.ts";
import { createJobGroups, type WorkFigures } from "./performance-groups.ts";
import { type JobSpan, spannedObjects } from "./performance-jobs.ts";

/**
 * How a worker did in a partition, of AI with one model in one pipeline, and where it stands among all who did the same
 * there: transcoding by the median real-time ratio, highest first; AI by the median response time, lowest first.
 */
export type WorkerPerformance = WorkFigures &
  Standing & {
    readonly partition: string;
    /** Connections that are up now, as far as the log was read. */
    readonly connections: number;
    /** When an event last named the worker in the partition, ms since 1970. */
    readonly lastSeen: number | null;
  };

/** The performance of everyone over some jobs, by partition, pipeline, model, rank and account. */
export type PerformanceTable = {
  readonly span: JobSpan;
  readonly rows: readonly WorkerPerformance[];
  readonly asOf: AsOf;
  /** The ledger's sequence that the figures are of. */
  readonly sequence: number;
};

/** What performance is read from; `ruleset` are the configured rules. */
export type PerformancePorts = {
  readonly store: LedgerStore;
  readonly chain: Pick<ChainView, "block">;
  readonly ruleset: Ruleset;
};

/**
 * The exact performance over the jobs of a span, from every single one of them. Objects that are read meanwhile are not
 * in it. Throws `epoch-unknown`, and `ledger-busy` when jobs kept changing their places.
 */
export async function readPerformance(ports: PerformancePorts, span: JobSpan): Promise<PerformanceTable> {
  const { store } = ports;
  for (let tries = 0; tries < triesAtMost; tries++) {
    const head = await readHead(store);
    const asOf = await readAsOf(store, ports.chain);
    const rows: WorkerPerformance[] = [];
    const time = "from" in span ? span : always;
    for await (const { partition, objects } of spannedObjects(store, span, {
      head,
      configured: ports.ruleset,
    })) {
      const groups = createJobGroups(parsePartitionName(partition)?.nodeType ?? "");
      for await (const object of objects) groups.add(object, time);
      append(rows, await ranked(store, partition, await inSlices(groups.figures())));
    }
    const now = await readHead(store);
    // More objects do no harm; one that takes jobs out of earlier ones does, and a close, which pairs AI jobs for good.
    if (now.epoch === head.epoch && rewrittenAt(store) <= head.sequence) {
      return { span, rows, asOf, sequence: head.sequence };
    }
  }
  throw ledgerBusy({ tries: triesAtMost });
}

const triesAtMost = 5;
const always = { from: Number.NEGATIVE_INFINITY, until: Number.POSITIVE_INFINITY };

/** Ranks the workers of a partition, each among those that did the same. */
async function ranked(
  store: LedgerStore,
  partition: string,
  figures: readonly WorkFigures[],
): Promise<WorkerPerformance[]> {
  const connections = await activeConnections(store, partition);
  const seen = await getMany(
    store,
    lastSeen,
    figures.map(({ account }) => ({ account, partition })),
  );
  const seenBy = new Map<Address, number | null>(
    figures.map(({ account }, index) => [account, seen[index] ?? null]),
  );
  const byTask = Map.groupBy(figures, ({ task }) => (task === null ? "" : taskName(task)));
  const rows = [...byTask.values()].flatMap((group) => {
    const [first] = group;
    const places =
      first?.task === null
        ? standings(
            group.map(({ realTimeRatio }) => realTimeRatio?.p50 ?? 0),
            "highest",
          )
        : standings(
            group.map(({ responseTimeMs }) => responseTimeMs.p50),
            "lowest",
          );
    return group.map((work, index): WorkerPerformance => {
      const { account } = work;
      const place = places[index] ?? { rank: 0, workers: 0, percentile: 0 };
      const now = { connections: connections.get(account) ?? 0, lastSeen: seenBy.get(account) ?? null };
      return { partition, ...work, ...place, ...now };
    });
  });
  return rows.sort(inOrder);
}

function inOrder(a: WorkerPerformance, b: WorkerPerformance): number {
  return (
    compareTexts(a.task?.pipeline ?? "", b.task?.pipeline ?? "") ||
    compareTexts(a.task?.modelID ?? "", b.task?.modelID ?? "") ||
    a.rank - b.rank ||
    compareTexts(a.account.toLowerCase(), b.account.toLowerCase())
  );
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
