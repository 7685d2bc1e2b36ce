import { expect, test } from "vitest";
import { ingest } from "../../../offchain/pipeline/ingest/ingest.ts";
import {
  readPerformance,
  type WorkerPerformance,
} from "../../../offchain/pipeline/performance/performance.ts";
import type { JobSpan } from "../../../offchain/pipeline/performance/performance-jobs.ts";
import { createPerformances } from "../../../offchain/pipeline/performance/performances.ts";
import { noChainView } from "../../../offchain/pipeline/workers/worker.ts";
import { closedSums } from "../../../offchain/store/keys.ts";
import { walk } from "../../../offchain/store/keyspace.ts";
import type { LedgerStore } from "../../../offchain/store/ledger-store.ts";
import {
  account,
  aiJob,
  aiKey,
  aiReceipt,
  connection,
  objectKey,
  reset,
  transcodeJob,
  transcodeKey,
  type WireEvent,
} from "../../support/events.ts";
import { openTestLedger, ruleset, type TestLedger } from "../../support/ledger.ts";

const start = Date.UTC(2025, 10, 5, 15);

async function rowsOf(ledger: TestLedger, span: JobSpan): Promise<readonly WorkerPerformance[]> {
  const ports = { store: ledger.store, chain: noChainView, ruleset };
  return (await readPerformance(ports, span)).rows;
}

/** A transcode job of some ratio. */
function ratioJob(id: string, ratio: number, who = 0, second = 0): WireEvent {
  const job = transcodeJob({ id, account: account(who), second });
  return { ...job, Payload: { ...job.Payload, realTimeRatio: ratio } };
}

test("given equal workers, then they share the better rank, and the next one's counts them all", async () => {
  const ledger = await openTestLedger();
  const jobs = [7, 9, 9, 1].map((ratio, who) => ratioJob(`${who}`, ratio, who));
  await ledger.write(transcodeKey("a"), jobs);
  await ledger.ingest();

  const rows = await rowsOf(ledger, { epoch: 1 });

  const places = new Map(rows.map(({ account, rank, percentile }) => [account, [rank, percentile]]));
  expect(places).toEqual(
    new Map([
      [account(1), [1, 100]],
      [account(2), [1, 100]],
      [account(0), [3, 50]],
      [account(3), [4, 25]],
    ]),
  );
  const tied = [account(1), account(2)].sort((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1));
  expect(rows.map(({ account }) => account)).toEqual([...tied, account(0), account(3)]);
});

test("given a worker with one fast job and many slow ones, then its median is of the jobs, and not of the means of objects", async () => {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("a"), [ratioJob("fast", 100)]);
  await ledger.write(
    transcodeKey("b"),
    Array.from({ length: 9 }, (_, n) => ratioJob(`slow ${n}`, 2)),
  );
  await ledger.ingest();
  expect((await rowsOf(ledger, { epoch: 1 }))[0]?.realTimeRatio).toEqual({
    ...{ mean: 11.8, min: 2, p50: 2, p90: 51, p95: 100, p99: 100, max: 100 },
  });
});

test("given the same worker in two partitions, then it is ranked in each by itself", async () => {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("a"), [ratioJob("1", 1), ratioJob("2", 2, 1)]);
  const west = { ...ratioJob("3", 1), Region: "us-west" };
  await ledger.write(objectKey("transcode", "us-west", "a"), [west]);
  await ledger.ingest();
  const rows = await rowsOf(ledger, { epoch: 1 });
  const places = rows.map(({ partition, account, rank, workers }) => [partition, account, rank, workers]);
  expect(places).toEqual([
    ["transcode|eu-central", account(1), 1, 2],
    ["transcode|eu-central", account(0), 2, 2],
    ["transcode|us-west", account(0), 1, 1],
  ]);
});

test("given events of the future and of before, then windows of time leave them out, to the second", async () => {
  const ledger = await openTestLedger();
  const day = 86_400;
  const seconds = [-7 * day - 1, -7 * day, -day - 1, -day, 0, 1];
  await ledger.write(
    transcodeKey("a"),
    seconds.map((second) => ratioJob(`${second}`, 1, 0, second)),
  );
  await ledger.ingest();
  const performances = createPerformances(
    { store: ledger.store, chain: noChainView, ruleset },
    { now: () => start },
  );
  const jobsIn = async (window: "epoch" | "24h" | "7d") =>
    (await performances.read({ window })).rows[0]?.jobs;
  expect(await jobsIn("24h")).toBe(2);
  expect(await jobsIn("7d")).toBe(4);
  expect(await jobsIn("epoch")).toBe(6);
});

