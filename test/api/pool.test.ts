import { expect, test } from "vitest";
import { zeroAddress } from "../../offchain/core/address.ts";
import type { ProofEntry } from "../../offchain/core/artifacts.ts";
import { account } from "../support/events.ts";
import {
  chainUpTo,
  closeEpochs,
  jsonOf,
  numbered,
  openApi,
  problemOf,
  readJobs,
  readOpenEvents,
  type TestApi,
} from "./open-api.ts";

const earnedAnEpoch = 900_002_700n;
type Row = { rank: number; account: string; earned: string };

async function board(api: TestApi, query = "") {
  const shown = await jsonOf(await api.request(`/v1/leaderboard${query}`));
  const rows = (shown.rows as Row[]).map(({ rank, account, earned }) => [rank, account, earned]);
  return { ...shown, rows };
}

const verify = (
  api: TestApi,
  body: unknown,
  headers: Record<string, string> = { "content-type": "application/json" },
) =>
  api.request("/v1/verify", {
    method: "POST",
    headers,
    body:
      typeof body === "string" || body instanceof ReadableStream || body instanceof Uint8Array
        ? body
        : JSON.stringify(body),
    duplex: "half",
  } as RequestInit);

test("given nothing yet, the figures are zeros", async () => {
  const api = await openApi();
  expect(await jsonOf(await api.request("/v1/stats"))).toMatchObject({
    epochs: { closed: 0, posted: 0, active: 0, open: 1 },
    workers: { closed: 0, open: 0 },
    assets: [{ asset: zeroAddress, earned: "0", gross: "0", commission: "0" }],
    asOf: { object: null, epoch: 0, block: null },
  });
});

test("given epochs on chain and open events, the five states of the pool are the sums over its workers", async () => {
  const api = await openApi();
  await closeEpochs(api, 3);
  await readOpenEvents(api);
  const claimed = new Map([
    [account(0), 500n],
    [account(1), 7n],
  ]);
  api.seen.chain = {
    ...chainUpTo({ active: 1, posted: 2 }),
    amountsOf: async (of) => ({
      posted: 2n * earnedAnEpoch,
      active: earnedAnEpoch,
      claimed: claimed.get(of as never) ?? 0n,
    }),
    totals: async () => ({ posted: 2, active: 1, claimed: new Map([[zeroAddress, 507n]]) }),
  };
  const stats = await jsonOf(await api.request("/v1/stats"));
  expect(stats).toMatchObject({
    epochs: { closed: 3, posted: 2, active: 1, open: 4 },
    workers: { closed: 2, open: 2 },
    events: { all: { objects: 5, events: 12, accepted: 10, rejected: 1 }, open: { objects: 2, events: 6 } },
    asOf: { epoch: 3, block: 1234 },
  });
  const [pool] = stats.assets as Record<string, string>[];
  const sums: Record<string, bigint> = {};
  for (const index of [0, 1]) {
    const { assets } = await jsonOf(await api.request(`/v1/workers/${account(index)}`));
    for (const [name, amount] of Object.entries((assets as Record<string, string>[])[0] ?? {})) {
      if (name !== "asset") sums[name] = (sums[name] ?? 0n) + BigInt(amount);
    }
  }
  expect(pool).toMatchObject(
    Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, String(sum)])),
  );
  expect(BigInt(pool?.gross ?? 0)).toBe(BigInt(pool?.earned ?? 0) + BigInt(pool?.commission ?? 0));
});

test("given a change, the figures follow, each made once for each state of the ledger", async () => {
  const api = await openApi();
  await closeEpochs(api, 1);
  const tagOf = async () => (await api.request("/v1/stats")).headers.get("etag");
  const before = await tagOf();
  expect(await tagOf()).toBe(before);
  await readOpenEvents(api);
  expect(await tagOf()).not.toBe(before);
});

test("given a leaderboard, it is of the open epoch, of one closed epoch, or of all", async () => {
  const api = await openApi();
  await readJobs(api, {
    name: "first",
    fees: new Map([
      [1, 100],
      [2, 300],
    ]),
  });
  await api.ledger.close(1);
  await readJobs(api, {
    name: "second",
    fees: new Map([
      [1, 40],
      [3, 10],
    ]),
  });
  expect(await board(api)).toMatchObject({
    ...{ window: "epoch", epoch: 2, accounts: 2, asset: zeroAddress, asOf: { epoch: 1 } },
    rows: [
      [1, numbered(1), "120"],
      [2, numbered(3), "30"],
    ],
  });
  expect(await board(api, "?window=all")).toMatchObject({
    ...{ window: "all", epoch: null, accounts: 3 },
    rows: [
      [1, numbered(2), "900"],
      [2, numbered(1), "420"],
      [3, numbered(3), "30"],
    ],
  });
  const closed = await board(api, "?epoch=1&limit=1");
  expect(closed).toMatchObject({
    window: "epoch",
    epoch: 1,
    accounts: 2,
    asOf: null,
    rows: [[1, numbered(2), "900"]],
  });
});

test("given a closed epoch, its leaderboard may be kept for ever once the epoch cannot be revoked", async () => {
  const api = await openApi();
  await closeEpochs(api, 2);
  api.seen.chain = chainUpTo({ active: 1, posted: 2 });
  const kept = async (query: string) =>
    (await api.request(`/v1/leaderboard${query}`)).headers.get("cache-control");
  expect(await kept("?epoch=1")).toContain("immutable");
  for (const query of ["?epoch=2", "?window=all", ""]) expect(await kept(query)).toBe("no-cache");
});

