import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import type { Intake } from "../../offchain/intake/intake.ts";
import { noChainView, type PlacedClaim } from "../../offchain/pipeline/workers/worker.ts";
import { account, transcodeJob, transcodeKey } from "../support/events.ts";
import { openTestIntake, signed, type Unsigned } from "../support/intake.ts";
import { closeEpochs, jsonOf, openApi, problemOf, type TestApi } from "./open-api.ts";

/** The API with an intake; `post` signs. */
async function openIntakeApi(options: { rateLimit?: number } = {}) {
  const held: { current?: Intake } = {};
  const open = (): Intake => held.current ?? fail();
  const api = await openApi({
    ...options,
    intake: {
      acceptEvents: (request) => open().acceptEvents(request),
      recordJob: (request) => open().recordJob(request),
      drain: () => open().drain(),
    },
  });
  const { intake, keys } = await openTestIntake({ ledger: api.ledger });
  held.current = intake;
  const post = (request: Unsigned, headers: Record<string, string> = signed(request)) =>
    api.request(request.target ?? "/v1/events", { method: "POST", body: request.body as string, headers });
  return { ...api, post, keys };
}

function fail(): never {
  throw new Error("not open yet");
}

const target = "/recordTranscoderJob";
const nobodys = { "X-Payroot-Signature": "0".repeat(64) };
const one = transcodeJob({ id: "1" });
const details = {
  transcoder: account(0),
  pixels: 1000,
  duration: 2.5,
  profiles: 3,
  faceValue: "4000",
  roundJob: 7,
};

test("given signed events, they are stored and answered with where", async () => {
  const { post, keys, ledger } = await openIntakeApi();
  const answer = await jsonOf(await post({ body: JSON.stringify([one]) }), 201);
  expect(answer).toEqual({ accepted: 1, objects: await keys() });
  await jsonOf(await post({ body: gzipSync(JSON.stringify([{ ...one, ID: "2" }])) }), 201);
  expect(await ledger.ingest()).toMatchObject({ accepted: 2, rejected: 0 });
});

test("given requests that nobody signed, they use up the client's limit, and no signed one is limited by it", async () => {
  const { post, request } = await openIntakeApi({ rateLimit: 4 });
  const body = JSON.stringify([one]);
  const signature = signed({ body });
  await jsonOf(await post({ body }, signature), 201);
  const refused = [
    await post({ body }, {}),
    await post({ body }, { ...signed({ body }), ...nobodys }),
    await post({ body }, signature),
    await post({ body: "x".repeat((4 << 20) + 1) }),
  ];
  expect(refused.map(({ status }) => status)).toEqual([401, 401, 409, 413]);
  expect(refused.map(({ headers }) => headers.get("ratelimit")?.slice(0, 12))).toEqual(
    [3, 2, 1, 0].map((left) => `"client";r=${left}`),
  );
  for (const target of ["/v1/events", "/recordTranscoderJob"]) {
    const over = await post({ body, target }, {});
    expect(over.headers.get("retry-after")).toMatch(/^(60|59|58)$/);
    expect(await problemOf(over)).toMatchObject({ status: 429, code: "rate-limited" });
  }
  expect((await request("/v1/epochs")).status).toBe(429);

  await jsonOf(await post({ body: JSON.stringify([{ ...one, ID: "2" }]) }), 201);
  const wrong = await post({ body: "[" });
  expect(await problemOf(wrong)).toMatchObject({ status: 400, code: "intake-body-invalid" });
});

test("given what cannot be taken, the problem says why and what to do, and nothing is stored", async () => {
  const { post, keys } = await openIntakeApi();
  const body = JSON.stringify([one]);
  const unsigned = await post({ body }, {});
  expect(unsigned.headers.get("www-authenticate")).toBe("Payroot-HMAC-SHA256");
  expect(await problemOf(unsigned)).toMatchObject({ status: 401, code: "intake-unsigned" });
  const other = await post({ body }, { ...signed({ body }), "X-Payroot-Signature": "0".repeat(64) });
  expect(await problemOf(other)).toMatchObject({ status: 401, code: "intake-signature-invalid" });
  const old = await post({ body, timestamp: Math.floor(Date.now() / 1000) - 1000 });
  expect(await problemOf(old)).toMatchObject({
    status: 401,
    code: "intake-expired",
    facts: { windowSeconds: 300 },
  });
  expect(await problemOf(await post({ body: "[" }))).toMatchObject({
    status: 400,
    code: "intake-body-invalid",
  });
  const bad = JSON.stringify([one, { ...one, ID: "2", DT: "never" }]);
  expect(await problemOf(await post({ body: bad }))).toMatchObject({
    status: 422,
    code: "intake-events-refused",
    refused: [{ position: 1, id: "2", reason: "invalid-timestamp" }],
  });
  const large = "x".repeat((4 << 20) + 1);
  expect(await problemOf(await post({ body: large }))).toMatchObject({ status: 413, code: "body-too-large" });
  const query = await post({ body, target: "/v1/events?a=1" });
  expect(await problemOf(query)).toMatchObject({ status: 400, code: "invalid-query" });
  expect(await keys()).toEqual([]);
  const headers = signed({ body });
  await jsonOf(await post({ body }, headers), 201);
  expect(await problemOf(await post({ body }, headers))).toMatchObject({
    status: 409,
    code: "intake-replayed",
  });
  expect(await keys()).toHaveLength(1);
});

test("given a pool without intake, the problem says so", async () => {
  const { request } = await openApi();
  for (const path of ["/v1/events", target]) {
    const response = await request(path, { method: "POST", body: "[]" });
    expect(await problemOf(response)).toMatchObject({
      status: 404,
      code: "intake-off",
      next: expect.stringContaining("INTAKE_KEYS"),
    });
  }
});

