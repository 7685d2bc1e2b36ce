import { readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { zeroAddress } from "../../offchain/core/address.ts";
import { deployTestDistributor, type TestDistributor, useAnvil } from "../support/anvil.ts";
import { account, transcodeJob, transcodeKey } from "../support/events.ts";
import { keysOf, openPool, type TestPool } from "./payroot.ts";

const anvil = useAnvil();
const earned = "900002700";
const hash = expect.stringMatching(/^0x[0-9a-f]{64}$/);

/** A pool with a distributor on a chain, and one closed epoch, in which accounts 0 and 1 earned. */
async function openChainPool(options: Parameters<typeof deployTestDistributor>[1] = {}) {
  const distributor = await deployTestDistributor(anvil, options);
  const pool = await openPool(environment(distributor));
  const jobs = [0, 1].map((index) => transcodeJob({ id: `job ${index}`, account: account(index) }));
  await pool.write(transcodeKey("a"), jobs);
  await pool.json(["epoch", "close", "--at", "2025-11-06T00:00:00Z"]);
  return { pool, distributor };
}

function environment({ address }: TestDistributor): Record<string, string> {
  return {
    CHAIN_ID: "31337",
    DISTRIBUTOR_ADDRESS: address,
    ETH_RPC_ENDPOINT: anvil.local().rpcUrl,
    ETH_PRIVATE_KEY: anvil.local().accounts[1]?.privateKey ?? "",
  };
}

async function assetOf(pool: TestPool): Promise<unknown> {
  const { assets } = await pool.json(["worker", "show", account(0)]);
  return (assets as unknown[])[0];
}

const amounts = {
  asset: zeroAddress,
  earned,
  accruing: "0",
  closed: "0",
  posted: "0",
  claimable: "0",
  claimed: "0",
};
const stateOf = async (pool: TestPool) => (await pool.json(["epoch", "show", "1"])).state;

test("given a closed epoch, it is tried, posted, becomes active, is claimed, and every command tells where it stands", async () => {
  const { pool, distributor } = await openChainPool();
  const dry = await pool.json(["epoch", "publish", "1"]);
  expect(dry).toEqual({
    epoch: 1,
    state: "dry",
    recordHash: hash,
    transaction: null,
    block: null,
    activatesAtSeconds: null,
    final: false,
    solvency: [expect.objectContaining({ asset: zeroAddress, owed: "1800005400", missing: "0" })],
    plan: expect.objectContaining({ gas: expect.stringMatching(/^\d+$/) }),
  });
  expect(await distributor.open().latestEpoch()).toBe(0);
  expect(await assetOf(pool)).toEqual({ ...amounts, closed: earned });
  const told = await pool.call(["epoch", "publish", "1"]);
  expect(told.stdout).toMatch(/^epoch 1 can be posted; nothing was sent: add --broadcast to post it\n/);

  const posted = await pool.json(["epoch", "publish", "1", "--broadcast"]);
  expect(keysOf(posted)).toEqual(keysOf(dry));
  expect(posted).toMatchObject({ state: "posted", recordHash: dry.recordHash, transaction: hash });
  expect(await pool.json(["epoch", "publish", "1", "--broadcast"])).toMatchObject({
    state: "posted",
    transaction: posted.transaction,
  });
  expect(await distributor.open().latestEpoch()).toBe(1);
  expect([await stateOf(pool), await assetOf(pool)]).toEqual(["posted", { ...amounts, posted: earned }]);
  expect(await pool.json(["claim", account(0)], 75)).toMatchObject({ error: { code: "epoch-not-active" } });

  await anvil.control().pass(61);
  await anvil.control().mine(3);
  expect([await stateOf(pool), await assetOf(pool)]).toEqual(["active", { ...amounts, claimable: earned }]);
  const would = await pool.json(["claim", account(0)]);
  expect(would).toMatchObject({ account: account(0), epoch: 1, state: "dry" });
  expect(keysOf(would)).toEqual(["account", "assets", "epoch", "state"]);
  const paid = await pool.json(["claim", account(0), "--broadcast"]);
  expect(paid).toMatchObject({
    state: "paid",
    assets: [
      { asset: zeroAddress, cumulative: earned, amount: earned, recipient: account(0), transaction: hash },
    ],
  });
  expect(await anvil.control().client.getBalance({ address: account(0) })).toBe(BigInt(earned));
  await anvil.control().mine(3);
  expect(await assetOf(pool)).toEqual({ ...amounts, claimed: earned });
  const again = await pool.json(["claim", account(0), "--broadcast"], 1);
  expect(again).toMatchObject({ error: { code: "nothing-to-claim" } });
});

test("given a mirror, a claim needs neither data directory nor log nor the configured artifacts", async () => {
  const { pool } = await openChainPool({ activationDelaySeconds: 1 });
  await pool.json(["epoch", "publish", "1", "--broadcast"]);
  await anvil.control().pass(2);
  const mirror = pool.env.ARTIFACTS_URL ?? "";
  const { env } = pool;
  const elsewhere = {
    DATA_DIR: `${pool.folder}/none`,
    LOG_URL: "",
    ARTIFACTS_URL: `file://${pool.folder}/none`,
  };
  const { code, stdout, stderr } = await pool.call(["claim", account(1), "--from", mirror, "--json"], {
    env: { ...env, ...elsewhere, ETH_PRIVATE_KEY: "" },
  });
  expect(code, stderr).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    state: "dry",
    assets: [{ cumulative: earned, amount: earned }],
  });
  expect(await readdir(pool.folder)).not.toContain("none");
});

