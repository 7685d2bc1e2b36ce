import { expect, test } from "vitest";
import { PayrootError } from "../../offchain/errors.ts";
import { account } from "../support/events.ts";
import { chainUpTo, closeEpochs, jsonOf, openApi, problemOf } from "./open-api.ts";

const routes = [
  "/health",
  "/ready",
  "/status",
  "/v1/epochs",
  "/v1/epochs/1",
  `/v1/workers/${account(0)}`,
  `/v1/workers/${account(0)}/proof`,
  `/v1/workers/${account(0)}/proof?epoch=1`,
  `/v1/workers/${account(0)}/epochs`,
  `/v1/workers/${account(0)}/explain?epoch=1`,
  `/v1/workers/${account(0)}/statement?format=csv`,
];
const failing = [
  "/",
  "/v1",
  "/v1/epochs/9",
  "/v1/epochs/x",
  "/v1/workers/0x1",
  "/v1/epochs/1/",
  "/V1/EPOCHS",
  "/%2e%2e/etc",
];

async function openClosed() {
  const api = await openApi();
  await closeEpochs(api, 2);
  api.seen.chain = chainUpTo({ active: 1 });
  return api;
}

test.each([...routes, ...failing])(
  "given %s from another origin, headers let it be read and protect it",
  async (path) => {
    const { request } = await openClosed();
    const { headers } = await request(path, { headers: { origin: "https://pool.example" } });
    expect(Object.fromEntries(headers)).toMatchObject({
      "access-control-allow-origin": "*",
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
      "referrer-policy": "no-referrer",
      vary: "Accept-Encoding",
    });
    expect(headers.has("set-cookie")).toBe(false);
    expect(headers.has("x-powered-by")).toBe(false);
    expect(headers.has("access-control-allow-credentials")).toBe(false);
  },
);

test.each(routes)("given HEAD of %s, it is GET without the body", async (path) => {
  const { request } = await openClosed();
  const head = await request(path, { method: "HEAD" });
  const get = await request(path);
  expect([head.status, await head.text()]).toEqual([200, ""]);
  for (const name of ["content-type", "cache-control", "etag", "vary"]) {
    expect(head.headers.get(name), name).toBe(get.headers.get(name));
  }
});

test.each(["gzip", "br"])(
  "given HEAD of a long answer in %s, it has the headers of that",
  async (encoding) => {
    const { request } = await openApi();
    const ask = (method: string) =>
      request("/openapi.json", { method, headers: { "accept-encoding": encoding } });
    const [head, get] = [await ask("HEAD"), await ask("GET")];
    expect(head.headers.get("content-encoding")).toBe(encoding);
    for (const name of ["content-encoding", "content-length", "etag"]) {
      expect(head.headers.get(name), name).toBe(get.headers.get(name));
    }
  },
);

test.each(routes)(
  "given %s asked again with its tag, it is not sent again, and may still be read",
  async (path) => {
    const { request } = await openClosed();
    const first = await request(path);
    const tag = first.headers.get("etag") ?? "none";
    for (const known of [tag, `W/${tag}`, `"other", ${tag}`]) {
      const again = await request(path, { headers: { "if-none-match": known, "accept-encoding": "gzip" } });
      expect([again.status, await again.text()]).toEqual([304, ""]);
      for (const name of ["etag", "cache-control", "vary", "access-control-allow-origin"]) {
        expect(again.headers.get(name), name).toBe(first.headers.get(name));
      }
    }
    expect((await request(path, { headers: { "if-none-match": '"other"' } })).status).toBe(200);
  },
);

test("given a change, the tag is another", async () => {
  const api = await openClosed();
  const tags = async () => (await api.request(`/v1/workers/${account(0)}`)).headers.get("etag");
  const before = await tags();
  await closeEpochs(api, 1);
  expect(await tags()).not.toBe(before);
});

test.each(failing)("given %s, it is a problem that no tag makes a success of", async (path) => {
  const { request } = await openClosed();
  const response = await request(path, { headers: { "if-none-match": "*" } });
  expect([400, 404]).toContain(response.status);
  expect(response.headers.has("etag")).toBe(false);
  await problemOf(response);
});

test("given an unknown path, it is not found, and no more of a long one is repeated than helps", async () => {
  const { request } = await openApi();
  expect(await problemOf(await request("/nothing/here"))).toEqual({
    type: "about:blank",
    title: "Not Found",
    status: 404,
    code: "not-found",
    detail: "There is nothing at this path.",
    facts: { path: "/nothing/here" },
  });
  const { facts } = await problemOf(await request(`/${"x".repeat(5000)}`));
  expect(String(facts?.path).length).toBe(200);
});

test.each(["POST", "PUT", "PATCH", "DELETE"])(
  "given %s, it is not allowed, and what is is said",
  async (method) => {
    const { request } = await openClosed();
    for (const path of routes) {
      const response = await request(path, { method, body: "{}" });
      expect(response.headers.get("allow")).toBe("OPTIONS, GET, HEAD");
      const facts = { given: method, expected: "GET, HEAD" };
      expect(await problemOf(response)).toMatchObject({ status: 405, code: "method-not-allowed", facts });
    }
  },
);

test("given a preflight, reading is allowed and nothing else", async () => {
  const { request } = await openApi();
  const headers = { origin: "https://pool.example", "access-control-request-method": "GET" };
  const response = await request("/v1/epochs", { method: "OPTIONS", headers });
  expect([response.status, await response.text()]).toEqual([204, ""]);
  expect(response.headers.get("access-control-allow-origin")).toBe("*");
  expect(response.headers.get("access-control-allow-methods")).toBe("GET,HEAD");
});

test("given /health, it is ok whatever the stages say", async () => {
  const api = await openApi();
  api.seen.stages = [
    { stage: "ingest", state: "behind", since: "2025-11-06T00:00:00Z", code: "store-unreachable" },
  ];
  expect(await jsonOf(await api.request("/health"))).toEqual({ status: "ok" });
});

test("given a fault of ours, the answer says nothing of it and the log has it", async () => {
  const api = await openClosed();
  const fault = new TypeError("secret of the inside");
  api.seen.chain = { ...api.seen.chain, stageOf: () => Promise.reject(fault) };
  const problem = await problemOf(await api.request("/v1/epochs"));
  expect(problem).toMatchObject({ status: 500, code: "internal", title: "Internal Server Error" });
  expect(JSON.stringify(problem)).not.toMatch(/secret|\.ts:|at /);
  expect(api.faults).toEqual([fault]);
});

test("given a fault that names an inside and may pass, the answer names its code and sentence, and no more", async () => {
  const api = await openClosed();
  const facts = { directory: "/srv/pool/artifacts" };
  const options = { facts, next: "create /srv/pool/artifacts", retryable: true };
  const fault = new PayrootError("directory-missing", "The directory does not exist.", options);
  api.seen.chain = { ...api.seen.chain, stageOf: () => Promise.reject(fault) };
  expect(await problemOf(await api.request("/v1/epochs"))).toEqual({
    ...{ type: "about:blank", title: "Service Unavailable", status: 503 },
    ...{ code: "directory-missing", detail: "The directory does not exist." },
  });
});