test("given an AI pair in the open epoch, it counts on the leaderboard before the close", async () => {
  const api = await openApi();
  await readOpenEvents(api);
  expect((await board(api)).rows).toEqual([
    [1, account(0), "750002250"],
    [2, account(1), "750000006"],
  ]);
});

test.each([
  ["?window=week", 400, "invalid-query"],
  ["?window=all&epoch=1", 400, "invalid-query"],
  ["?limit=1001", 400, "invalid-query"],
  ["?epoch=9", 404, "epoch-unknown"],
])("given the leaderboard %s, it is refused with %i", async (query, status, code) => {
  const api = await openApi();
  await closeEpochs(api, 1);
  expect(await problemOf(await api.request(`/v1/leaderboard${query}`))).toMatchObject({ status, code });
});

test("given a proof as it was told, it is valid by root and by epoch, and one wei more is not", async () => {
  const api = await openApi();
  await closeEpochs(api, 2);
  api.seen.chain = chainUpTo({ active: 1 });
  const proven = await jsonOf(await api.request(`/v1/workers/${account(0)}/proof?epoch=1`));
  const [leaf] = proven.leaves as ProofEntry[];
  const statement = { account: account(0).toLowerCase(), ...leaf };
  const { root } = proven;
  for (const against of [{ root }, { epoch: 1 }, { root: String(root).toUpperCase().replace("0X", "0x") }]) {
    expect(await jsonOf(await verify(api, { ...statement, ...against }))).toMatchObject({
      ...{ valid: true, root, onChain: true },
      epochs: [{ epoch: 1, state: "active" }],
    });
  }
  const wrong = { ...statement, root, cumulative: String(earnedAnEpoch + 1n) };
  expect(await jsonOf(await verify(api, wrong))).toMatchObject({ valid: false, onChain: true });
  expect(await jsonOf(await verify(api, { ...statement, epoch: 2 }))).toMatchObject({
    valid: false,
    onChain: false,
  });
  const strange = { ...statement, root: `0x${"12".repeat(32)}` };
  expect(await jsonOf(await verify(api, strange))).toMatchObject({
    valid: false,
    epochs: [],
    onChain: false,
  });
});

const good = { epoch: 1, account: account(0), asset: zeroAddress, cumulative: "1", proof: [] };
test.each([
  ["no JSON", "{", 400, "invalid-body"],
  ["bytes that are no UTF-8", Uint8Array.of(0x22, 0xff, 0x22), 400, "invalid-body"],
  ["nothing", "", 400, "invalid-body"],
  ["a list", [], 400, "invalid-body"],
  ["null", "null", 400, "invalid-body"],
  ["no epoch and no root", { ...good, epoch: undefined }, 400, "invalid-body"],
  ["both", { ...good, root: `0x${"12".repeat(32)}` }, 400, "invalid-body"],
  ["a property too many", { ...good, more: 1 }, 400, "invalid-body"],
  ["a number for an amount", { ...good, cumulative: 1 }, 400, "invalid-body"],
  ["2^256", { ...good, cumulative: String(2n ** 256n) }, 400, "invalid-body"],
  ["a bad address", { ...good, account: "0x12" }, 400, "invalid-body"],
  ["a proof of no tree", { ...good, proof: Array(65).fill(`0x${"12".repeat(32)}`) }, 400, "invalid-body"],
  ["a short hash", { ...good, proof: ["0x12"] }, 400, "invalid-body"],
  ["an unknown epoch", { ...good, epoch: 9 }, 404, "epoch-unknown"],
  ["half a megabyte", "x".repeat(500_000), 413, "body-too-large"],
])("given %s to verify, it is refused with what was expected", async (_what, body, status, code) => {
  const api = await openApi();
  const problem = await problemOf(await verify(api, body));
  expect(problem).toMatchObject({ status, code, facts: expect.any(Object), next: expect.any(String) });
});

test("given a body without a declared length, it is counted as it comes and not read to its end", async () => {
  const api = await openApi();
  let pulled = 0;
  const endless = new ReadableStream({
    pull: (controller) => {
      pulled += 1;
      controller.enqueue(new Uint8Array(1024));
    },
  });
  expect(await problemOf(await verify(api, endless))).toMatchObject({ status: 413, code: "body-too-large" });
  expect(pulled).toBeLessThan(40);
});

test.each(["text/plain", "application/x-www-form-urlencoded", "application/jsonx"])(
  "given a body of type %s, it is refused",
  async (type) => {
    const api = await openApi();
    const problem = await problemOf(await verify(api, good, { "content-type": type }));
    expect(problem).toMatchObject({ status: 415, code: "body-type-unsupported", facts: { given: type } });
  },
);

test("given a page of another origin, it may ask for a check, and write nothing else", async () => {
  const { request } = await openApi();
  const headers = { origin: "https://pool.example", "access-control-request-method": "POST" };
  const methodsFor = async (path: string) =>
    (await request(path, { method: "OPTIONS", headers })).headers.get("access-control-allow-methods");
  expect(await methodsFor("/v1/verify")).toBe("POST");
  expect(await methodsFor("/v1/stats")).toBe("GET,HEAD");
  expect(await methodsFor("/v1/events")).toBe("");
});
