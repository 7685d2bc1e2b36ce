import { mkdir, truncate, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import type { UnmatchedLine } from "../../../offchain/core/artifacts.ts";
import { activeConnections } from "../../../offchain/pipeline/close/closing-writes.ts";
import { ingest } from "../../../offchain/pipeline/ingest/ingest.ts";
import { readPerformance } from "../../../offchain/pipeline/performance/performance.ts";
import { noChainView } from "../../../offchain/pipeline/workers/worker.ts";
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
} from "../../support/events.ts";
import { openTestLedger, ruleset, type TestLedger } from "../../support/ledger.ts";
import { epochTexts, leavesOf, linesOf } from "../../support/published.ts";

// The known faults of existing pools, by name. Those of payments are tests of publishing.

/** What a worker gets of `fees` wei at a commission of 25 %. */
const earned = (fees: bigint): bigint => fees - (fees * 250_000n) / 1_000_000n;
const fees = 1_000_003n * 1200n;
const partition = "transcode|eu-central";

test("a duplicate inside one batch paid twice: given one event three times in an object, then it is paid once", async () => {
  const ledger = await openTestLedger();
  const job = transcodeJob({ id: "1" });
  await ledger.write(transcodeKey("a"), [job, job, transcodeJob({ id: "2", account: account(1) }), job]);

  const closed = await ledger.close();

  expect(closed?.manifest.inputs).toMatchObject({ events: 4, accepted: 2, rejected: 0, duplicates: 2 });
  expect(await leavesOf(ledger.artifacts, 1)).toEqual({
    [account(0)]: earned(fees),
    [account(1)]: earned(fees),
  });
});

test("a replay after another batch paid again: given an event replayed after others, and after a close, then it is paid once", async () => {
  const ledger = await openTestLedger();
  const job = transcodeJob({ id: "1" });
  await ledger.write(transcodeKey("a"), [job]);
  await ledger.ingest();
  await ledger.write(transcodeKey("b"), [transcodeJob({ id: "2" })]);
  await ledger.ingest();
  await ledger.write(transcodeKey("c"), [job]);
  await ledger.close();
  expect(await leavesOf(ledger.artifacts, 1)).toEqual({ [account(0)]: 2n * earned(fees) });

  await ledger.write(transcodeKey("d"), [job, transcodeJob({ id: "3" })]);
  const second = await ledger.close(1);

  expect(second?.manifest.inputs).toMatchObject({ events: 2, accepted: 1, duplicates: 1 });
  expect(await leavesOf(ledger.artifacts, 2)).toEqual({ [account(0)]: 3n * earned(fees) });
});

test("an event 31 minutes late lost: given an event half an hour, a day and a year older than all read, then it is paid and flagged late", async () => {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("a"), [transcodeJob({ id: "1", second: 3600 })]);
  await ledger.close();

  const late = [-31 * 60, -86_400, -365 * 86_400].map((second) =>
    transcodeJob({ id: `late ${second}`, second }),
  );
  await ledger.write(transcodeKey("b"), late);
  const second = await ledger.close(1);

  expect(second?.manifest.inputs).toMatchObject({ accepted: 3, late: 3 });
  expect(await leavesOf(ledger.artifacts, 2)).toEqual({ [account(0)]: 4n * earned(fees) });
});

test("a file with an earlier start never read: given it appears after later ones, then polling or at the latest the close reads it", async () => {
  const ledger = await openTestLedger();
  const poll = () => ingest(ledger, { ruleset, partitions: undefined, lookBackSeconds: 3600 });
  const keyAt = (stamp: string) => transcodeKey(`${stamp}_20251105T235959Z`);
  await ledger.write(keyAt("20251105T150000Z"), [transcodeJob({ id: "1" })]);
  expect(await poll()).toMatchObject({ objects: 1 });

  await ledger.write(keyAt("20251105T143000Z"), [transcodeJob({ id: "2" })]);
  expect(await poll()).toMatchObject({ objects: 1 });
  await ledger.write(keyAt("20251101T000000Z"), [transcodeJob({ id: "3" })]);
  expect(await poll()).toMatchObject({ objects: 0 });

  const closed = await ledger.close();
  expect(closed?.manifest.inputs.objects).toBe(3);
  expect(await leavesOf(ledger.artifacts, 1)).toEqual({ [account(0)]: 3n * earned(fees) });
});

test("an unreadable file skipped for ever: given a file that cannot be read at first, then nothing closes without it", async () => {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("b"), [transcodeJob({ id: "2" })]);
  const key = transcodeKey("a");
  await writeSparse(ledger, key, 2 ** 30 + 1);

  expect((await ledger.ingest()).unread.map((object) => object.key)).toEqual([key]);
  expect((await ledger.ingest()).unread.map((object) => object.key)).toEqual([key]);
  await expect(ledger.close()).rejects.toMatchObject({ code: "log-incomplete", facts: { first: key } });

  await ledger.write(key, [transcodeJob({ id: "1" })]);
  const closed = await ledger.close();
  expect(closed?.manifest.inputs).toMatchObject({ objects: 2, accepted: 2 });
});

/** A file larger than any object that is read; it takes no room on the disk. */
async function writeSparse(ledger: TestLedger, key: string, size: number): Promise<void> {
  const path = join(ledger.folder, "log", key);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, "");
  await truncate(path, size);
}

