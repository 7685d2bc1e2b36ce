import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Address } from "../../offchain/core/address.ts";
import { sha256Hex } from "../../offchain/core/hash.ts";
import { createRandom } from "../../offchain/demo/random.ts";
import { createTraffic } from "../../offchain/demo/traffic.ts";
import { openObjectStore } from "../../offchain/objects/open.ts";
import { deployTestDistributor, type TestDistributor, useAnvil } from "../support/anvil.ts";
import { temporaryFolder } from "../support/ledger.ts";
import { program, type Running, start } from "./process.ts";
import { isReady, startDaemon, until } from "./running.ts";

// A year, so that every run closes at the same boundary, long after the traffic.
const epochSeconds = "31536000";
const scenarios = 10;
const killsEach = 5;

const anvil = useAnvil();
const hook = new URL("../support/kill-hook.ts", import.meta.url).href;

test(`given a daemon killed at ${scenarios * killsEach} random moments, then its state, root and posts are those of an undisturbed run`, async () => {
  const folder = await temporaryFolder();
  const log = join(folder, "log");
  const workers = await writeLog(log);
  const distributor = await deployTestDistributor(anvil, { activationDelaySeconds: 1 });
  const clean = await anvil.control().client.snapshot();
  const env = environment(distributor);
  const reportFile = join(folder, "steps.txt");

  const envOf = (name: string) => ({ ...env, ...storesIn(join(folder, name), log) });
  const undisturbed = { ...envOf("undisturbed"), KILL_REPORT: reportFile };
  const expected = await finishRun({ env: undisturbed, workers, distributor });
  const steps = readFileSync(reportFile, "utf8").trim().split("\n");
  expect(steps).toContain("after eth_sendRawTransaction");

  const seed = process.env.KILL_SEED ?? String(Date.now());
  const random = createRandom(`kills ${seed}`);
  let kills = 0;
  let snapshot = clean;
  for (let scenario = 0; scenario < scenarios; scenario++) {
    await anvil.control().client.revert({ id: snapshot });
    snapshot = await anvil.control().client.snapshot();
    const pool = envOf(`killed-${scenario}`);
    // Kills in growing order cut one run into pieces; each piece makes again what every start makes.
    const moments = Array.from({ length: killsEach }, () => random.between(1, steps.length)).sort(
      (a, b) => a - b,
    );
    for (const [index, moment] of moments.entries()) {
      const KILL_AT = String(Math.max(1, moment - (moments[index - 1] ?? 0)));
      const daemon = start([...program, "run"], { ...pool, KILL_AT });
      const { code, stderr } = await daemon.ended;
      expect(code, `seed ${seed}, scenario ${scenario}, kill ${index} at ${KILL_AT}:\n${stderr}`).toBe(
        "SIGKILL",
      );
      kills += 1;
    }
    const found = await finishRun({ env: pool, workers, distributor });
    expect(
      found,
      `seed ${seed}, scenario ${scenario}, kills at ${moments.join(", ")} of ${steps.length}`,
    ).toEqual(expected);
  }
  expect(kills).toBe(scenarios * killsEach);
}, 600_000);

type Run = {
  env: Readonly<Record<string, string>> & ReturnType<typeof storesIn>;
  workers: readonly Address[];
  distributor: TestDistributor;
};

/** Runs a daemon until the epoch is on chain, and gathers everything that must not depend on how often it was killed. */
async function finishRun(run: Run): Promise<unknown> {
  const { daemon, url } = await startDaemon(run);
  await onChain(url, daemon);
  await until(`${url}/ready`, isReady, daemon);
  const read = async (path: string): Promise<Record<string, unknown>> =>
    (await (await fetch(`${url}${path}`)).json()) as Record<string, unknown>;
  const { asOf: _, accruing, ...status } = await read("/status");
  const amounts: unknown[] = [];
  for (const worker of run.workers) amounts.push((await read(`/v1/workers/${worker}`)).assets);
  daemon.kill("SIGTERM");
  expect((await daemon.ended).code, daemon.said()).toBe(0);
  const chain = run.distributor.open();
  const posts: number[] = [];
  for await (const { logs } of chain.logs({ from: 0, to: (await chain.block("latest"))?.number ?? 0 })) {
    for (const entry of logs) if (entry.kind === "posted") posts.push(entry.epoch);
  }
  const transactions = await chain.transactionCount(run.distributor.poster.address, "latest");
  return {
    status,
    accruing,
    amounts,
    posts,
    transactions,
    head: await chain.head(),
    artifacts: await hashesIn(run.env.ARTIFACTS_URL),
  };
}

async function onChain(url: string, daemon: Running): Promise<void> {
  const stands = ({ state = "" }: { state?: string }) => /^(posted|active)$/.test(state);
  await until(`${url}/v1/epochs/1`, stands, daemon);
}

/** The hash of every object of the artifacts but the record, which tells of the transaction and its block. */
async function hashesIn(url: string): Promise<Record<string, string>> {
  const store = openObjectStore(url);
  const hashes: Record<string, string> = {};
  for await (const page of store.list()) {
    for (const { key } of page) {
      if (!key.endsWith("record.json")) hashes[key] = sha256Hex((await store.get(key))?.bytes ?? fail(key));
    }
  }
  return hashes;
}

async function writeLog(folder: string): Promise<readonly Address[]> {
  await mkdir(folder);
  const store = openObjectStore(`file://${folder}`);
  const traffic = createTraffic({ seed: "kill", start: new Date("2025-11-05T15:00:00Z"), workers: 12 });
  for (let window = 0; window < 6; window++) {
    const dirt =
      window === 2
        ? (["repeat-across-objects", "ai-job-before-receipt", "conflicting-duplicate"] as const)
        : [];
    for (const { key, bytes } of traffic.window({ jobs: 5, dirt })) await store.put(key, bytes);
  }
  return traffic.workers;
}

/** A pool of its own that reads a log which others read, too. */
function storesIn(folder: string, log: string) {
  return {
    LOG_URL: `file://${log}`,
    ARCHIVE_URL: `file://${join(folder, "archive")}`,
    ARTIFACTS_URL: `file://${join(folder, "artifacts")}`,
    DATA_DIR: join(folder, "data"),
  };
}

function environment({ address }: TestDistributor): Record<string, string> {
  const { rpcUrl, chainId, accounts } = anvil.local();
  return {
    EPOCH_SECONDS: epochSeconds,
    CHAIN_ID: String(chainId),
    ETH_RPC_ENDPOINT: rpcUrl,
    ETH_PRIVATE_KEY: accounts[1]?.privateKey ?? "",
    DISTRIBUTOR_ADDRESS: address,
    AUTO_PUBLISH: "true",
    HTTP_PORT: "0",
    S3_SENSOR_INTERVAL_SECONDS: "1",
    NODE_OPTIONS: `--import=${hook}`,
  };
}

function fail(reason: string): never {
  throw new Error(reason);
}
