import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Status } from "../../offchain/pipeline/operate/status.ts";
import { openPool, type TestPool } from "../commands/payroot.ts";
import { deployTestDistributor, startRpcProxy, useAnvil } from "../support/anvil.ts";
import { account, transcodeJob, transcodeKey } from "../support/events.ts";
import { filesOf, openFilledPool, secrets } from "./process.ts";
import { isBehind, isReady, type Ready, startDaemon, until } from "./running.ts";

const job = (name: string, index = 0) => transcodeJob({ id: name, account: account(index) });

test("given a daemon, what is written while it runs is read, closed and served; stopped and started, it goes on", async () => {
  const pool = await openPool();
  await pool.write(transcodeKey("1"), [job("1")]);
  const { daemon, url } = await startDaemon(pool, { EPOCH_SECONDS: "1" });
  await until(`${url}/v1/epochs/1`, ({ state }: { state?: string }) => state === "closed", daemon);
  await pool.write(transcodeKey("2"), [job("2"), job("3", 1)]);
  const shown = await until(
    `${url}/v1/workers/${account(1)}`,
    ({ assets }: { assets: { closed: string }[] }) => assets[0]?.closed !== "0",
    daemon,
  );
  expect(shown.assets).toMatchObject([{ closed: "900002700", accruing: "0" }]);
  await until(`${url}/ready`, isReady, daemon);
  const proof = await (await fetch(`${url}/v1/workers/${account(1)}/proof`)).json();
  expect(proof).toMatchObject({ epoch: 2, leaves: [{ cumulative: "900002700" }] });

  daemon.kill("SIGTERM");
  const { code, stdout } = await daemon.ended;
  expect([code, stdout]).toEqual([
    0,
    "stopped; everything read is kept, and the next start goes on from here\n",
  ]);
  await expect(fetch(`${url}/health`)).rejects.toThrow();

  await pool.write(transcodeKey("3"), [job("4", 1)]);
  const second = await startDaemon(pool, { EPOCH_SECONDS: "1" });
  const again = await until(
    `${second.url}/v1/epochs/3`,
    ({ state }: { state?: string }) => state === "closed",
    second.daemon,
  );
  expect(again).toMatchObject({
    previousManifest: expect.stringMatching(/^0x/),
    inputs: { objects: 1, events: 1 },
  });
  second.daemon.kill("SIGINT");
  expect((await second.daemon.ended).code).toBe(0);
});

// The daemon closes at the newest boundary of this length, well after the events.
const yearSeconds = 31_536_000;
const boundary = new Date(Math.floor(Date.now() / 1000 / yearSeconds) * yearSeconds * 1000).toISOString();
const yearly = { EPOCH_SECONDS: String(yearSeconds) };
const closed = ({ lastClosed }: Status) => lastClosed !== null;

/** Checks that the epoch of a pool's daemon is, file by file, that of a pool that nothing befell. */
async function expectUndisturbed(pool: TestPool): Promise<void> {
  const other = await openFilledPool();
  const { code, stderr } = await other.call(["epoch", "close", "--at", boundary]);
  expect(code, stderr).toBe(0);
  const artifacts = await filesOf(join(pool.folder, "artifacts"));
  expect(artifacts).toEqual(await filesOf(join(other.folder, "artifacts")));
}

test("given a daemon that is killed again and again, the next one goes on and nothing is lost or counted twice", async () => {
  const pool = await openFilledPool();
  for (const stage of ["ingest", "close"]) {
    const { daemon, url } = await startDaemon(pool, yearly);
    const done = ({ stages }: Ready) =>
      stages.some((report) => report.stage === stage && report.state === "ok");
    await until(`${url}/ready`, done, daemon);
    daemon.kill("SIGKILL");
    expect((await daemon.ended).code).toBe("SIGKILL");
  }
  const { daemon, url } = await startDaemon(pool, yearly);
  await until(`${url}/status`, closed, daemon);
  const { openEpoch } = await until(`${url}/status`, closed, daemon);
  expect(openEpoch).toMatchObject({ epoch: 2, objects: 0, events: 0 });
  await expectUndisturbed(pool);
});

test("given a disk that fills up under a daemon, it says so and serves; with room it recovers, and nothing is lost by a kill", async () => {
  const pool = await openFilledPool();
  const limit = ["sh", "-c", 'ulimit -S -f 150; exec "$0" "$@"'];
  const { daemon, url } = await startDaemon(pool, yearly, limit);
  const behind = await until(`${url}/ready`, ({ stages }: Ready) => stages[0]?.state === "behind", daemon);
  expect(behind.stages[0]).toMatchObject({
    stage: "ingest",
    code: "data-directory-write-failed",
    next: expect.stringContaining("free disk space"),
  });
  expect((await fetch(`${url}/v1/workers/${account(0)}`)).status).toBe(200);
  const room = spawnSync("prlimit", ["--pid", String(daemon.pid), "--fsize=unlimited"], { encoding: "utf8" });
  expect(room.stderr).toBe("");
  await until(`${url}/ready`, isReady, daemon);
  await until(`${url}/status`, closed, daemon);
  daemon.kill("SIGKILL");
  await daemon.ended;
  const next = await startDaemon(pool, yearly);
  await until(`${next.url}/ready`, isReady, next.daemon);
  const status = await until(`${next.url}/status`, closed, next.daemon);
  expect(status).toMatchObject({ openEpoch: { epoch: 2, objects: 0 }, lastClosed: { epoch: 1 } });
  await expectUndisturbed(pool);
});

const anvil = useAnvil();

test("given an RPC that stops answering, the daemon serves and says which stage waits for it; then it posts", async () => {
  const pool = await openFilledPool();
  const distributor = await deployTestDistributor(anvil);
  const rpc = await startRpcProxy(anvil.local().rpcUrl);
  const { daemon, url } = await startDaemon(pool, {
    CHAIN_ID: "31337",
    DISTRIBUTOR_ADDRESS: distributor.address,
    ETH_RPC_ENDPOINT: rpc.url.replace("//", `//user:${secrets.rpcPassword}@`),
    ETH_PRIVATE_KEY: secrets.privateKey,
    AUTO_PUBLISH: "true",
  });
  rpc.rule = () => "hang-up";
  await pool.write(transcodeKey("1"), [job("1")]);
  const behind = await until(`${url}/ready`, ({ stages }: Ready) => stages.some(isBehind), daemon);
  expect(behind.stages.find(isBehind)).toMatchObject({
    code: "rpc-unreachable",
    next: expect.stringContaining("RPC"),
  });
  expect(JSON.stringify(behind)).not.toContain(secrets.rpcPassword);
  expect((await fetch(`${url}/v1/workers/${account(0)}`)).status).toBe(200);
  rpc.rule = undefined;
  await until(`${url}/ready`, isReady, daemon);
  await pool.write(transcodeKey("2"), [job("2")]);
  await until(`${url}/v1/epochs/1`, ({ state }: { state?: string }) => state === "posted", daemon);
  expect(await distributor.open().latestEpoch()).toBe(1);
});
