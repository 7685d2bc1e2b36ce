import fc from "fast-check";
import { expect, test } from "vitest";
import { acceptedEncoding } from "../../offchain/api/compression.ts";
import { clientOf, createRateLimiter } from "../../offchain/api/rate-limit.ts";
import { account } from "../support/events.ts";
import { textOf } from "./conformance.ts";
import { closeEpochs, jsonOf, openApi, problemOf, readJobs } from "./open-api.ts";

const worker = `/v1/workers/${account(0)}`;
const from = (remoteAddress: string) => ({ incoming: { socket: { remoteAddress } } });

test("given a limit, each client has its own minute, is told what is left, and is refused beyond it", async () => {
  const { request } = await openApi({ rateLimit: 3 });
  const ask = (address: string) => request(worker, {}, from(address));
  for (const left of [2, 1, 0]) {
    const { status, headers } = await ask("203.0.113.1");
    expect([status, headers.get("ratelimit-policy")]).toEqual([200, '"client";q=3;w=60']);
    expect(headers.get("ratelimit")).toMatch(new RegExp(`^"client";r=${left};t=(60|59)$`));
    expect(headers.has("retry-after")).toBe(false);
  }
  const refused = await ask("203.0.113.1");
  expect(refused.headers.get("retry-after")).toMatch(/^(60|59)$/);
  expect(refused.headers.get("ratelimit")).toMatch(/^"client";r=0;/);
  expect(await problemOf(refused)).toMatchObject({
    status: 429,
    code: "rate-limited",
    title: "Too Many Requests",
  });
  expect((await ask("203.0.113.2")).status).toBe(200);
  expect((await request("/health", {}, from("203.0.113.1"))).headers.has("ratelimit")).toBe(false);
  expect((await request("/nowhere", {}, from("203.0.113.1"))).status).toBe(429);
});

test("given what is dear, it counts for more, and is possible where little is allowed", async () => {
  const { request } = await openApi({ rateLimit: 30 });
  expect((await request(`${worker}/explain`)).headers.get("ratelimit")).toContain(";r=10;");
  expect((await request(`${worker}/explain`)).status).toBe(429);
  const poor = await openApi({ rateLimit: 1 });
  expect((await poor.request(`${worker}/explain`)).status).toBe(200);
});

test("given no limit, nothing is said of one", async () => {
  const { request } = await openApi();
  const { headers } = await request(worker);
  expect([headers.has("ratelimit"), headers.has("ratelimit-policy")]).toEqual([false, false]);
});

test("given a minute that is over, the next one begins full", () => {
  let now = 0;
  const take = createRateLimiter({ limit: 2, now: () => now });
  expect(take("a", 1)).toEqual({ granted: true, left: 1, resetSeconds: 60 });
  now = 59_999;
  expect(take("a", 2)).toEqual({ granted: false, left: 1, resetSeconds: 1 });
  expect(take("a", 1)).toMatchObject({ granted: true, left: 0 });
  now = 60_000;
  expect(take("a", 1)).toEqual({ granted: true, left: 1, resetSeconds: 60 });
});

test("given any requests, no client is granted more than its limit in a minute of its own", () => {
  const request = fc.tuple(
    fc.integer({ min: 0, max: 30_000 }),
    fc.constantFrom("a", "b"),
    fc.integer({ min: 1, max: 4 }),
  );
  const property = fc.property(fc.array(request), fc.integer({ min: 1, max: 9 }), (requests, limit) => {
    let now = 0;
    const take = createRateLimiter({ limit, now: () => now });
    const granted = new Map<string, { endsAt: number; units: number }>();
    for (const [pause, client, units] of requests) {
      now += pause;
      const before = granted.get(client);
      const minute =
        before !== undefined && before.endsAt > now ? before : { endsAt: now + 60_000, units: 0 };
      granted.set(client, minute);
      const allowance = take(client, units);
      if (allowance.granted) minute.units += Math.min(units, limit);
      expect(minute.units).toBeLessThanOrEqual(limit);
      expect(allowance.left).toBe(limit - minute.units);
    }
  });
  fc.assert(property);
});

test("given more clients than are remembered, memory stays bounded and the newest are still counted", () => {
  const take = createRateLimiter({ limit: 1, now: () => 0 });
  for (let index = 0; index < 70_000; index++) take(`client ${index}`, 1);
  expect(take("client 69999", 1).granted).toBe(false);
  expect(take("client 0", 1).granted).toBe(true);
});

