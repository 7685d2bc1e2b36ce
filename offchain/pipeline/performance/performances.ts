import { PayrootError } from "../../errors.ts";
import { readHead } from "../ingest/ingest.ts";
import { type PerformancePorts, type PerformanceTable, readPerformance } from "./performance.ts";
import type { JobSpan } from "./performance-jobs.ts";

/** The windows that figures are kept for: the epoch, or a time that ends now. */
export const performanceWindows = ["epoch", "24h", "7d"] as const;

/** One of `performanceWindows`. */
export type PerformanceWindow = (typeof performanceWindows)[number];

/** A table as it was computed at some time (ms since 1970), which also tells it apart from others of its window. */
export type KeptTable = PerformanceTable & { readonly computedAt: number };

/** Which figures are wanted. `epoch` is a closed one, or the open one when left out; `computedAt` a table given before. */
export type PerformanceQuery = {
  readonly window: PerformanceWindow;
  readonly epoch?: number | undefined;
  readonly computedAt?: number | undefined;
};

/** Performance for many who ask. */
export type Performances = {
  /** Throws `epoch-unknown`, `ledger-busy`, and `performance-gone` for a table that is kept no more. */
  readonly read: (query: PerformanceQuery) => Promise<KeptTable>;
};

/** `now` is the clock in ms since 1970; a table is at least `leastAgeMs` old before it is computed anew. */
export type PerformancesOptions = { readonly now: () => number; readonly leastAgeMs?: number };

/**
 * Keeps the table of each window: it is computed anew when the ledger or, in windows of time, the clock has moved, not
 * before it is half a minute old, or twenty times what it took. One is computed at a time, and beside the newest the
 * one before is kept, so that whoever pages through it can finish.
 */
export function createPerformances(ports: PerformancePorts, options: PerformancesOptions): Performances {
  const { now, leastAgeMs = 30_000 } = options;
  const windows = new Map<string, Kept>();
  let queue: Promise<unknown> = Promise.resolve();

  const compute = (kept: Kept, span: (time: number) => JobSpan): Promise<KeptTable> => {
    const work = async (): Promise<KeptTable> => {
      const computedAt = now();
      const began = performance.now();
      try {
        const table = { ...(await readPerformance(ports, span(computedAt))), computedAt };
        kept.tables = [table, ...kept.tables.slice(0, 1)];
        kept.dueAt = computedAt + Math.max(leastAgeMs, costFactor * (performance.now() - began));
        return table;
      } finally {
        kept.computing = undefined;
      }
    };
    const table = queue.then(work, work);
    queue = table.catch(() => undefined);
    return table;
  };

  return {
    async read({ window, epoch, computedAt }) {
      const head = await readHead(ports.store);
      const name = window === "epoch" ? `epoch ${epoch ?? head.epoch}` : window;
      const kept = keptOf(windows, name);
      if (computedAt !== undefined) return tableAt(kept.tables, computedAt);
      const [newest] = kept.tables;
      const closed = epoch !== undefined && epoch !== head.epoch;
      if (newest !== undefined && kept.computing === undefined) {
        const same = newest.sequence === head.sequence && window === "epoch";
        if (same || now() < kept.dueAt || (closed && !kept.wasOpen)) return newest;
      }
      if (kept.computing === undefined) {
        kept.wasOpen = !closed;
        kept.computing = compute(kept, (time) => spanOf(window, { epoch: epoch ?? head.epoch, time }));
      }
      return kept.computing.catch((error: unknown) => {
        // What was true a while ago is better than nothing.
        if (newest !== undefined && error instanceof PayrootError && error.code === "ledger-busy")
          return newest;
        throw error;
      });
    },
  };
}

const costFactor = 20;
const windowsAtMost = 8;
const dayMs = 86_400_000;

type Kept = {
  /** The newest first. */
  tables: readonly KeptTable[];
  dueAt: number;
  /** Whether the newest table is of an epoch that was open. */
  wasOpen: boolean;
  computing: Promise<KeptTable> | undefined;
};

/** What is kept of a window; of epochs asked for once, only the last few. */
function keptOf(windows: Map<string, Kept>, name: string): Kept {
  const known = windows.get(name);
  const kept = known ?? { tables: [], dueAt: 0, wasOpen: false, computing: undefined };
  windows.delete(name);
  windows.set(name, kept);
  if (windows.size > windowsAtMost) windows.delete(windows.keys().next().value ?? "");
  return kept;
}

function tableAt(tables: readonly KeptTable[], computedAt: number): KeptTable {
  const table = tables.find((one) => one.computedAt === computedAt);
  if (table !== undefined) return table;
  throw new PayrootError("performance-gone", "The figures that this page belongs to are kept no more.", {
    next: "begin again with the first page",
  });
}

function spanOf(window: PerformanceWindow, at: { epoch: number; time: number }): JobSpan {
  if (window === "epoch") return { epoch: at.epoch };
  return { from: at.time - (window === "24h" ? dayMs : 7 * dayMs), until: at.time };
}
