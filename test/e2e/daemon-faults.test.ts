import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { startS3Server } from "../../offchain/demo/s3-server.ts";
import { openObjectStore } from "../../offchain/objects/open.ts";
import type { PoolStats } from "../../offchain/pipeline/workers/pool-stats.ts";
import { openPool } from "../commands/payroot.ts";
import { deployTestDistributor, startRpcProxy, useAnvil } from "../support/anvil.ts";
import { account, transcodeJob, transcodeKey } from "../support/events.ts";
import { temporaryFolder } from "../support/ledger.ts";
import { type S3Proxy, startS3Proxy } from "../support/s3-proxy.ts";
import { secrets } from "./process.ts";
import { isBehind, isReady, type Ready, startDaemon, until } from "./running.ts";

const anvil = useAnvil();
const workers = 6;

/** Each writes an object of work with a repeat of the one before, so that what is read twice would be paid twice. */
function workOf(number: number) {
  return [number - 1, number].map((id) =>
    transcodeJob({ id: `${Math.max(0, id)}`, account: account(Math.max(0, id) % workers), price: 1000 }),
  );
}
const keyOf = (number: number) => transcodeKey(String(number).padStart(4, "0"));

/** A daemon on S3 and a chain, both behind proxies that do harm. */
async function startHarmed() {
  const buckets = ["pool-log", "pool-archive", "pool-artifacts"];
  const server = await startS3Server({ directory: await temporaryFolder(), buckets });
  const { endpoint, accessKeyId, secretAccessKey } = server;
  const s3 = await startS3Proxy(endpoint);
  const rpc = await startRpcProxy(anvil.local().rpcUrl);
  const distributor = await deployTestDistributor(anvil);
  const pool = await openPool();
  const log = openObjectStore("s3://pool-log", {
    s3: { endpoint, credentials: { accessKeyId, secretAccessKey } },
  });
  const { daemon, url } = await startDaemon(pool, {
    LOG_URL: "s3://pool-log",
    ARCHIVE_URL: "s3://pool-archive",
    ARTIFACTS_URL: "s3://pool-artifacts",
    S3_ENDPOINT: s3.url,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    EPOCH_SECONDS: "1",
    CHAIN_ID: "31337",
    DISTRIBUTOR_ADDRESS: distributor.address,
    ETH_RPC_ENDPOINT: rpc.url,
    ETH_PRIVATE_KEY: secrets.privateKey,
    AUTO_PUBLISH: "true",
  });
  let written = 0;
  const work = async (): Promise<void> => {
    written += 1;
    await log.put(keyOf(written), Buffer.from(JSON.stringify(workOf(written))));
  };
  return { server, s3, rpc, distributor, daemon, url, work, count: () => written };
}

type Harmed = Awaited<ReturnType<typeof startHarmed>>;

/** Does harm while work comes in: /ready says which stage waits for what, reads go on, and it ends by itself. */
async function suffer(
  harmed: Harmed,
  { stage, code, begin, end }: { stage: string; code: RegExp; begin: () => void; end: () => void },
): Promise<void> {
  const { url, daemon, work } = harmed;
  begin();
  await work();
  const at = (reports: Ready) => reports.stages.find((report) => report.stage === stage && isBehind(report));
  const reports = await until(`${url}/ready`, (ready: Ready) => at(ready) !== undefined, daemon);
  expect((await fetch(`${url}/ready`)).status).toBe(503);
  const report = at(reports);
  expect(report?.code).toMatch(code);
  expect([report?.reason, report?.next]).toEqual([expect.any(String), expect.any(String)]);
  expect(Date.parse(report?.since ?? "")).toBeLessThanOrEqual(Date.now());
  for (const path of [`/v1/workers/${account(0)}`, "/health", "/metrics", "/status"])
    expect([path, (await fetch(`${url}${path}`)).status]).toEqual([path, 200]);
  end();
  await until(`${url}/ready`, isReady, daemon);
}