test.each([
  ["no key", undefined, {}, { code: "signer-missing", exitCode: 2 }],
  ["a key that may not post", 5, {}, { code: "signer-not-poster", exitCode: 2 }],
  ["a distributor without money", 1, { fundsEth: "0" }, { code: "epoch-unfunded", exitCode: 75 }],
])("given %s, an epoch is not posted, and it says what to do", async (_what, signer, options, expected) => {
  const { pool, distributor } = await openChainPool(options);
  const key = signer === undefined ? "" : anvil.local().accounts[signer]?.privateKey;
  const argv = ["epoch", "publish", "1", "--broadcast", "--json"];
  const { code, stdout } = await pool.call(argv, { env: { ETH_PRIVATE_KEY: key } });
  const { error } = JSON.parse(stdout);
  expect({ code: error.code, exitCode: code }).toEqual(expected);
  expect(error.next).toMatch(/\S/);
  expect(await distributor.open().latestEpoch()).toBe(0);
});

test("given an epoch that was never closed, publish does not know it", async () => {
  const { pool } = await openChainPool();
  for (const epoch of ["2", "4294967296"]) {
    expect(await pool.json(["epoch", "publish", epoch], 1)).toMatchObject({
      error: { code: "epoch-unknown" },
    });
  }
});

test.each([
  ["epoch", "publish", "1"],
  ["claim", account(0)],
])("given no chain, %s %s says which settings it needs", async (...argv) => {
  const pool = await openPool();
  await pool.write(transcodeKey("a"), [transcodeJob({ id: "a" })]);
  await pool.json(["epoch", "close"]);
  const { error } = await pool.json(argv, 2);
  expect(error).toMatchObject({
    code: "configuration-missing",
    next: expect.stringMatching(/^set ETH_RPC_ENDPOINT/),
  });
});

const roles = ["--admin", account(0), "--poster", account(1), "--guardian", account(2)];

test("given a deployment without --broadcast, it is shown and nothing is sent", async () => {
  const pool = await openPool({
    ETH_RPC_ENDPOINT: anvil.local().rpcUrl,
    ETH_PRIVATE_KEY: anvil.local().accounts[0]?.privateKey,
  });
  const folder = fileURLToPath(new URL("../../deployments", import.meta.url));
  const files = await readdir(folder).catch(() => []);
  const block = await anvil.control().client.getBlockNumber();
  const { code, stdout, stderr } = await pool.call(["deploy", ...roles, "--json"]);
  expect([code, JSON.parse(stdout)]).toEqual([0, { deployment: null }]);
  for (const role of [0, 1, 2]) expect(stderr).toContain(account(role));
  expect(stderr).toContain("--broadcast");
  expect(await anvil.control().client.getBlockNumber()).toBe(block);
  expect(await readdir(folder).catch(() => [])).toEqual(files);
});

test.each([
  [["deploy"], "usage-invalid"],
  [["deploy", "--network", "mainnet", ...roles], "usage-invalid"],
  [["deploy", ...roles], "configuration-missing"],
])("given %j, it says what is missing", async (argv, code) => {
  const pool = await openPool();
  expect(await pool.json(argv, 2)).toMatchObject({ error: { code, next: expect.stringMatching(/\S/) } });
});
