import { readFile } from "node:fs/promises";
import { decodeFunctionData, encodeFunctionData, type Hex } from "viem";
import { expect, test } from "vitest";
import { distributorAbi } from "../../offchain/chain/distributor-artifact.ts";
import { deployTestDistributor, useAnvil } from "../support/anvil.ts";
import { account, transcodeJob, transcodeKey } from "../support/events.ts";
import { openPool } from "./payroot.ts";

const anvil = useAnvil();

/** A pool with a distributor on a chain: account 1 is its poster, 2 its guardian. */
async function openChainPool() {
  const distributor = await deployTestDistributor(anvil);
  const keyOf = (index: number) => anvil.local().accounts[index]?.privateKey ?? "";
  const pool = await openPool({
    CHAIN_ID: "31337",
    DISTRIBUTOR_ADDRESS: distributor.address,
    ETH_RPC_ENDPOINT: anvil.local().rpcUrl,
    ETH_PRIVATE_KEY: keyOf(1),
  });
  const close = async (epoch: number, units: number, env = {}) => {
    await pool.write(transcodeKey(`e${epoch}`), [transcodeJob({ id: `${epoch} ${units}`, units, price: 1 })]);
    const argv = ["epoch", "close", "--at", `2025-11-0${epoch + 5}T00:00:00Z`, "--json"];
    expect((await pool.call(argv, { env })).code).toBe(0);
  };
  const as = async (index: number, argv: readonly string[]) => {
    const { code, stdout, stderr } = await pool.call([...argv, "--json"], {
      env: { ETH_PRIVATE_KEY: keyOf(index) },
    });
    expect(code, stderr).toBe(0);
    return JSON.parse(stdout) as Record<string, unknown>;
  };
  return { pool, distributor, close, as };
}

test("given an outlier, it is published only with --accept-anomaly or another ANOMALY_FACTOR", async () => {
  const { pool, close } = await openChainPool();
  await close(1, 1000);
  await pool.json(["epoch", "publish", "1", "--broadcast"]);
  await close(2, 21_000);
  expect(await pool.json(["epoch", "publish", "2"], 1)).toMatchObject({ error: { code: "epoch-anomalous" } });
  expect(await pool.json(["epoch", "publish", "2", "--broadcast"], 1)).toMatchObject({
    error: { code: "epoch-anomalous", facts: { times: "21.0", limit: 20 } },
  });
  const wider = await pool.call(["epoch", "publish", "2", "--json"], { env: { ANOMALY_FACTOR: "21" } });
  expect(JSON.parse(wider.stdout)).toMatchObject({ state: "dry" });
  const posted = await pool.json(["epoch", "publish", "2", "--broadcast", "--accept-anomaly"]);
  expect(posted).toMatchObject({ state: "posted" });
  // What is posted stays told, outlier or not.
  expect(await pool.json(["epoch", "publish", "2"])).toMatchObject({ state: "posted" });
});

test("given an object that was not read, publishing is refused as temporary", async () => {
  const { pool, close } = await openChainPool();
  await close(1, 1000);
  await pool.write(transcodeKey("forgotten"), [transcodeJob({ id: "forgotten" })]);
  expect(await pool.json(["epoch", "publish", "1"], 75)).toMatchObject({ error: { code: "log-incomplete" } });
});

test("given --output calldata, the post is printed and can be sent by whoever has the role", async () => {
  const { pool, close, distributor } = await openChainPool();
  await close(1, 1000);
  const { calls } = (await pool.json(["epoch", "publish", "1", "--output", "calldata"])) as {
    calls: { chainId: number; to: Hex; value: string; data: Hex }[];
  };
  expect(calls).toMatchObject([{ chainId: 31_337, to: distributor.address, value: "0" }]);
  const [call] = calls;
  expect(call && decodeFunctionData({ abi: distributorAbi, data: call.data }).functionName).toBe("postEpoch");
  expect((await pool.call(["epoch", "publish", "1", "--output", "calldata"])).stdout).toContain(
    `data     ${call?.data}`,
  );
  const from = distributor.poster.address;
  await anvil.control().send({ from, to: distributor.address, data: call?.data ?? "0x" });
  expect(await pool.json(["epoch", "publish", "1", "--output", "calldata"])).toMatchObject({
    state: "posted",
  });
});

