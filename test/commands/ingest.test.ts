import { expect, test } from "vitest";
import { account, aiJob, aiKey, aiReceipt, transcodeJob, transcodeKey } from "../support/events.ts";
import { openPool } from "./payroot.ts";

const counts = { objects: 0, events: 0, accepted: 0, rejected: 0, duplicates: 0, late: 0, unmatched: 0 };

test("given new objects, --json has the seven counts and nothing else", async () => {
  const pool = await openPool();
  await pool.write(transcodeKey("a"), [
    transcodeJob({ id: "a" }),
    transcodeJob({ id: "a" }),
    { DT: "never" },
  ]);
  await pool.write(aiKey("b"), [aiJob({ id: "job", requestID: "aa" })]);
  await pool.write(transcodeKey("cut"), '[{"DT": ');
  expect(await pool.json(["ingest", "--once"])).toEqual({
    objects: 3,
    events: 4,
    accepted: 2,
    rejected: 1,
    duplicates: 1,
    late: 0,
    unmatched: 1,
  });
  expect(await pool.json(["ingest", "--once"])).toEqual({ ...counts, unmatched: 1 });
  await pool.write(aiKey("c"), [aiReceipt({ id: "receipt", requestID: "aa" })]);
  expect(await pool.json(["ingest", "--once"])).toEqual({ ...counts, objects: 1, events: 1, accepted: 1 });
});

test("given an event of before the last close, it is counted as late", async () => {
  const pool = await openPool();
  await pool.write(transcodeKey("a"), [transcodeJob({ id: "a" })]);
  await pool.json(["epoch", "close", "--at", "2025-11-06T00:00:00Z"]);
  await pool.write(transcodeKey("0"), [transcodeJob({ id: "late" })]);
  const one = { objects: 1, events: 1, accepted: 1 };
  expect(await pool.json(["ingest", "--once"])).toEqual({ ...counts, ...one, late: 1 });
});

test("given a person, the counts are told in words on stdout, and stderr is silent", async () => {
  const pool = await openPool();
  const jobs = Array.from({ length: 1234 }, (_, index) => transcodeJob({ id: `${index}` }));
  await pool.write(transcodeKey("a"), jobs);
  const { code, stdout, stderr } = await pool.call(["ingest", "--once"]);
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/^read 1 new objects with 1,234 events\naccepted +1234\nrejected +0\n/);
  expect(stdout).toMatch(/AI jobs without their receipt +0\n$/);
});

test("given no --once, it reads on until it is stopped, and then tells what it read", async () => {
  const pool = await openPool();
  await pool.write(transcodeKey("a"), [transcodeJob({ id: "a" })]);
  const stop = new AbortController();
  const onNote = () => stop.abort();
  const { code, stdout, stderr } = await pool.call(["ingest", "--json"], { signal: stop.signal, onNote });
  expect(code, stderr).toBe(0);
  expect(JSON.parse(stdout)).toEqual({ ...counts, objects: 1, events: 1, accepted: 1 });
  expect(stderr).toBe("read 1 new objects with 1 events\nstopping; once more to stop at once\n");
});

test("given only some partitions, the others are not read", async () => {
  const pool = await openPool();
  await pool.write(transcodeKey("a"), [transcodeJob({ id: "a" })]);
  await pool.write(aiKey("b"), [aiReceipt({ id: "b", requestID: "aa" })]);
  const { stdout } = await pool.call(["ingest", "--once", "--json"], {
    env: { PARTITIONS: "ai|us-central" },
  });
  expect(JSON.parse(stdout)).toEqual({ ...counts, objects: 1, events: 1, accepted: 1 });
});

test("given the status, it tells the open epoch, its partitions and the last closed one", async () => {
  const pool = await openPool();
  await pool.write(transcodeKey("a"), [transcodeJob({ id: "a" })]);
  await pool.json(["epoch", "close", "--at", "2025-11-06T00:00:00Z"]);
  await pool.write(transcodeKey("b"), [transcodeJob({ id: "b", account: account(1) })]);
  await pool.json(["ingest", "--once"]);
  const status = await pool.json(["status"]);
  expect(Object.keys(status)).toEqual(["openEpoch", "accruing", "partitions", "lastClosed", "asOf"]);
  expect(status).toMatchObject({
    openEpoch: { epoch: 2, opensAt: "2025-11-06T00:00:00Z", objects: 1, events: 1, accepted: 1, late: 1 },
    accruing: {
      gross: "1200003600",
      commission: "300000900",
      earned: "900002700",
      accounts: 1,
      waiting: "0",
    },
    partitions: [{ partition: "transcode|eu-central", objects: 1, newest: "2025-11-05T15:00:00Z" }],
    lastClosed: { epoch: 1, closesAt: "2025-11-06T00:00:00Z" },
    asOf: { object: transcodeKey("b"), epoch: 1, block: null },
  });
  const { stdout } = await pool.call(["status"]);
  expect(stdout).toMatch(/^epoch 2, open since 2025-11-06T00:00:00Z\n/);
  for (const line of [
    /^gross +0\.0000000012000036 ETH$/m,
    /^block +no chain$/m,
    /^transcode\|eu-central +1 +1 /m,
  ]) {
    expect(stdout).toMatch(line);
  }
});

test("given nothing read yet, the status says so", async () => {
  const pool = await openPool();
  const { code, stdout } = await pool.call(["status"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^epoch 1, open since its first event, which has not come yet\n/);
  expect(stdout).toMatch(/^last closed +none yet$/m);
});