test("given an AI job whose receipt comes an epoch later, then it counts in the epoch that pays it, and in its time", async () => {
  const ledger = await openTestLedger();
  const at = { from: start, until: start + 100_000 };
  const named = aiJob({ id: "named", requestID: "t", second: 5 });
  await ledger.write(transcodeKey("a"), [ratioJob("0", 1)]);
  await ledger.write(aiKey("a"), [
    aiJob({ id: "job", requestID: "r", second: 5 }),
    { ...named, Payload: { ...named.Payload, ethAddress: account(1) } },
    aiJob({ id: "other", requestID: "s", second: 5 }),
    aiReceipt({ id: "other receipt", requestID: "s", account: account(1) }),
  ]);
  const jobs = async (span: JobSpan) =>
    (await rowsOf(ledger, span)).map(({ account, jobs }) => [account, jobs] as const);
  await ledger.ingest();
  expect(await jobs({ epoch: 1 })).toEqual([
    [account(1), 2],
    [account(0), 1],
  ]);
  await ledger.close();
  await ledger.write(aiKey("b"), [aiReceipt({ id: "receipt", requestID: "r", account: account(2) })]);
  await ledger.ingest();
  const all = [
    [account(1), 2],
    [account(2), 1],
    [account(0), 1],
  ];
  expect(await jobs({ epoch: 2 })).toEqual([[account(2), 1]]);
  expect(new Set(await jobs(at))).toEqual(new Set(all));

  await ledger.close(1);

  expect(await jobs({ epoch: 1 })).toEqual([
    [account(1), 2],
    [account(0), 1],
  ]);
  expect(await jobs({ epoch: 2 })).toEqual([[account(2), 1]]);
  expect(new Set(await jobs(at))).toEqual(new Set(all));
  expect(await rowsOf(ledger, { epoch: 3 })).toEqual([]);
});

test("given jobs with all their fields, then the fees of an epoch's figures are the gross that it paid", async () => {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("a"), [ratioJob("1", 1), ratioJob("2", 2), ratioJob("3", 3, 1)]);
  await ledger.write(aiKey("a"), [
    aiJob({ id: "job", requestID: "r" }),
    aiReceipt({ id: "receipt", requestID: "r", account: account(1) }),
  ]);
  await ledger.close();
  const rows = await rowsOf(ledger, { epoch: 1 });
  const paid = await Array.fromAsync(walk(ledger.store, closedSums), ({ key, value }) => [
    `${key.partition} ${key.account}`,
    value.grossWei,
  ]);
  const fees = rows.map(({ partition, account, feesWei }) => [`${partition} ${account}`, feesWei]);
  expect(new Map(fees as [string, bigint][])).toEqual(new Map(paid as [string, bigint][]));
});

test("given connections and a reset, then each row says how many are up and when the worker was last seen", async () => {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("a"), [
    connection({ id: "1", type: "worker-connected", second: 1, account: account(1) }),
    reset({ id: "2", second: 2 }),
    connection({ id: "3", type: "worker-connected", second: 3 }),
    connection({ id: "4", type: "worker-connected", second: 3, address: "203.0.113.11:1" }),
    ratioJob("5", 2, 0, 9),
    ratioJob("6", 1, 1, 4),
  ]);
  await ledger.ingest();
  expect(await rowsOf(ledger, { epoch: 1 })).toMatchObject([
    { account: account(0), connections: 2, lastSeen: start + 9000 },
    { account: account(1), connections: 0, lastSeen: start + 4000 },
  ]);
});

test.each(["an epoch", "a time"])(
  "given an object read while figures of %s are, that takes a job out of an earlier one, then no job is lost or counts twice",
  async (kind) => {
    const ledger = await openTestLedger();
    await ledger.write(transcodeKey("b"), [ratioJob("1", 1), ratioJob("2", 2)]);
    await ledger.write(transcodeKey("c"), [ratioJob("3", 3)]);
    await ledger.ingest();
    // The first place of the job is now in an earlier key, which is read once the figures have begun.
    await ledger.write(transcodeKey("a"), [ratioJob("3", 3)]);
    let looks = 0;
    const store: LedgerStore = {
      ...ledger.store,
      async *entries(range, options) {
        looks += 1;
        if (looks === 1) await ingest({ ...ledger, store }, { ruleset, partitions: undefined });
        yield* ledger.store.entries(range, options);
      },
    };
    const span = kind === "an epoch" ? { epoch: 1 } : { from: start, until: start + 1000 };
    const { rows } = await readPerformance({ store, chain: noChainView, ruleset }, span);
    expect(rows.map(({ jobs }) => jobs)).toEqual([3]);
    expect(looks).toBeGreaterThan(2);
  },
);
