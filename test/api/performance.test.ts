import { expect, test } from "vitest";
import { createPerformances } from "../../offchain/pipeline/performance/performances.ts";
import { noChainView } from "../../offchain/pipeline/workers/worker.ts";
import {
  account,
  aiJob,
  aiKey,
  aiReceipt,
  connection,
  transcodeJob,
  transcodeKey,
} from "../support/events.ts";
import { ruleset, type TestLedger } from "../support/ledger.ts";
import { openApi } from "./open-api.ts";

const noon = Date.UTC(2025, 10, 5, 16);

/** The API over a ledger, with a clock that stands at an hour after the events. */
async function openAt(time: { now: number }) {
  let ledger: TestLedger | undefined;
  const api = await openApi({
    performance: {
      read: (query) => {
        if (ledger === undefined) throw new Error("not open");
        const ports = { store: ledger.store, chain: noChainView, ruleset };
        kept ??= createPerformances(ports, { now: () => time.now });
        return kept.read(query);
      },
    },
  });
  let kept: ReturnType<typeof createPerformances> | undefined;
  ledger = api.ledger;
  return api;
}

type Page = { performance: { account: string }[]; nextCursor: string | null };

const get = async (api: Awaited<ReturnType<typeof openAt>>, path: string) => {
  const response = await api.request(`/v1/performance${path}`);
  return { status: response.status, body: (await response.json()) as Page };
};

test("given transcoding and AI jobs, then each worker is shown with its figures, in units that are said", async () => {
  const api = await openAt({ now: noon });
  await api.ledger.write(transcodeKey("a"), [
    connection({ id: "c", type: "worker-connected", second: 1 }),
    transcodeJob({ id: "1", second: 5 }),
  ]);
  await api.ledger.write(aiKey("a"), [
    aiJob({ id: "job", requestID: "r", second: 7 }),
    aiReceipt({ id: "receipt", requestID: "r", account: account(1), second: 8 }),
  ]);
  await api.ledger.ingest();

  const { status, body } = await get(api, "?window=24h");

  expect(status).toBe(200);
  const same = (value: number) => ({
    ...{ mean: value, min: value, p50: value, p90: value, p95: value, p99: value, max: value },
  });
  expect(body).toMatchObject({
    window: "24h",
    epoch: null,
    from: "2025-11-04T16:00:00Z",
    until: "2025-11-05T16:00:00Z",
    nextCursor: null,
    performance: [
      {
        ...{ nodeType: "ai", region: "us-central", pipeline: "text-to-image", model: "model" },
        ...{ account: account(1), rank: 1, workers: 1, percentile: 100, jobs: 1 },
        ...{ computeUnits: "1000000007", feesWei: "1000000007", realTimeRatio: null },
        responseTimeMs: same(2400),
        ...{ connections: 0, active: false, lastSeen: "2025-11-05T15:00:08Z" },
      },
      {
        ...{ nodeType: "transcode", region: "eu-central", pipeline: null, model: null },
        ...{ account: account(0), jobs: 1, computeUnits: "1000003", feesWei: "1200003600" },
        realTimeRatio: same(8),
        responseTimeMs: same(240),
        computeUnitsPerSecond: same(1_000_003_000 / 240),
        ...{ connections: 1, active: true, lastSeen: "2025-11-05T15:00:05Z" },
      },
    ],
  });
  expect((await get(api, "?nodeType=ai")).body.performance).toHaveLength(1);
  expect((await get(api, "?region=eu-central")).body.performance).toHaveLength(1);
  expect((await get(api, "?model=other")).body.performance).toEqual([]);
  expect((await get(api, `?account=${account(0).toLowerCase()}`)).body.performance).toHaveLength(1);
  expect((await get(api, "?window=epoch")).body).toMatchObject({ epoch: 1, from: null, until: null });
});

test("given pages that are read while the ledger moves, then together they are one ranking, each worker once", async () => {
  const time = { now: noon };
  const api = await openAt(time);
  const write = async (name: string, ratios: readonly number[]) => {
    const jobs = ratios.map((ratio, index) => {
      const job = transcodeJob({ id: `${name} ${index}`, account: account(index) });
      return { ...job, Payload: { ...job.Payload, realTimeRatio: ratio } };
    });
    await api.ledger.write(transcodeKey(name), jobs);
    await api.ledger.ingest();
  };
  await write("a", [4, 3, 2, 1]);
  const first = (await get(api, "?limit=2")).body;
  await write("b", [1, 2, 90, 91]);
  time.now += 31_000;

  const fresh = (await get(api, "?limit=2")).body;
  const second = (await get(api, `?limit=2&cursor=${first.nextCursor}`)).body;

  const accounts = [...first.performance, ...second.performance].map(({ account }) => account);
  expect(accounts).toEqual([0, 1, 2, 3].map(account));
  expect(fresh.performance.map(({ account }) => account)).toEqual([account(3), account(2)]);
  time.now += 31_000;
  await get(api, "");
  expect(await get(api, `?limit=2&cursor=${first.nextCursor}`)).toMatchObject({
    status: 410,
    body: { code: "performance-gone" },
  });
});

test("given an epoch without a window, then it is that epoch's; with a window of time it is refused", async () => {
  const api = await openAt({ now: noon });
  await api.ledger.write(transcodeKey("a"), [transcodeJob({ id: "1" })]);
  await api.ledger.ingest();

  expect((await get(api, "?epoch=1")).body).toMatchObject({ window: "epoch", epoch: 1, from: null });
  expect(await get(api, "?epoch=2")).toMatchObject({ status: 404, body: { code: "epoch-unknown" } });
  expect(await get(api, "?epoch=1&window=24h")).toMatchObject({
    status: 400,
    body: { code: "invalid-query", facts: { given: "24h", expected: "epoch, where an epoch is given" } },
  });
});

test("given a window, epoch or cursor that is none, then it is refused with the reason", async () => {
  const api = await openAt({ now: noon });
  expect(await get(api, "?window=year")).toMatchObject({ status: 400, body: { code: "invalid-query" } });
  expect(await get(api, "?window=epoch&epoch=9")).toMatchObject({
    status: 404,
    body: { code: "epoch-unknown" },
  });
  expect(await get(api, "?cursor=1.x")).toMatchObject({ status: 400, body: { code: "invalid-query" } });
  expect(await get(api, "?account=0x12")).toMatchObject({ status: 400, body: { code: "invalid-address" } });
});
