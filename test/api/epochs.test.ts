import { expect, test } from "vitest";
import { zeroAddress } from "../../offchain/core/address.ts";
import { ruleset } from "../support/ledger.ts";
import { epochTexts, manifestIn } from "../support/published.ts";
import {
  chainUpTo,
  closeEpochs,
  jsonOf,
  openApi,
  problemOf,
  readOpenEvents,
  type TestApi,
} from "./open-api.ts";

async function page(api: TestApi, query = ""): Promise<{ numbers: number[]; nextCursor: string | null }> {
  const { epochs, nextCursor } = await jsonOf(await api.request(`/v1/epochs${query}`));
  const numbers = (epochs as { epoch: number }[]).map(({ epoch }) => epoch);
  return { numbers, nextCursor: nextCursor as string | null };
}

test("given no closed epoch, the list is empty and the status has zeros", async () => {
  const api = await openApi();
  expect(await jsonOf(await api.request("/v1/epochs"))).toEqual({
    epochs: [],
    nextCursor: null,
    asOf: { object: null, epoch: 0, block: null },
  });
  expect(await jsonOf(await api.request("/status"))).toMatchObject({
    openEpoch: { epoch: 1, opensAt: null, objects: 0, events: 0 },
    accruing: { asset: zeroAddress, gross: "0", commission: "0", earned: "0", accounts: 0, waiting: "0" },
    partitions: [],
    lastClosed: null,
    asOf: { object: null, epoch: 0, block: null },
  });
});

test("given closed epochs and events after them, the status tells both, amounts as texts", async () => {
  const api = await openApi();
  await closeEpochs(api, 2);
  await readOpenEvents(api);
  api.seen.chain = chainUpTo({ active: 1 });
  const status = await jsonOf(await api.request("/status"));
  expect(status).toMatchObject({
    openEpoch: { epoch: 3, objects: 2, events: 6, accepted: 4, rejected: 1, duplicates: 1, late: 4 },
    accruing: {
      gross: String(1_000_003_000 + 1_000_000_007),
      commission: String(250_000_750 + 250_000_001),
      earned: String(750_002_250 + 750_000_006),
      accounts: 2,
      waitingJobs: 1,
      waiting: "1000000007",
    },
    lastClosed: { epoch: 2 },
    asOf: { epoch: 2, block: 1234 },
  });
  expect((status.partitions as { partition: string }[]).map(({ partition }) => partition)).toEqual([
    "ai|us-central",
    "transcode|eu-central",
  ]);
});

test("given a closed epoch, it is its manifest with hash and state", async () => {
  const api = await openApi();
  await closeEpochs(api, 3);
  api.seen.chain = chainUpTo({ active: 1, posted: 2 });
  for (const [epoch, state] of [
    [1, "active"],
    [2, "posted"],
    [3, "closed"],
  ] as const) {
    const shown = await jsonOf(await api.request(`/v1/epochs/${epoch}`));
    const manifest = manifestIn(await epochTexts(api.ledger.artifacts, epoch));
    expect(shown).toEqual({ ...manifest, manifestHash: shown.manifestHash, state });
    expect(shown).toMatchObject({ format: "payroot/epoch@1", epoch, ruleset });
    expect(shown.manifestHash).toMatch(/^0x[0-9a-f]{64}$/);
  }
});

test("given the list, each epoch has its number, state, times, root and manifest hash, the newest first", async () => {
  const api = await openApi();
  await closeEpochs(api, 2);
  const { epochs } = (await jsonOf(await api.request("/v1/epochs"))) as { epochs: Record<string, unknown>[] };
  for (const [index, listed] of epochs.entries()) {
    const shown = await jsonOf(await api.request(`/v1/epochs/${2 - index}`));
    const { epoch, state, opensAt, closesAt, root, manifestHash } = shown;
    expect(listed).toEqual({ epoch, state, opensAt, closesAt, root, manifestHash });
  }
  expect(epochs).toHaveLength(2);
});

