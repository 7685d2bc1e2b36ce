import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type PerformanceTable,
  readPerformance,
} from "../../../offchain/pipeline/performance/performance.ts";
import type { JobSpan } from "../../../offchain/pipeline/performance/performance-jobs.ts";
import { noChainView } from "../../../offchain/pipeline/workers/worker.ts";
import { ruleset, type TestLedger, withTestLedger } from "../../support/ledger.ts";
import { anyJobs, slowFigures, type WireObject } from "../../support/random-jobs.ts";

const start = Date.UTC(2025, 10, 5, 15);
const anyTime = { from: start - 1000, until: start + 1_000_000 };

function read({ store }: TestLedger, span: JobSpan): Promise<PerformanceTable> {
  return readPerformance({ store, chain: noChainView, ruleset }, span);
}

/** Figures by group, the mean to twelve digits: the only one that floats add up. */
function figuresOf({ rows }: PerformanceTable) {
  return new Map(
    rows.map(({ partition, account, task, rank, workers, percentile, connections, lastSeen, ...figures }) => {
      const name = `${partition} ${account}${task === null ? "" : ` ${task.pipeline} ${task.modelID}`}`;
      return [name, rounded(figures)];
    }),
  );
}

type Figures = ReturnType<typeof slowFigures> extends Map<string, infer F> ? F : never;

function rounded(figures: Figures) {
  const round = (spread: Figures["responseTimeMs"] | null) =>
    spread && { ...spread, mean: Number(spread.mean).toPrecision(12) };
  return {
    ...figures,
    realTimeRatio: round(figures.realTimeRatio),
    responseTimeMs: round(figures.responseTimeMs),
    computeUnitsPerSecond: round(figures.computeUnitsPerSecond),
  };
}

async function deliver(ledger: TestLedger, objects: readonly WireObject[], order: readonly number[]) {
  const rank = (object: WireObject): number => order[objects.indexOf(object) % order.length] ?? 0;
  for (const [index, object] of objects.toSorted((a, b) => rank(a) - rank(b)).entries()) {
    await ledger.write(object.key, object.events);
    if (index % 3 === 0) await ledger.ingest();
  }
  await ledger.ingest();
}

const anyOrder = fc.array(fc.nat(1000), { minLength: 12, maxLength: 12 });

test("given any jobs, repeated, split and in any order, then every figure is what it is worked out one by one", async () => {
  await fc.assert(
    fc.asyncProperty(anyJobs, anyOrder, ({ events, objects }, order) =>
      withTestLedger(async (ledger) => {
        await deliver(ledger, objects, order);
        const slow = (span: { from: number; until: number }) =>
          new Map([...slowFigures(events, span)].map(([name, figures]) => [name, rounded(figures)]));

        expect(figuresOf(await read(ledger, { epoch: 1 }))).toEqual(slow(anyTime));
        expect(figuresOf(await read(ledger, anyTime))).toEqual(slow(anyTime));
        const part = { from: start + 20_000, until: start + 60_000 };
        expect(figuresOf(await read(ledger, part))).toEqual(slow(part));

        const open = await read(ledger, { epoch: 1 });
        if ((await ledger.close()) === undefined) return;
        const closed = await read(ledger, { epoch: 1 });
        expect(closed.rows).toEqual(open.rows);
        expect(figuresOf(await read(ledger, part))).toEqual(slow(part));
      }),
    ),
    { numRuns: 60 },
  );
});