test("given a wrong epoch, it is revoked, reopened, corrected and published again under its number", async () => {
  const { pool, close, as, distributor } = await openChainPool();
  await close(1, 1000, { POOL_COMMISSION_RATE: "0.75" });
  await pool.json(["epoch", "publish", "1", "--broadcast"]);
  expect(await pool.json(["epoch", "reopen", "1"], 1)).toMatchObject({ error: { code: "epoch-on-chain" } });

  const safe = await pool.call(["epoch", "revoke", "1", "--output", "safe"]);
  const batch = JSON.parse(safe.stdout) as { transactions: { to: string; data: Hex }[] };
  expect(batch.transactions).toMatchObject([{ to: distributor.address }]);
  const data = batch.transactions[0]?.data ?? "0x";
  expect(decodeFunctionData({ abi: distributorAbi, data })).toMatchObject({ functionName: "revokeFrom" });

  expect(await as(2, ["epoch", "revoke", "1"])).toMatchObject({ state: "dry", last: 1 });
  const revoked = await as(2, ["epoch", "revoke", "1", "--broadcast"]);
  expect(revoked).toMatchObject({ state: "revoked", moved: [expect.stringMatching("^revoked/000001-")] });
  await anvil.control().mine(5);
  expect(await pool.json(["epoch", "publish", "1"], 1)).toMatchObject({ error: { code: "epoch-revoked" } });
  expect(await pool.json(["epoch", "reopen", "1"])).toMatchObject({
    epoch: 1,
    objects: 1,
    rulesChanged: true,
  });
  expect(await pool.json(["epoch", "list"])).toEqual({ epochs: [] });
  await pool.json(["epoch", "close", "--at", "2025-11-07T00:00:00Z"]);
  expect(await pool.json(["epoch", "publish", "1", "--broadcast"])).toMatchObject({ state: "posted" });

  const shown = await pool.json(["worker", "show", account(0)]);
  expect(shown.assets).toMatchObject([{ earned: "750", posted: "750" }]);
});

test("given attestors and a quorum, attest signs and publish sends", async () => {
  const { pool, close, as, distributor } = await openChainPool();
  const from = (await anvil.local()).accounts[0]?.address ?? "0x";
  const role = await anvil
    .control()
    .client.readContract({ abi: distributorAbi, address: distributor.address, functionName: "ATTESTOR" });
  const attestors = [3, 4].map((index) => anvil.local().accounts[index]?.address ?? "0x");
  for (const data of [
    ...attestors.map((attestor) =>
      encodeFunctionData({ abi: distributorAbi, functionName: "grantRole", args: [role, attestor] }),
    ),
    encodeFunctionData({ abi: distributorAbi, functionName: "setAttestationQuorum", args: [2] }),
  ]) {
    await anvil.control().send({ from, to: distributor.address, data });
  }
  await close(1, 1000);
  const file = `${pool.folder}/attestation.json`;
  const aside = await as(3, ["attest", "1", "--output", file]);
  expect(JSON.parse(await readFile(file, "utf8"))).toMatchObject({ epoch: 1, signer: attestors[0] });
  expect(aside).toMatchObject({ written: file, signer: attestors[0] });
  expect(await as(3, ["attest", "1"])).toMatchObject({
    written: `epochs/000001/attestations/${attestors[0]}.json`,
  });
  expect(await pool.json(["epoch", "publish", "1", "--broadcast"], 75)).toMatchObject({
    error: { code: "attestations-missing", facts: { given: 1, required: 2 } },
  });
  await as(4, ["attest", "1"]);
  expect(await pool.json(["epoch", "publish", "1", "--broadcast"])).toMatchObject({ state: "posted" });
});

test("given --broadcast and --output together, it is a mistake", async () => {
  const { pool } = await openChainPool();
  for (const argv of [
    ["epoch", "publish", "1"],
    ["epoch", "revoke", "1"],
  ]) {
    expect(await pool.json([...argv, "--broadcast", "--output", "safe"], 2)).toMatchObject({
      error: { code: "usage-invalid" },
    });
  }
});
