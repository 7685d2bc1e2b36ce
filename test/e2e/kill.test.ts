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
import { poolFolders, startDaemonProcess, until } from "../support/daemon.ts";
import { temporaryFolder } from "../support/ledger.ts";

// A year, so that every run closes at the same boundary, long after the traffic.
const epochSeconds = "31536000";
const scenarios = 10;
const killsEach = 5;

const anvil = useAnvil();

test(`given a daemon killed at ${scenarios * killsEach} random moments, then its state, root and posts are those of an undisturbed run`, async () => {
  const folder = await temporaryFolder();
  const log = join(folder, "log");
  const workers = await writeLog(log);
  const distributor = await deployTestDistributor(anvil, { activationDelaySeconds: 1 });
  const clean = await anvil.control().client.snapshot();
  const env = environment(distributor);
  const reportFile = join(folder, "steps.txt");

  const undisturbed = poolFolders(join(folder, "undisturbed"), log);
  const expected = await finishRun(undisturbed, {
    env: { ...env, KILL_REPORT: reportFile },
    workers,
    distributor,
  });
  const steps = readFileSync(reportFile, "utf8").trim().split("\n");
  expect(steps).toContain("after eth_sendRawTransaction");

  const seed = process.env.KILL_SEED ?? String(Date.now());
  const random = createRandom(`kills ${seed}`);
  let kills = 0;
  let snapshot = clean;
  for (let scenario = 0; scenario < scenarios; scenario++) {
    await anvil.control().client.revert({ id: snapshot });
    snapshot = await anvil.control().client.snapshot();
    const folders = poolFolders(join(folder, `killed-${scenario}`), log);
    // Kills in growing order cut one run into pieces; each piece makes again what every start makes.
    const moments = Array.from({ length: killsEach }, () => random.between(1, steps.length)).sort(
      (a, b) => a - b,
    );
    for (const [index, moment] of moments.entries()) {
      const KILL_AT = String(Math.max(1, moment - (moments[index - 1] ?? 0)));
      const daemon = startDaemonProcess(folders, { ...env, KILL_AT });
      const end = await daemon.ended;
      expect(
        end,
        `seed ${seed}, scenario ${scenario}, kill ${index} at ${KILL_AT}:\n${daemon.output()}`,
      ).toBe("SIGKILL");
      kills += 1;
    }
    const found = await finishRun(folders, { env, workers, distributor });
    expect(
      found,
      `seed ${seed}, scenario ${scenario}, kills at ${moments.join(", ")} of ${steps.length}`,
    ).toEqual(expected);
  }
  expect(kills).toBe(scenarios * killsEach);
}, 600_000);

type Run = {
  env: Readonly<Record<string, string>>;
  workers: readonly Address[];
  distributor: TestDistributor;
};

/** Runs a daemon until the epoch is on chain, and gathers everything that must not depend on how often it was killed. */
async function finishRun(folders: ReturnType<typeof poolFolders>, run: Run): Promise<unknown> {
  const daemon = startDaemonProcess(folders, run.env);
  const url = await daemon.url();
  await until<{ state?: string }>(
    `${url}/v1/epochs/1`,
    ({ state }) => state === "posted" || state === "active",
  );
  await until<{ ready: boolean }>(`${url}/ready`, ({ ready }) => ready);
  const read = async (path: string): Promise<Record<string, unknown>> =>
    (await (await fetch(`${url}${path}`)).json()) as Record<string, unknown>;
  const { asOf: _, accruing, ...status } = await read("/status");
  const amounts: unknown[] = [];
  for (const worker of run.workers) amounts.push((await read(`/v1/workers/${worker}`)).assets);
  daemon.kill("SIGTERM");
  expect(await daemon.ended, daemon.output()).toBe(0);
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
    artifacts: await hashesIn(folders.artifacts),
  };
}

/** The hash of every object of the artifacts but the record, which tells of the transaction and its block. */
async function hashesIn(folder: string): Promise<Record<string, string>> {
  const store = openObjectStore(`file://${folder}`);
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

function environment({ address }: TestDistributor): Record<string, string> {
  const { rpcUrl, chainId, accounts } = anvil.local();
  return {
    EPOCH_SECONDS: epochSeconds,
    CHAIN_ID: String(chainId),
    ETH_RPC_ENDPOINT: rpcUrl,
    ETH_PRIVATE_KEY: accounts[1]?.privateKey ?? "",
    DISTRIBUTOR_ADDRESS: address,
    AUTO_PUBLISH: "true",
  };
}

function fail(reason: string): never {
  throw new Error(reason);
}
