import fc from "fast-check";
import { expect, test } from "vitest";
import { compareAddresses, zeroAddress } from "../../offchain/core/address.ts";
import { account } from "../support/events.ts";
import { withTestLedger } from "../support/ledger.ts";
import {
  closeEpochs,
  jsonOf,
  numbered,
  openApi,
  overLedger,
  problemOf,
  readJobs,
  readOpenEvents,
} from "./open-api.ts";

type Page = {
  epoch: number | null;
  workers: { account: string; assets: { asset: string; earned: string; accruing: string }[] }[];
  nextCursor: string | null;
  asOf: { epoch: number };
};
type Reader = { request: (path: string) => Promise<Response> };

async function page(api: Reader, query: string): Promise<Page> {
  return (await jsonOf(await api.request(`/v1/workers?${query}`))) as Page;
}

/** Every account of a walk from the first page to the last, with something happening before each further page. */
async function walked(
  api: Reader,
  query: string,
  between: () => Promise<void> = async () => {},
): Promise<string[]> {
  const told: string[] = [];
  let cursor = "";
  for (;;) {
    const { workers, nextCursor } = await page(api, query + cursor);
    told.push(...workers.map((worker) => worker.account));
    if (nextCursor === null) return told;
    expect(workers.length).toBeGreaterThan(0);
    await between();
    cursor = `&cursor=${nextCursor}`;
  }
}

test("given nobody who ever earned, the list is empty", async () => {
  const api = await openApi();
  for (const sort of ["address", "earned"]) {
    expect(await page(api, `sort=${sort}`)).toMatchObject({ epoch: null, workers: [], nextCursor: null });
  }
});

test("given closed epochs and events since, each has what `worker show` says was earned", async () => {
  const api = await openApi();
  await closeEpochs(api, 2);
  await readOpenEvents(api);
  await readJobs(api, { name: "new", fees: new Map([[7, 100]]) });
  const { workers, asOf } = await page(api, "limit=1000");
  expect(workers.map((worker) => worker.account)).toEqual(
    [account(0), account(1), numbered(7)].sort(compareAddresses),
  );
  for (const { account: one, assets } of workers) {
    const shown = await jsonOf(await api.request(`/v1/workers/${one}`));
    expect(shown.assets).toMatchObject(assets);
  }
  expect(workers.find((worker) => worker.account === numbered(7))?.assets).toEqual([
    { asset: zeroAddress, earned: "300", accruing: "300" },
  ]);
  expect(asOf.epoch).toBe(2);
});

test("given the order by earned, it is that of the last close, more first and equal ones by address", async () => {
  const api = await openApi();
  const fees = new Map([
    [1, 50],
    [2, 900],
    [3, 50],
    [4, 7],
    [5, 900],
  ]);
  await readJobs(api, { name: "first", fees });
  await api.ledger.close(1);
  await readJobs(api, {
    name: "since",
    fees: new Map([
      [4, 10_000],
      [6, 10_000],
    ]),
  });
  const tied = (...indices: number[]) => indices.map(numbered).sort(compareAddresses);
  const expected = [...tied(2, 5), ...tied(1, 3), numbered(4)];
  expect(await walked(api, "sort=earned&limit=2")).toEqual(expected);
  const { epoch, workers } = await page(api, "sort=earned");
  expect(epoch).toBe(1);
  expect(workers.at(-1)?.assets[0]).toMatchObject({ earned: String(3 * (7 + 10_000)), accruing: "30000" });
});

test("given any amounts that move between the pages, a walk tells everyone who was there exactly once", async () => {
  const amounts = fc.dictionary(fc.nat(40).map(String), fc.integer({ min: 1, max: 9 }), { minKeys: 1 });
  const asMap = (from: Record<string, number>) =>
    new Map(Object.entries(from).map(([key, fee]) => [Number(key), fee]));
  const moves = fc.array(fc.record({ fees: amounts, close: fc.boolean() }), { maxLength: 6 });
  const sort = fc.constantFrom("address", "earned");
  const property = fc.asyncProperty(
    amounts,
    moves,
    sort,
    fc.integer({ min: 1, max: 7 }),
    async (first, later, by, limit) =>
      withTestLedger(async (ledger) => {
        const api = await overLedger(ledger);
        await readJobs({ ledger }, { name: "first", fees: asMap(first) });
        await ledger.close(1);
        const there = Object.keys(first).map((key) => numbered(Number(key)));
        const waiting = later.entries();
        const told = await walked(api, `sort=${by}&limit=${limit}`, async () => {
          const next = waiting.next();
          if (next.done) return;
          const [index, { fees, close }] = next.value;
          await readJobs({ ledger }, { name: `later ${index}`, fees: asMap(fees) });
          if (close) await ledger.close(index + 2);
        });
        expect(new Set(told).size).toBe(told.length);
        expect(told).toEqual(expect.arrayContaining(there));
        const ordered = [...told].sort((a, b) => compareAddresses(a as `0x${string}`, b as `0x${string}`));
        if (by === "address") expect(told).toEqual(ordered);
        else expect(told).toHaveLength(there.length);
      }),
  );
  await fc.assert(property, { numRuns: 25 });
});

test.each([
  ["sort=earned", "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"],
  ["sort=address", "1-1-0123456789abcdef"],
  ["sort=earned", "1-1-0123456789abcdef"],
  ["sort=address", "0x70997970c51812dc3A010C7d01b50e0d17dc79C8"],
  ["sort=address", "x"],
  ["sort=earned", "0-0-0123456789abcdef"],
])("given %s with the cursor %s of something else, it is refused", async (sort, cursor) => {
  const api = await openApi();
  await closeEpochs(api, 1);
  const problem = await problemOf(await api.request(`/v1/workers?${sort}&cursor=${cursor}`));
  expect(problem).toMatchObject({ status: 400, code: "invalid-query", facts: { given: cursor } });
});

test("given a cursor of an epoch that was never closed, it is not found", async () => {
  const api = await openApi();
  const problem = await problemOf(await api.request("/v1/workers?sort=earned&cursor=9-1-0123456789abcdef"));
  expect(problem).toMatchObject({ status: 404, code: "epoch-unknown" });
});
