import { connect } from "node:net";
import { text as textOf } from "node:stream/consumers";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { createApp } from "../../offchain/api/app.ts";
import { listen } from "../../offchain/api/server.ts";
import { account } from "../support/events.ts";
import { openTestLedger } from "../support/ledger.ts";
import { chainUpTo, closeEpochs, dependenciesOf, openApi, readOpenEvents } from "./open-api.ts";

const stack = /\n\s+at |\.ts:\d|node_modules|file:\/\//;

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
    ...["health", "v1", "epochs", "workers", "proof", "status", "*", ":epoch", "[]", "null", "true"],
  ),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }).map(String),
  fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => `0x${Buffer.from(bytes).toString("hex")}`),
);
const raw = fc.oneof(
  nasty,
  nasty.map((text) => encodeURIComponent(text.toWellFormed())),
);
const path = fc.oneof(
  raw.map((part) => `/v1/epochs/${part}`),
  raw.map((part) => `/v1/workers/${part}`),
  fc
    .tuple(raw, fc.constantFrom("proof", "epochs", "explain", "statement"))
    .map(([part, name]) => `/v1/workers/${part}/${name}`),
  fc.constantFrom(
    "/v1/epochs",
    ...["", "/proof", "/epochs", "/explain", "/statement"].map((name) => `/v1/workers/${account(0)}${name}`),
    "/status",
    "/ready",
  ),
  fc.array(raw, { maxLength: 6 }).map((parts) => `/${parts.join("/")}`),
);
const query = fc.array(fc.tuple(fc.oneof(fc.constantFrom("limit", "cursor", "epoch", "format"), raw), raw), {
  maxLength: 3,
});
const headerName = fc.constantFrom(
  "if-none-match",
  "accept-encoding",
  "accept",
  "origin",
  "range",
  "x-forwarded-for",
);
const headerValue = fc.oneof(
  fc.constantFrom(
    "*",
    '"',
    'W/"',
    "gzip;q=NaN",
    "gzip;q=1e999,*;q=0",
    "bytes=0-1,-1",
    "null",
    ",,,",
    '"'.repeat(5000),
  ),
  fc.string({ maxLength: 40 }).map((text) => text.replace(/[^\t\x20-\x7e]/g, "")),
);

test("given any path, query, headers and method, the answer is no fault of ours and shows no inside", async () => {
  const api = await openApi();
  await closeEpochs(api, 2);
  await readOpenEvents(api);
  api.seen.chain = chainUpTo({ active: 1 });
  const methods = fc.constantFrom("GET", "GET", "GET", "HEAD", "OPTIONS", "POST", "DELETE", "PROPFIND");
  const headers = fc.dictionary(headerName, headerValue, { maxKeys: 3 });
  const property = fc.asyncProperty(path, query, methods, headers, async (where, asked, method, head) => {
    const words = asked.map(([name, value]) => `${name}=${value}`).join("&");
    const url = new URL(
      `http://pool.example${where.startsWith("//") ? where.slice(1) : where}${words && "?"}${words}`,
    );
    const request = new Request(url, { method, headers: head });
    const response = await api.request(url.pathname + url.search, request);
    expect([200, 204, 304, 400, 404, 405, 414]).toContain(response.status);
    if (response.headers.has("content-encoding")) return;
    const text = await response.text();
    expect(text).not.toMatch(stack);
    if (response.status >= 400 && method !== "HEAD") {
      expect(JSON.parse(text)).toMatchObject({ type: "about:blank", status: response.status });
      expect(text.length).toBeLessThan(3000);
    }
  });
  await fc.assert(property, { numRuns: 3000 });
  expect(api.faults).toEqual([]);
});

async function serve() {
  const faults: unknown[] = [];
  const app = createApp({
    ...dependenciesOf(await openTestLedger()),
    onFault: (error) => faults.push(error),
  });
  const server = await listen(app, { host: "127.0.0.1", port: 0 });
  onTestFinished(server.close);
  return { port: Number(new URL(server.url).port), faults };
}

async function say(port: number, message: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.write(message);
  return textOf(socket);
}

const head = "Host: x\r\nConnection: close\r\n\r\n";
test.each([
  ["a path of dots", `GET /../../../etc/passwd HTTP/1.1\r\n${head}`, /^HTTP\/1\.1 404/],
  ["a double slash", `GET //evil.example/health HTTP/1.1\r\n${head}`, /^HTTP\/1\.1 404/],
  ["a whole URL for a path", `GET http://evil.example/health HTTP/1.1\r\n${head}`, /^HTTP\/1\.1 (200|400)/],
  ["a bad host", "GET /health HTTP/1.1\r\nHost: a b/c\r\nConnection: close\r\n\r\n", /^HTTP\/1\.1 400/],
  ["no host", "GET /health HTTP/1.1\r\nConnection: close\r\n\r\n", /^HTTP\/1\.1 400/],
  ["bytes beyond ASCII", `GET /v1/epochs/\u00ff\u00fe HTTP/1.1\r\n${head}`, /^HTTP\/1\.1 400/],
  ["no HTTP at all", "hello\r\n\r\n", /^HTTP\/1\.1 400/],
  [
    "headers without end",
    `GET /health HTTP/1.1\r\nHost: x\r\nA: ${"a".repeat(40_000)}\r\n\r\n`,
    /^HTTP\/1\.1 431/,
  ],
  [
    "two lengths",
    `POST /health HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n${head}`,
    /^HTTP\/1\.1 400/,
  ],
  ["an unknown method", `BREW /health HTTP/1.1\r\n${head}`, /^HTTP\/1\.1 400/],
  [
    "a body that is not wanted",
    `POST /health HTTP/1.1\r\nContent-Length: 4\r\n${head}abcd`,
    /^HTTP\/1\.1 405/,
  ],
])("given %s on the wire, the server refuses it and goes on serving", async (_what, message, expected) => {
  const { port, faults } = await serve();
  const answer = await say(port, message);
  expect(answer).toMatch(expected);
  expect(answer).not.toMatch(stack);
  expect(await say(port, `GET /health HTTP/1.1\r\n${head}`)).toMatch(/^HTTP\/1\.1 200/);
  expect(faults).toEqual([]);
});

test("given an address that another server has, it says so and what to do", async () => {
  const { port } = await serve();
  const app = createApp(dependenciesOf(await openTestLedger()));
  await expect(listen(app, { host: "127.0.0.1", port })).rejects.toMatchObject({
    code: "http-port-taken",
    exitCode: 2,
    facts: { port },
    next: expect.stringContaining("HTTP_PORT"),
  });
  await expect(listen(app, { host: "192.0.2.1", port: 0 })).rejects.toMatchObject({
    code: "http-listen-failed",
    exitCode: 2,
  });
});
