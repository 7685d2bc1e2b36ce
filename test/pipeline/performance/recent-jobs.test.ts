import fc from "fast-check";
import { expect, test } from "vitest";
import { type RecentJob, recentJobs } from "../../../offchain/pipeline/performance/recent-jobs.ts";
import {
  account,
  aiJob,
  aiKey,
  aiReceipt,
  objectKey,
  transcodeJob,
  transcodeKey,
} from "../../support/events.ts";
import { openTestLedger, ruleset, type TestLedger, withTestLedger } from "../../support/ledger.ts";

const start = Date.UTC(2025, 10, 5, 15);
const all = { since: start - 1000, limit: 100, ruleset };

async function find(ledger: TestLedger, query: Partial<Parameters<typeof recentJobs>[1]> = {}) {
  return recentJobs(ledger, { ...all, ...query });
}

const seconds = (jobs: readonly RecentJob[]): number[] => jobs.map(({ time }) => (time - start) / 1000);

test("given jobs of several partitions, then they come newest first, each with what it says of itself", async () => {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("a"), [
    transcodeJob({ id: "1", second: 7 }),
    transcodeJob({ id: "2", second: 3 }),
  ]);
  await ledger.write(objectKey("transcode", "us-west", "a"), [
    transcodeJob({ id: "3", second: 5, region: "us-west", account: account(1) }),
  ]);
  await ledger.ingest();

  const jobs = await find(ledger);

  expect(seconds(jobs)).toEqual([7, 5, 3]);
  expect(jobs[1]).toEqual({
    partition: "transcode|us-west",
    ordinal: 1,
    position: 0,
    time: start + 5000,
    account: account(1),
    feesWei: 1_000_003n * 1200n,
    work: { computeUnits: 1_000_003, responseTime: 240, realTimeRatio: 8, durationMs: 2000, task: undefined },
  });
});

test("given an AI job, then its worker is known once its receipt has come, and after the close", async () => {
  const ledger = await openTestLedger();
  await ledger.write(aiKey("a"), [aiJob({ id: "job", requestID: "r" })]);
  await ledger.ingest();
  expect(await find(ledger)).toMatchObject([{ account: null, work: { task: { modelID: "model" } } }]);
  expect(await find(ledger, { account: account(2) })).toEqual([]);

  const other = await openTestLedger();
  await other.write(aiKey("a"), [aiJob({ id: "job", requestID: "r" })]);
  await other.write(aiKey("b"), [aiReceipt({ id: "receipt", requestID: "r", account: account(2) })]);
  await other.ingest();
  expect(await find(other, { account: account(2) })).toMatchObject([{ account: account(2) }]);
  await other.close();
  expect(await find(other, { account: account(2) })).toMatchObject([{ account: account(2) }]);
});

test("given jobs of other workers, of other times, rejected or repeated, then they are left out", async () => {
  const ledger = await openTestLedger();
  const job = transcodeJob({ id: "1", second: 1 });
  await ledger.write(transcodeKey("a"), [
    job,
    job,
    transcodeJob({ id: "2", second: 2, account: account(1) }),
  ]);
  await ledger.write(transcodeKey("b"), [job, transcodeJob({ id: "3", second: 3 })]);
  await ledger.write(transcodeKey("c"), [transcodeJob({ id: "3", second: 4 })]);
  await ledger.ingest();

  expect(seconds(await find(ledger))).toEqual([2, 1]);
  expect(seconds(await find(ledger, { account: account(0) }))).toEqual([1]);
  expect(seconds(await find(ledger, { since: start + 2000 }))).toEqual([2]);
  expect(seconds(await find(ledger, { until: start + 1000 }))).toEqual([1]);
  expect(await find(ledger, { account: account(3) })).toEqual([]);
});

test("given any objects and any page size, then the pages together are all jobs in order, each once", async () => {
  const anyObjects = fc.array(fc.array(fc.nat(20), { maxLength: 6 }), { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(anyObjects, fc.integer({ min: 1, max: 7 }), (objects, limit) =>
      withTestLedger(async (ledger) => {
        for (const [index, times] of objects.entries()) {
          const region = index % 2 === 0 ? "eu-central" : "us-west";
          const jobs = times.map((second, at) => transcodeJob({ id: `${index} ${at}`, second, region }));
          await ledger.write(objectKey("transcode", region, `${index}`), jobs);
        }
        await ledger.ingest();
        const paged: RecentJob[] = [];
        for (;;) {
          const page = await find(ledger, { limit, before: paged.at(-1) });
          paged.push(...page);
          if (page.length < limit) break;
        }
        expect(seconds(paged)).toEqual(objects.flat().sort((a, b) => b - a));
        expect(new Set(paged.map(({ ordinal, position }) => `${ordinal} ${position}`)).size).toBe(
          paged.length,
        );
      }),
    ),
    { numRuns: 30 },
  );
});
