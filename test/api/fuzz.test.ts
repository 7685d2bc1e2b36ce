import fc from "fast-check";
import { expect, test } from "vitest";
import { account } from "../support/events.ts";
import { textOf } from "./conformance.ts";
import { chainUpTo, closeEpochs, documentOf, openApi, readOpenEvents, type TestApi } from "./open-api.ts";

// Every route of the document is asked with whatever its parameters, body and headers may be. That each answer is as
// the document says, `openApi` checks.

const inside = /\n\s+at |\.ts:\d|node_modules|file:\/\//;

const nasty = fc.oneof(
  fc.constantFrom(
    ...[
      "",
      "0",
      "1",
      "2",
      "-1",
      "+1",
      "1e9",
      "0x1",
      "4294967295",
      "4294967296",
      "9007199254740991",
      "NaN",
      "Infinity",
    ],
    ...[
      "__proto__",
      "constructor",
      "toString",
      "..",
      ".",
      "%",
      "%2f",
      "%00",
      "%ff",
      "%E0%A4%A",
      "%u0031",
      "\u202e",
    ],
    ...[
      "'--",
      "$(id)",
      "<script>",
      "{{7*7}}",
      "a".repeat(10_000),
      "💰",
      "\ud800",
      account(0),
      account(0).toLowerCase(),
    ],
    ...["csv", "json", "ndjson", "earned", "all", "epoch", "*", ":epoch", "[]", "null", "true"],
  ),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }).map(String),
  fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => `0x${Buffer.from(bytes).toString("hex")}`),
);
const raw = fc.oneof(
  nasty,
  nasty.map((text) => encodeURIComponent(text.toWellFormed())),
);

type Described = { name: string; in: string }[];
type Asked = { method: string; path: string; headers: Record<string, string>; body: string | undefined };

const plausible: Readonly<Record<string, readonly string[]>> = {
  account: [account(0), account(1).toLowerCase()],
  epoch: ["1", "2", "3"],
  limit: ["1", "1000"],
  format: ["json", "csv", "ndjson"],
  sort: ["address", "earned"],
  window: ["epoch", "all"],
  cursor: ["0", "1", "2", account(0)],
};

/** Mostly what could be meant by a parameter, sometimes anything. */
function valueFor(name: string): fc.Arbitrary<string> {
  const known = Object.hasOwn(plausible, name) ? plausible[name] : undefined;
  return known === undefined ? raw : fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...known) }, raw);
}

function pathOf(template: string): fc.Arbitrary<string> {
  const parts = template
    .split("/")
    .map((part) => (part.startsWith("{") ? valueFor(part.slice(1, -1)) : fc.constant(part)));
  return fc.tuple(...parts).map((texts) => texts.join("/"));
}

function queryOf(parameters: Described): fc.Arbitrary<string> {
  const known = parameters.filter((parameter) => parameter.in === "query").map(({ name }) => name);
  const name = known.length === 0 ? raw : fc.oneof({ weight: 20, arbitrary: fc.constantFrom(...known) }, raw);
  const pair = name.chain((left) =>
    fc.option(valueFor(left)).map((right) => (right === null ? left : `${left}=${right}`)),
  );
  return fc.array(pair, { maxLength: 2 }).map((pairs) => (pairs.length === 0 ? "" : `?${pairs.join("&")}`));
}

const names = ["root", "epoch", "account", "asset", "cumulative", "proof", "jobDetails", "__proto__"];
const hashText = fc.oneof(fc.constant(`0x${"5e".repeat(32)}`), nasty);
const anything = fc.oneof(
  nasty,
  fc.integer(),
  fc.double(),
  fc.array(hashText),
  fc.constant(null),
  fc.object(),
);
const body = fc.oneof(
  fc.json(),
  fc.dictionary(fc.constantFrom(...names), anything).map((fields) => JSON.stringify(fields)),
  fc.string({ unit: "binary", maxLength: 200 }),
  fc.constantFrom(
    "",
    "{",
    "[[[[",
    "1e999",
    '{"__proto__":{"root":1}}',
    `[${"[".repeat(5000)}`,
    "x".repeat(20_000),
  ),
);
const headerName = fc.constantFrom(
  ...["if-none-match", "accept-encoding", "accept", "origin", "range", "x-forwarded-for", "x-request-id"],
  ...["content-type", "content-encoding", "expect", "if-modified-since", "authorization", "cookie"],
);
const headerValue = fc.oneof(
  fc.constantFrom("*", '"', 'W/"', "gzip", "gzip;q=NaN", "gzip;q=1e999,*;q=0", "br;q=0.1, gzip;q=0.2"),
  fc.constantFrom(
    "bytes=0-1,-1",
    "null",
    ",,,",
    '"'.repeat(5000),
    "application/json",
    "application/x-ndjson",
  ),
  fc.string({ maxLength: 40 }).map((text) => text.replace(/[^\t\x20-\x7e]/g, "")),
);
const methods = fc.constantFrom("HEAD", "OPTIONS", "GET", "POST", "PUT", "DELETE", "PROPFIND");

async function requestsTo(api: TestApi): Promise<fc.Arbitrary<Asked>> {
  const { paths } = (await documentOf(api.app)) as unknown as {
    paths: Record<string, Record<string, { parameters?: Described }>>;
  };
  const operations = Object.entries(paths).flatMap(([template, described]) =>
    Object.entries(described).map(([method, { parameters = [] }]) => {
      const path = fc.tuple(pathOf(template), queryOf(parameters)).map((parts) => parts.join(""));
      const own = fc.constant(method.toUpperCase());
      return fc.record({ path, method: fc.oneof({ weight: 4, arbitrary: own }, methods) });
    }),
  );
  const nowhere = fc.record({
    path: fc.array(raw, { maxLength: 6 }).map((parts) => `/${parts.join("/")}`),
    method: methods,
  });
  const headers = fc.dictionary(headerName, headerValue, { maxKeys: 3 });
  const asked = fc.oneof(...operations, nowhere);
  return fc.tuple(asked, headers, body).map(([{ path, method }, given, sent]) => {
    const writes = method !== "GET" && method !== "HEAD";
    const type = writes && given["content-type"] === undefined ? { "content-type": "application/json" } : {};
    return { method, path, headers: { ...type, ...given }, body: writes ? sent : undefined };
  });
}

test("given any request to any route, the answer is as the document says, no fault of ours, and shows no inside", async () => {
  const api = await openApi();
  await closeEpochs(api, 2);
  await readOpenEvents(api);
  api.seen.chain = chainUpTo({ active: 1 });
  const property = fc.asyncProperty(await requestsTo(api), async ({ method, path, headers, body }) => {
    const { pathname, search } = new URL(
      `http://pool.example${path.startsWith("//") ? path.slice(1) : path}`,
    );
    const request = { method, headers, ...(body === undefined ? {} : { body }) };
    const response = await api.request(pathname + search, request);
    expect(response.status, await response.clone().text()).toBeLessThan(500);
    const text = await textOf(response);
    if (response.status < 400 || method === "HEAD") return;
    expect(text).not.toMatch(inside);
    expect(text).not.toContain(api.ledger.folder);
    expect(text.length).toBeLessThan(3000);
    expect(JSON.parse(text)).toMatchObject({ type: "about:blank", status: response.status });
  });
  await fc.assert(property, { numRuns: 5000 });
  expect(api.faults).toEqual([]);
}, 60_000);