test.each([
  ["198.51.100.7", undefined, 0, "198.51.100.7"],
  ["198.51.100.7", "1.1.1.1", 0, "198.51.100.7"],
  ["10.0.0.1", "1.1.1.1, 2.2.2.2", 1, "2.2.2.2"],
  ["10.0.0.1", "1.1.1.1, 2.2.2.2", 2, "1.1.1.1"],
  ["10.0.0.1", "1.1.1.1", 2, "10.0.0.1"],
  ["10.0.0.1", "x".repeat(100), 1, "10.0.0.1"],
  ["10.0.0.1", "", 1, "10.0.0.1"],
  ["::ffff:192.0.2.1", undefined, 0, "192.0.2.1"],
  ["2001:DB8:0:1:a:b:c:d", undefined, 0, "2001:db8:0:1::/64"],
  ["2001:db8::5", undefined, 0, "2001:db8:0:0::/64"],
  ["::1", undefined, 0, "0:0:0:0::/64"],
  ["fe80::1%eth0", undefined, 0, "fe80:0:0:0::/64"],
  [undefined, undefined, 0, "unknown"],
])(
  "given the connection %s, forwarded for %s, behind %i proxies, the client is %s",
  (socketAddress, forwardedFor, trustedProxies, client) => {
    expect(clientOf({ socketAddress, forwardedFor, trustedProxies })).toBe(client);
  },
);

test.each([
  ["?nonsense=1&limit=2&other=", "nonsense, other", "limit, cursor"],
  ["?limit=1&limit=2", "2", "the parameter only once"],
  ["?limit=%E0%A4%A", "%E0%A4%A", "% and two hex digits, bytes of UTF-8"],
  ["?__proto__=1", "__proto__", "limit, cursor"],
  ["?constructor", "constructor", "limit, cursor"],
])("given the query %s, it is refused with what is known", async (query, given, expected) => {
  const { request } = await openApi();
  const problem = await problemOf(await request(`/v1/epochs${query}`));
  expect(problem).toMatchObject({ status: 400, code: "invalid-query", facts: { given, expected } });
});

test("given a URL that is too long, it is refused before it is read", async () => {
  const { request } = await openApi();
  const problem = await problemOf(await request(`/v1/epochs?limit=${"1".repeat(9000)}`));
  expect(problem).toMatchObject({ status: 414, code: "url-too-long", facts: { "most characters": 8192 } });
});

test("given an id with a request, the answer has it; otherwise one of its own, each time another", async () => {
  const { request } = await openApi();
  const idOf = async (headers: Record<string, string>) =>
    (await request("/health", { headers })).headers.get("x-request-id");
  expect(await idOf({ "x-request-id": "from-a-proxy:1.2_3" })).toBe("from-a-proxy:1.2_3");
  const made = [
    await idOf({}),
    await idOf({ "x-request-id": "a b" }),
    await idOf({ "x-request-id": "x".repeat(65) }),
  ];
  expect(new Set(made).size).toBe(3);
  for (const id of made) expect(id).toMatch(/^[\w-]{8}-\w+$/);
});

test("given whoever watches, each answer is told with its route and id, and what failed, too", async () => {
  const reports: object[] = [];
  const { request } = await openApi({ onAnswer: (report) => reports.push(report) });
  reports.length = 0;
  await request(`${worker}/proof?epoch=9`, { headers: { "x-request-id": "one" } });
  await request("/nowhere", { headers: { "x-request-id": "two" } });
  const seconds = expect.any(Number);
  expect(reports).toEqual([
    { method: "GET", route: "/v1/workers/{account}/proof", status: 404, seconds, requestId: "one" },
    { method: "GET", route: "unknown", status: 404, seconds, requestId: "two" },
  ]);
});

test.each(["gzip", "br", "gzip;q=0.5, br;q=0.9", "*"])(
  "given a reader of %s, a long answer is smaller and the same, with a tag of its own",
  async (encoding) => {
    const api = await openApi();
    await readJobs(api, {
      name: "many",
      fees: new Map(Array.from({ length: 80 }, (_, index) => [index, 1000 + index])),
    });
    const ask = (headers: Record<string, string>) => api.request("/v1/workers", { headers });
    const plain = await ask({});
    const text = await plain.text();
    const packed = await ask({ "accept-encoding": encoding });
    expect(packed.headers.get("content-encoding")).toBe(encoding === "gzip" ? "gzip" : "br");
    expect(Number(packed.headers.get("content-length"))).toBeLessThan(text.length / 2);
    expect(packed.headers.get("etag")).not.toBe(plain.headers.get("etag"));
    expect(await textOf(packed.clone())).toBe(text);
    for (const known of [plain, packed]) {
      const again = await ask({
        "accept-encoding": encoding,
        "if-none-match": known.headers.get("etag") ?? "",
      });
      expect([again.status, again.headers.get("etag")]).toEqual([304, packed.headers.get("etag")]);
    }
  },
);

test.each([
  [undefined, undefined],
  ["", undefined],
  ["identity", undefined],
  ["gzip;q=0, br;q=0", undefined],
  ["deflate, gzip;q=1.0, *;q=0.5", "gzip"],
  ["br;q=0, *", "gzip"],
  ["GZIP", "gzip"],
  ["gzip;q=nonsense", undefined],
] as const)("given the encodings %s, it is %s", (header, expected) => {
  expect(acceptedEncoding(header)).toBe(expected);
});

test("given a short answer, it is not compressed", async () => {
  const api = await openApi();
  await closeEpochs(api, 1);
  const response = await api.request(worker, { headers: { "accept-encoding": "gzip, br" } });
  expect(response.headers.has("content-encoding")).toBe(false);
  await jsonOf(response);
});
