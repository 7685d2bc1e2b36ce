import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { readPerformance } from "../../../offchain/pipeline/performance/performance.ts";
import { rebuildLedger } from "../../../offchain/pipeline/rebuild/rebuild-ledger.ts";
import { noChainView } from "../../../offchain/pipeline/workers/worker.ts";
import { lifeSums } from "../../../offchain/store/job-keys.ts";
import { walk } from "../../../offchain/store/keyspace.ts";
import type { LedgerStore } from "../../../offchain/store/ledger-store.ts";
import { openLevelStore } from "../../../offchain/store/level.ts";
import { ruleset, withTestLedger } from "../../support/ledger.ts";
import { anyJobs } from "../../support/random-jobs.ts";
import { reopen } from "../../support/reopening.ts";

/** The figures of every epoch, those of a time, and what everyone earned in closed epochs. */
async function figuresOf(store: LedgerStore, epochs: number) {
  const start = Date.UTC(2025, 10, 5, 15);
  const time = { from: start + 10_000, until: start + 70_000 };
  const spans = [...Array.from({ length: epochs }, (_, index) => ({ epoch: index + 1 })), time];
  const tables = [];
  for (const span of spans) {
    tables.push((await readPerformance({ store, chain: noChainView, ruleset }, span)).rows);
  }
  return { tables, sums: await Array.fromAsync(walk(store, lifeSums)) };
}

const anyCloses = fc.array(fc.boolean(), { minLength: 8, maxLength: 8 });

test("given any ledger whose directory is lost, when it is rebuilt from the archive, then every figure is the same", async () => {
  await fc.assert(
    fc.asyncProperty(anyJobs, anyCloses, ({ objects }, closes) =>
      withTestLedger(async (ledger) => {
        let epochs = 1;
        for (const [index, { key, events }] of objects.entries()) {
          await ledger.write(key, events);
          await ledger.ingest();
          if (closes[index % 8] && (await ledger.close(index)) !== undefined) epochs += 1;
        }
        await mkdir(join(ledger.folder, "again"));
        const store = await openLevelStore(join(ledger.folder, "again", "ledger"));
        try {
          await rebuildLedger({ ...ledger, store, chain: undefined }, { ruleset });
          expect(await figuresOf(store, epochs)).toEqual(await figuresOf(ledger.store, epochs));
        } finally {
          await store.close();
        }
      }),
    ),
    { numRuns: 15 },
  );
});

test("given any epoch that is reopened, then figures are as if it had never been closed", async () => {
  await fc.assert(
    fc.asyncProperty(anyJobs, ({ objects }) =>
      withTestLedger(async (ledger) => {
        for (const { key, events } of objects) {
          await ledger.write(key, events);
          await ledger.ingest();
        }
        const before = await figuresOf(ledger.store, 1);
        if ((await ledger.close()) === undefined) return;
        expect((await figuresOf(ledger.store, 1)).sums).not.toEqual(before.sums);
        await reopen(ledger, { epoch: 1 });
        expect(await figuresOf(ledger.store, 1)).toEqual(before);
      }),
    ),
    { numRuns: 15 },
  );
});
