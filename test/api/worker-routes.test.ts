import { expect, test } from "vitest";
import { zeroAddress } from "../../offchain/core/address.ts";
import { parseCsv } from "../support/csv.ts";
import { account, transcodeKey, uuid } from "../support/events.ts";
import {
  chainUpTo,
  closeEpochs,
  jsonOf,
  openApi,
  overLedger,
  problemOf,
  readOpenEvents,
  type TestApi,
} from "./open-api.ts";

const stranger = "0x000000000000000000000000000000000000dEaD";
const amounts = { gross: "1200003600", commission: "300000900", earned: "900002700" };
const ether = ["0.0000000012000036", "0.0000000003000009", "0.0000000009000027"];

async function apiOf(epochs: number): Promise<TestApi> {
  const api = await openApi();
  await closeEpochs(api, epochs);
  return api;
}

const worker = (path: string, of = account(0)): string => `/v1/workers/${of}/${path}`;

test("given a worker of three epochs, then they are listed newest first with their states, page by page", async () => {
  const api = await apiOf(3);
  api.seen.chain = chainUpTo({ active: 1, posted: 2 });
  const page = await jsonOf(await api.request(worker("epochs?limit=2")));
  expect(page).toMatchObject({
    account: account(0),
    epochs: [
      { epoch: 3, state: "closed", closesAt: "2025-11-06T00:00:03Z", opensAt: "2025-11-06T00:00:02Z" },
      { epoch: 2, state: "posted", assets: [{ asset: zeroAddress, ...amounts, events: 1 }] },
    ],
    nextCursor: "2",
    asOf: { epoch: 3, block: 1234 },
  });
  const rest = await jsonOf(await api.request(worker(`epochs?limit=2&cursor=${page.nextCursor}`)));
  expect(rest).toMatchObject({ epochs: [{ epoch: 1, state: "active" }], nextCursor: null });
});

test("given a worker, then an epoch is explained, and without one the open epoch", async () => {
  const api = await apiOf(1);
  await readOpenEvents(api);
  const closed = await jsonOf(await api.request(worker("explain?epoch=1")));
  expect(closed).toMatchObject({ epoch: 1, assets: [amounts], events: [amounts], excluded: [] });
  const open = await jsonOf(await api.request(worker("explain")));
  expect(open).toMatchObject({
    epoch: 2,
    events: [{ id: uuid("open"), position: 0, earned: "750002250" }],
    excluded: [{ object: transcodeKey("open"), position: 2, reason: "duplicate" }],
  });
});

test("given an epoch explained again and again, then each of its files of proofs is read once", async () => {
  const { ledger } = await apiOf(2);
  const reads: string[] = [];
  const get: typeof ledger.artifacts.get = (key, options) => {
    if (key.includes("/proofs/")) reads.push(key);
    return ledger.artifacts.get(key, options);
  };
  const { request } = await overLedger({ ...ledger, artifacts: { ...ledger.artifacts, get } });
  for (let times = 0; times < 3; times++) await jsonOf(await request(worker("explain?epoch=2")));
  const shard = account(0).slice(2, 4).toLowerCase();
  expect(reads).toEqual([2, 1].map((epoch) => `epochs/00000${epoch}/proofs/${shard}.json`));
});

test("given a worker, then its statement comes as JSON, or as CSV to keep", async () => {
  const api = await apiOf(1);
  const statement = await jsonOf(await api.request(worker("statement")));
  expect(statement).toMatchObject({ account: account(0), rows: [amounts], totals: [amounts] });
  expect(await jsonOf(await api.request(worker("statement?format=json")))).toEqual(statement);
  const csv = await api.request(worker("statement?format=csv"));
  expect(csv.headers.get("content-type")).toBe("text/csv; charset=utf-8; header=present");
  expect(csv.headers.get("content-disposition")).toBe(`attachment; filename="payroot-${account(0)}.csv"`);
  expect(csv.headers.get("cache-control")).toBe("no-cache");
  const [, row] = parseCsv(await csv.text());
  expect(row).toEqual([
    ...["2025-11-06T00:00:01Z", "1", "transcode|eu-central", "1", ...ether],
    ...["0", "", "ETH"],
  ]);
});

test("given an account that never worked, then everything is there, and empty", async () => {
  const api = await apiOf(1);
  const nothing = { account: stranger };
  expect(await jsonOf(await api.request(worker("epochs", stranger)))).toEqual({
    ...{ ...nothing, epochs: [], nextCursor: null },
    asOf: { object: transcodeKey("epoch-1"), epoch: 1, block: null },
  });
  expect(await jsonOf(await api.request(worker("explain?epoch=1", stranger)))).toMatchObject({
    ...{ ...nothing, events: [], excluded: [], assets: [{ earned: "0" }] },
  });
  expect(await jsonOf(await api.request(worker("statement", stranger)))).toMatchObject({
    ...{ ...nothing, rows: [], totals: [] },
  });
});

test.each([
  ["epochs", "0x12", 400, "invalid-address"],
  ["explain", "0x12", 400, "invalid-address"],
  ["statement", "0x12", 400, "invalid-address"],
  ["epochs?limit=0", account(0), 400, "invalid-query"],
  ["epochs?cursor=x", account(0), 400, "invalid-query"],
  ["explain?epoch=-1", account(0), 400, "invalid-query"],
  ["explain?epoch=9", account(0), 404, "epoch-unknown"],
  ["statement?format=xlsx", account(0), 400, "invalid-query"],
])("given %s of %s, then it is refused with %i and %s", async (path, of, status, code) => {
  const api = await apiOf(1);
  const response = await api.request(`/v1/workers/${of}/${path}`);
  expect(await problemOf(response)).toMatchObject({ status, code });
  expect(api.faults).toEqual([]);
});