test("float commission off by wei above 2^53: given fees that no double holds, then every wei is exact", async () => {
  const ledger = await openTestLedger();
  const large = [12_000_000_000_000_001n, 9_007_199_254_740_993n, 9_999_999_999_999_999_999n];
  const events = large.map((amount, index) =>
    JSON.stringify(transcodeJob({ id: `${index}`, account: account(index), units: 1, price: 0 }))
      .replace(`"fees":0`, `"fees":${amount}`)
      .replace(`"computeUnits":1`, `"computeUnits":${amount}`)
      .replace(`"pricePerComputeUnit":0`, `"pricePerComputeUnit":1`),
  );
  await ledger.write(transcodeKey("a"), `[${events.join(",")}]`);

  const closed = await ledger.close();

  // Worked by hand: floor(fees ÷ 4) is kept.
  expect(await leavesOf(ledger.artifacts, 1)).toEqual({
    [account(0)]: 9_000_000_000_000_001n,
    [account(1)]: 6_755_399_441_055_745n,
    [account(2)]: 7_500_000_000_000_000_000n,
  });
  expect(closed?.manifest.totals[0]).toMatchObject({
    gross: "10021007199254740993",
    commission: "2505251799813685247",
    earned: "7515755399441055746",
  });
});

test("an AI job processed in an earlier batch than its receipt never paid: given they come in different epochs, then it is paid when the receipt comes", async () => {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("a"), [transcodeJob({ id: "0", account: account(1) })]);
  await ledger.write(aiKey("a"), [aiJob({ id: "job", requestID: "r", fees: 1_000_000_007, second: 5 })]);
  await ledger.ingest();
  const first = await ledger.close();
  expect(first?.manifest.inputs.unmatched).toBe(1);
  const waiting = linesOf<UnmatchedLine>(await epochTexts(ledger.artifacts, 1), "unmatched.ndjson");
  expect(waiting).toMatchObject([{ requestID: "r", fees: "1000000007", DT: "2025-11-05T15:00:05Z" }]);

  await ledger.write(aiKey("b"), [aiReceipt({ id: "receipt", requestID: "r", account: account(2) })]);
  const second = await ledger.close(1);

  expect(second?.manifest.inputs.unmatched).toBe(0);
  expect(await leavesOf(ledger.artifacts, 2)).toMatchObject({ [account(2)]: earned(1_000_000_007n) });
});

test("reset and connect in one second losing the worker: given a reset and a connect after it in the same second, then the worker stays", async () => {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("a"), [
    connection({ id: "0", type: "worker-connected", second: 1, account: account(1) }),
    reset({ id: "1", second: 2 }),
    connection({ id: "2", type: "worker-connected", second: 2 }),
  ]);
  await ledger.ingest();
  expect(await activeConnections(ledger.store, partition)).toEqual(new Map([[account(0), 1]]));
});

test("an old reset wiping newer state: given a reset read late, then what connected after it stays up", async () => {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("b"), [
    connection({ id: "1", type: "worker-connected", second: 100 }),
    connection({ id: "2", type: "worker-connected", second: 10, account: account(1) }),
    transcodeJob({ id: "3", second: 100 }),
  ]);
  await ledger.close();
  await ledger.write(transcodeKey("a"), [reset({ id: "4", second: 50 })]);
  await ledger.ingest();
  expect(await activeConnections(ledger.store, partition)).toEqual(new Map([[account(0), 1]]));
});

test("a threshold kept per region so that money is stuck: given little earned in each of many partitions, then it is one claimable sum", async () => {
  const ledger = await openTestLedger();
  const regions = ["eu-central", "us-west", "oceania"];
  for (const region of regions) {
    const job = transcodeJob({ id: region, region, units: 7, price: 1 });
    await ledger.write(objectKey("transcode", region, "a"), [job]);
  }
  await ledger.write(aiKey("a"), [
    aiJob({ id: "job", requestID: "r", fees: 3 }),
    aiReceipt({ id: "receipt", requestID: "r" }),
  ]);

  const closed = await ledger.close();

  const total = 3n * earned(7n) + earned(3n);
  expect(closed?.manifest).toMatchObject({ leaves: 1, earnings: 1 });
  expect(await leavesOf(ledger.artifacts, 1)).toEqual({ [account(0)]: total });
});

test("the fastest worker ranked last: given ratios where higher is faster and response times where lower is, then the fastest is first", async () => {
  const ledger = await openTestLedger();
  // Ratios 16, 8 and 2 are response times 125, 250 and 1000 ms of two seconds each; of AI there are only times.
  const ratios = [8, 16, 2];
  await ledger.write(
    transcodeKey("a"),
    ratios.map((realTimeRatio, index) => {
      const job = transcodeJob({ id: `${index}`, account: account(index) });
      return { ...job, Payload: { ...job.Payload, realTimeRatio, responseTime: 2000 / realTimeRatio } };
    }),
  );
  const seconds = [3, 1, 2];
  await ledger.write(
    aiKey("a"),
    seconds.flatMap((second, index) => {
      const requestID = `r${index}`;
      const job = aiJob({ id: `job ${index}`, requestID });
      const receipt = aiReceipt({ id: `receipt ${index}`, requestID, account: account(index) });
      return [{ ...job, Payload: { ...job.Payload, responseTime: second * 1_000_000_000 } }, receipt];
    }),
  );
  await ledger.ingest();

  const { rows } = await readPerformance({ store: ledger.store, chain: noChainView, ruleset }, { epoch: 1 });

  const ranked = rows.map(({ partition, account, rank }) => [partition, rank, account]);
  expect(ranked).toEqual([
    ["ai|us-central", 1, account(1)],
    ["ai|us-central", 2, account(2)],
    ["ai|us-central", 3, account(0)],
    ["transcode|eu-central", 1, account(1)],
    ["transcode|eu-central", 2, account(0)],
    ["transcode|eu-central", 3, account(2)],
  ]);
  const [, , slow] = rows;
  expect(slow?.responseTimeMs.p50).toBe(3000);
});