async function recordJobs({ post, ledger }: Awaited<ReturnType<typeof openIntakeApi>>, count: number) {
  for (let index = 0; index < count; index++) {
    const jobDetails = { ...details, transcoder: account(index % 2), roundJob: index };
    await jsonOf(await post({ target, body: JSON.stringify({ jobDetails }) }));
  }
  await ledger.ingest();
}

/** All rows of a list, page by page; `limit` rows in each. */
async function walk(api: Pick<TestApi, "request">, first: string): Promise<Record<string, unknown>[]> {
  const rows: Record<string, unknown>[] = [];
  for (let path: string | undefined = first; path !== undefined; ) {
    const response = await api.request(path);
    rows.push(...((await jsonOf(response)) as unknown as Record<string, unknown>[]));
    path = /^<([^>]+)>; rel="next"$/.exec(response.headers.get("link") ?? "")?.[1];
  }
  return rows;
}

test("given a client that knows of no pages, then it gets a thousand rows, and where the rest is", async () => {
  const api = await openApi();
  const DT = new Date().toISOString();
  const jobs = Array.from({ length: 1001 }, (_, index) => ({ ...transcodeJob({ id: `job ${index}` }), DT }));
  await api.ledger.write(transcodeKey("many"), jobs);
  await api.ledger.ingest();
  const response = await api.request("/getTranscodersJobs");
  expect(await jsonOf(response)).toHaveLength(1000);
  expect(response.headers.get("link")).toContain("limit=1000&cursor=");
});

test("given recorded jobs, clients of earlier pools read them: all, and a worker's, over pages", async () => {
  const api = await openIntakeApi();
  await recordJobs(api, 7);
  await api.ledger.write(transcodeKey("old"), [one]);
  const other = { ...transcodeJob({ id: "new" }), DT: new Date().toISOString() };
  await api.ledger.write(transcodeKey("new"), [other]);
  await api.ledger.ingest();
  const all = await walk(api, "/getTranscodersJobs?limit=3");
  expect(all).toHaveLength(8);
  const row = {
    createdAt: expect.stringMatching(/Z$/),
    pixels: 1000,
    duration: 2.5,
    profiles: 3,
    faceValue: "4000",
    txHash: null,
  };
  const recorded = all.filter(({ profiles }) => profiles === 3);
  expect(recorded.map(({ roundJob }) => roundJob).sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
  for (const job of recorded)
    expect(job).toEqual({ ...row, transcoder: account(Number(job.roundJob) % 2), roundJob: job.roundJob });
  expect(all.filter(({ profiles }) => profiles === null)).toMatchObject([
    { faceValue: "1200003600", roundJob: null, duration: 2 },
  ]);
  const own = await walk(api, `/getTranscoderJobs?transcoderAddress=${account(1).toLowerCase()}&limit=2`);
  expect(own.map(({ roundJob }) => roundJob).sort()).toEqual([1, 3, 5]);
  expect(await walk(api, `/getTranscoderJobs?transcoderAddress=${account(3)}`)).toEqual([]);
  const missing = await api.request("/getTranscoderJobs");
  expect(await problemOf(missing)).toMatchObject({
    ...{ status: 400, code: "invalid-query" },
    facts: { given: "nothing", expected: expect.stringContaining("0x and 40 hex digits") },
  });
  const wrong = await api.request("/getTranscoderRewards?transcoderAddress=0x1");
  expect(await problemOf(wrong)).toMatchObject({ status: 400, code: "invalid-address" });
});

test("given claims and money that is owed, rewards are what is paid, with its transaction, and what is on hold", async () => {
  const api = await openIntakeApi();
  await closeEpochs(api, 2);
  const asset = "0x0000000000000000000000000000000000000000" as const;
  const time = Date.UTC(2026, 0, 2);
  const claims: PlacedClaim[] = [3, 2, 1].map((block) => ({
    ...{ account: account(0), asset, epoch: 1, amount: 100n + BigInt(block), block, logIndex: 0, time },
    transaction: `0x${String(block).repeat(64)}`,
  }));
  api.seen.chain = {
    ...noChainView,
    amountsOf: async (who) => {
      const claimed = who === account(0) ? 306n : 0n;
      return { posted: claimed, active: claimed, claimed };
    },
    claimsOf: async (who) => (who === account(0) ? claims.toReversed() : []),
    newestClaims: async ({ before, limit }) =>
      claims.filter(({ block }) => block < (before?.block ?? 9)).slice(0, limit),
  };
  const paid = claims.map(({ amount, transaction }) => ({
    createdAt: "2026-01-02T00:00:00Z",
    transcoder: account(0),
    value: String(amount),
    gasFees: null,
    paymentStatus: "Paid",
    txHash: transaction,
  }));
  const hold = (index: number, value: bigint) => ({
    createdAt: null,
    transcoder: account(index),
    value: String(value),
    gasFees: null,
    paymentStatus: "On hold",
    txHash: null,
  });
  const earned = 2n * 900_002_700n;
  const all = [...paid, hold(1, earned), hold(0, earned - 306n)];
  for (const limit of [1, 2, 3, 100])
    expect(await walk(api, `/getRewards?limit=${limit}`), `${limit}`).toEqual(all);
  expect(await walk(api, `/getTranscoderRewards?transcoderAddress=${account(0)}`)).toEqual([
    hold(0, earned - 306n),
    ...paid,
  ]);
  expect(await walk(api, `/getTranscoderRewards?transcoderAddress=${account(3)}`)).toEqual([]);
});