test("given a limit, pages follow one another to the end and none is short or empty", async () => {
  const api = await openApi();
  await closeEpochs(api, 5);
  expect(await page(api, "?limit=2")).toEqual({ numbers: [5, 4], nextCursor: "4" });
  expect(await page(api, "?limit=2&cursor=4")).toEqual({ numbers: [3, 2], nextCursor: "2" });
  expect(await page(api, "?limit=2&cursor=2")).toEqual({ numbers: [1], nextCursor: null });
  expect(await page(api, "?limit=5")).toEqual({ numbers: [5, 4, 3, 2, 1], nextCursor: null });
  expect(await page(api, "?cursor=1")).toEqual({ numbers: [], nextCursor: null });
  expect(await page(api, "?cursor=9007199254740991&limit=1")).toEqual({ numbers: [5], nextCursor: "5" });
});

test("given epochs that close between two pages, no epoch is missed or told twice", async () => {
  const api = await openApi();
  await closeEpochs(api, 4);
  const told: number[] = [];
  let query = "?limit=1";
  for (;;) {
    const { numbers, nextCursor } = await page(api, query);
    told.push(...numbers);
    if (nextCursor === null) break;
    await closeEpochs(api, 1);
    query = `?limit=1&cursor=${nextCursor}`;
  }
  expect(told).toEqual([4, 3, 2, 1]);
});

test.each(["0", "-1", "1.5", "1e1", "", "%20", "abc", "1001", "9999999999999999999", "0x10", "%00", "１"])(
  "given a limit of %j, it is refused with a reason",
  async (limit) => {
    const { request } = await openApi();
    const problem = await problemOf(await request(`/v1/epochs?limit=${limit}`));
    expect(problem).toMatchObject({ status: 400, code: "invalid-query", title: "Bad Request" });
    expect(problem.detail).toContain('"limit"');
    expect(problem.facts).toEqual({
      given: decodeURIComponent(limit),
      expected: "a whole number from 1 to 1000",
    });
    expect(problem.next).toBe("correct the request");
  },
);

test.each(["0", "-1", "x", "", "9007199254740992"])("given a cursor of %j, it is refused", async (cursor) => {
  const { request } = await openApi();
  const problem = await problemOf(await request(`/v1/epochs?cursor=${cursor}`));
  expect(problem).toMatchObject({ status: 400, code: "invalid-query", facts: { given: cursor } });
});

test.each(["2", "99", "4294967295", "4294967296", "9007199254740991"])(
  "given epoch %s that was never closed, it is not found",
  async (epoch) => {
    const api = await openApi();
    await closeEpochs(api, 1);
    const problem = await problemOf(await api.request(`/v1/epochs/${epoch}`));
    expect(problem).toMatchObject({ status: 404, code: "epoch-unknown", facts: { epoch: Number(epoch) } });
  },
);

test.each(["0", "-1", "1.0", "one", "%20", "9007199254740992"])(
  "given epoch %s, it is refused",
  async (epoch) => {
    const { request } = await openApi();
    expect(await problemOf(await request(`/v1/epochs/${epoch}`))).toMatchObject({
      status: 400,
      code: "invalid-query",
    });
  },
);

test("given a manifest that was changed or lost, the answer says so, and so does the log", async () => {
  const api = await openApi();
  await closeEpochs(api, 1);
  const key = "epochs/000001/manifest.json";
  const stored = await api.ledger.artifacts.get(key);
  await api.ledger.artifacts.put(key, Buffer.from(stored?.bytes ?? []).fill(0x20, 0, 1));
  expect(await problemOf(await api.request("/v1/epochs/1"))).toMatchObject({
    status: 500,
    code: "manifest-damaged",
    facts: { key },
    next: "restore the file in the artifacts store",
  });
  await api.ledger.artifacts.delete(key);
  const problem = await problemOf(await api.request("/v1/epochs/1"));
  expect(problem.facts).toMatchObject({ key, found: "no such object" });
  expect(api.faults).toHaveLength(2);
});