const isObject = (path: string) => path.startsWith("/pool-log/") && !path.includes("list-type");
const busy = { status: 503, code: "SlowDown" };
const failing = { status: 500, code: "InternalError" };
const s3Harms: readonly (readonly [string, NonNullable<S3Proxy["rule"]>])[] = [
  ["S3 that is busy", () => busy],
  ["S3 that fails at objects", ({ path }) => (isObject(path) ? failing : undefined)],
  ["connections reset", () => "reset"],
  [
    "answers cut in the middle",
    ({ path, method }) => (method === "GET" && isObject(path) ? "cut" : undefined),
  ],
  [
    "nothing written to the archive",
    ({ path, method }) => (method === "PUT" && path.startsWith("/pool-archive/") ? busy : undefined),
  ],
];

test("given a daemon whose S3, RPC and disk fail in turn, it serves, says what is wrong, recovers by itself, and loses nothing", async () => {
  const harmed = await startHarmed();
  const { s3, rpc, daemon, url, work, distributor } = harmed;
  await work();
  await until(`${url}/v1/epochs/1`, ({ state }: { state?: string }) => state === "posted", daemon);

  for (const [what, rule] of s3Harms) {
    const before = s3.faults;
    const begin = () => {
      s3.rule = rule;
    };
    const end = () => {
      s3.rule = undefined;
    };
    const code = /^(store-unreachable|objects-unread)$/;
    await suffer(harmed, { stage: "ingest", code, begin, end });
    expect([what, s3.faults > before]).toEqual([what, true]);
  }

  // Slow is not broken: everything is read, only later, and reads are answered meanwhile.
  s3.rule = ({ path }) => (isObject(path) ? { delayMs: 1500 } : undefined);
  await work();
  expect((await fetch(`${url}/v1/workers/${account(0)}`)).status).toBe(200);
  s3.rule = undefined;

  const errors = [
    () => "hang-up" as const,
    () => ({ error: { code: -32_005, message: "limit exceeded" } }),
    () => ({ error: { code: -32_603, message: "internal error" } }),
  ];
  for (const rule of errors) {
    const begin = () => {
      rpc.rule = rule;
    };
    const end = () => {
      rpc.rule = undefined;
    };
    await suffer(harmed, { stage: "claims", code: /^rpc-/, begin, end });
  }

  // An RPC that lags behind what was seen: nothing goes back.
  const epoch = await distributor.open().latestEpoch();
  rpc.rule = async ({ method, params, forward }) =>
    method === "eth_getBlockByNumber" && params[0] === "latest"
      ? { result: await forward(["0x1", ...params.slice(1)]) }
      : undefined;
  await work();
  await until(`${url}/v1/epochs/${epoch}`, ({ state }: { state?: string }) => state !== "closed", daemon);
  rpc.rule = undefined;

  const limit = (bytes: string) => {
    const set = spawnSync("prlimit", ["--pid", String(daemon.pid), `--fsize=${bytes}:`]);
    expect(set.stderr.toString()).toBe("");
  };
  await suffer(harmed, {
    stage: "ingest",
    code: /^data-directory-write-failed$/,
    begin: () => limit("4096"),
    end: () => limit("unlimited"),
  });

  await expectUndisturbed(harmed);
}, 240_000);

/** Checks that the newest epoch on chain, and all that was counted, are those of a run that nothing befell. */
async function expectUndisturbed({ url, daemon, distributor, count, server }: Harmed): Promise<void> {
  const other = await openPool();
  for (let number = 1; number <= count(); number++) await other.write(keyOf(number), workOf(number));
  const { root, inputs, totals } = await other.json(["epoch", "close", "--at", "2025-11-06T00:00:00Z"]);
  const { objects, events, accepted, rejected, duplicates } = inputs as Record<string, number>;
  const all = { objects, events, accepted, rejected, duplicates };
  const done = ({ events: counts, epochs }: PoolStats) =>
    counts.all.objects === objects && epochs.open === epochs.posted + 1 && counts.open.objects === 0;
  const stats = await until(`${url}/v1/stats`, done, daemon);
  expect(stats.events.all).toMatchObject(all);
  expect(stats.assets[0]?.earned).toBe((totals as { earned: string }[])[0]?.earned);
  expect(await distributor.open().epoch(stats.epochs.posted)).toMatchObject({ root });
  daemon.kill("SIGTERM");
  expect((await daemon.ended).code).toBe(0);
  await server.stop();
}
