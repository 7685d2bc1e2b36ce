import { expect, test } from "vitest";
import { keccak256Hex } from "../../offchain/core/hash.ts";
import { epochTexts } from "../support/published.ts";
import {
  chainUpTo,
  closeEpochs,
  jsonOf,
  openApi,
  problemOf,
  readJobs,
  readOpenEvents,
  type TestApi,
} from "./open-api.ts";

const forEver = "public, max-age=31536000, immutable";
const names = ["leaves", "earnings", "rejections"] as const;

async function opened(): Promise<TestApi> {
  const api = await openApi();
  await readOpenEvents(api);
  await readJobs(api, {
    name: "more",
    fees: new Map(Array.from({ length: 10 }, (_, index) => [index, 100 + index])),
  });
  await closeEpochs(api, 1);
  return api;
}

test("given a manifest, it is byte for byte what was published, under its hash", async () => {
  const api = await opened();
  const published = (await epochTexts(api.ledger.artifacts, 1)).get("manifest.json") ?? "";
  for (const [active, cache] of [
    [0, "no-cache"],
    [1, forEver],
  ] as const) {
    api.seen.chain = chainUpTo({ active });
    const response = await api.request("/v1/epochs/1/manifest");
    expect(await response.text()).toBe(published);
    expect(response.headers.get("etag")).toBe(`"${keccak256Hex(Buffer.from(published))}"`);
    expect(response.headers.get("cache-control")).toBe(cache);
  }
});

test.each(names)("given %s, the whole file comes as published, by format or by Accept", async (name) => {
  const api = await opened();
  const published = (await epochTexts(api.ledger.artifacts, 1)).get(`${name}.ndjson`);
  const path = `/v1/epochs/1/${name}`;
  const accept = { headers: { accept: "application/x-ndjson" } };
  for (const response of [await api.request(`${path}?format=ndjson`), await api.request(path, accept)]) {
    expect(response.headers.get("content-type")).toBe("application/x-ndjson");
    expect(response.headers.get("vary")).toBe("Accept-Encoding, Accept");
    expect(await response.text()).toBe(published);
  }
  await jsonOf(await api.request(`${path}?format=json`, accept));
});

test.each(names)("given %s page by page, the lines are those of the file", async (name) => {
  const api = await opened();
  api.seen.chain = chainUpTo({ active: 1 });
  const published = (await epochTexts(api.ledger.artifacts, 1)).get(`${name}.ndjson`) ?? "";
  const expected = published
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line));
  const lines: unknown[] = [];
  for (let cursor: unknown = "0"; cursor !== null; ) {
    const response = await api.request(`/v1/epochs/1/${name}?limit=3&cursor=${cursor}`);
    expect(response.headers.get("cache-control")).toBe(forEver);
    const page = await jsonOf(response);
    lines.push(...(page.lines as unknown[]));
    cursor = page.nextCursor;
  }
  expect(lines).toEqual(expected);
  expect(expected.length).toBeGreaterThan(0);
});

test("given a cursor that is no place in the file, it is refused", async () => {
  const api = await opened();
  for (const cursor of ["1", "999999999", "-1", "x", "9007199254740992"]) {
    const problem = await problemOf(await api.request(`/v1/epochs/1/leaves?cursor=${cursor}`));
    expect(problem).toMatchObject({ status: 400, code: "invalid-query", facts: { given: cursor } });
  }
});

test("given a file that was changed, cut, made longer or lost, none of it is served", async () => {
  const api = await opened();
  const key = "epochs/000001/leaves.ndjson";
  const stored = Buffer.from((await api.ledger.artifacts.get(key))?.bytes ?? []);
  const changed = Buffer.from(stored.toString().replace("1", "2"));
  for (const content of [changed, stored.subarray(0, -1), Buffer.concat([stored, stored]), undefined]) {
    if (content === undefined) await api.ledger.artifacts.delete(key);
    else await api.ledger.artifacts.put(key, content);
    for (const query of ["", "?format=ndjson"]) {
      const problem = await problemOf(await api.request(`/v1/epochs/1/leaves${query}`));
      expect(problem).toMatchObject({ status: 500, code: "artifact-damaged", facts: { file: key } });
    }
  }
  await api.ledger.artifacts.put(key, stored);
  expect(await (await api.request("/v1/epochs/1/leaves?format=ndjson")).text()).toBe(stored.toString());
});

test("given an epoch that was never closed, it has no files", async () => {
  const api = await openApi();
  for (const name of ["manifest", ...names]) {
    const problem = await problemOf(await api.request(`/v1/epochs/1/${name}`));
    expect(problem).toMatchObject({ status: 404, code: "epoch-unknown" });
  }
});
