import { readdir } from "node:fs/promises";
import { decodeFunctionData, type Hex } from "viem";
import { expect, test } from "vitest";
import { distributorAbi } from "../../offchain/chain/distributor-artifact.ts";
import { zeroAddress } from "../../offchain/core/address.ts";
import { useAnvil } from "../support/anvil.ts";
import { earnedBy, openSponsoredPool, paymentsOf, refusingCode, worker } from "../support/sponsoring.ts";
import { openPool } from "./payroot.ts";

const anvil = useAnvil();

/** A pool with an active epoch of some workers, and payroot called with its published files and the chain alone. */
async function openPaidPool(count: number, env: Record<string, string> = {}) {
  const sponsored = await openSponsoredPool(anvil, count);
  const pool = await openPool({
    CHAIN_ID: "31337",
    DISTRIBUTOR_ADDRESS: sponsored.distributor.address,
    ETH_RPC_ENDPOINT: anvil.local().rpcUrl,
    ETH_PRIVATE_KEY: anvil.local().accounts[5]?.privateKey ?? "",
    ARTIFACTS_URL: sponsored.ledger.artifacts.url,
    PAYMENT_THRESHOLD_WEI: String(earnedBy(1)),
    ...env,
  });
  return { ...sponsored, pool };
}

test("given workers to pay, sponsor shows them, then pays them, and tells what each cost", async () => {
  const { pool, chain } = await openPaidPool(5);
  await anvil.control().client.setCode({ address: worker(4), bytecode: refusingCode });
  const shown = await pool.call(["sponsor"]);
  expect([shown.code, await paymentsOf(chain)], shown.stderr).toEqual([0, []]);
  expect(shown.stdout).toMatch(/^3 workers can be paid; nothing was sent: add --broadcast to pay them\n/);
  expect(shown.stdout).toMatch(/costs at most .* ETH\n/);
  expect(shown.stdout).toMatch(/TransferFailed/);

  const paid = await pool.json(["sponsor", "--batch", "2", "--broadcast"]);

  const hash = expect.stringMatching(/^0x[0-9a-f]{64}$/);
  const total = String(earnedBy(1) + earnedBy(2) + earnedBy(3));
  const batch = { skipped: [], feePerWorkerWei: expect.stringMatching(/^\d+$/), transaction: hash };
  expect(paid).toMatchObject({
    state: "paid",
    assets: [{ asset: zeroAddress, workers: 3, total }],
    refused: [{ account: worker(4) }],
    below: 1,
    feePerWorkerWei: expect.stringMatching(/^\d+$/),
  });
  for (const one of paid.batches as unknown[]) expect(one).toMatchObject(batch);
  expect(await paymentsOf(chain)).toHaveLength(3);
  const least = await pool.call(["sponsor", "--min", "1", "--broadcast"]);
  expect(least.stdout).toMatch(/^paid 1 workers\n/);
  expect(least.stderr).toMatch(/^paid 1 workers, [\d,]+ gas, [\d.]+ ETH each, transaction 0x/m);
  const done = await pool.call(["sponsor", "--broadcast"]);
  expect(done.stdout).toMatch(/^nobody has enough coming; nothing was sent\n/);
});

test("given --output, sponsor and claim print the calls that pay, and send nothing", async () => {
  const { pool, chain } = await openPaidPool(4, { ETH_PRIVATE_KEY: "" });
  const { calls } = await pool.json(["sponsor", "--batch", "2", "--output", "calldata"]);
  const batches = calls as { data: Hex; to: string; value: string }[];
  const [first] = batches;
  expect(batches).toHaveLength(2);
  expect(first).toMatchObject({ to: chain.distributor, value: "0", chainId: 31_337 });
  const decoded = batches.map(({ data }) => decodeFunctionData({ abi: distributorAbi, data }));
  expect(decoded.map(({ functionName }) => functionName)).toEqual(["claimBatch", "claimBatch"]);
  const safe = await pool.json(["claim", worker(3), "--output", "safe"]);
  expect(safe).toMatchObject({ chainId: "31337", transactions: [{ to: chain.distributor, value: "0" }] });
  const both = await pool.json(["claim", worker(3), "--output", "safe", "--broadcast"], 2);
  expect(both).toMatchObject({ error: { code: "usage-invalid" } });
  expect(await paymentsOf(chain)).toEqual([]);

  const from = anvil.local().accounts[7]?.address ?? zeroAddress;
  for (const { data } of batches) await anvil.control().send({ from, to: chain.distributor, data });
  expect((await paymentsOf(chain)).map(({ account }) => account).sort()).toEqual(
    [1, 2, 3].map(worker).sort(),
  );
});

test("given a mirror, sponsor needs neither data directory nor log nor the configured artifacts", async () => {
  const { pool, ledger } = await openPaidPool(3);
  const elsewhere = { LOG_URL: "", ARTIFACTS_URL: `file://${pool.folder}/none`, ETH_PRIVATE_KEY: "" };
  const argv = ["sponsor", "--from", ledger.artifacts.url, "--json"];
  const { code, stdout, stderr } = await pool.call(argv, { env: elsewhere });
  expect(code, stderr).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ state: "dry", assets: [{ workers: 2 }] });
  expect((await readdir(pool.folder)).filter((name) => name === "none" || name === "data")).toEqual([]);
});

test.each([
  [["--batch", "0"], {}, "usage-invalid"],
  [["--min", "0.1"], {}, "usage-invalid"],
  [["--broadcast"], { ETH_PRIVATE_KEY: "" }, "signer-missing"],
  [[], { ETH_RPC_ENDPOINT: "" }, "configuration-missing"],
])("given sponsor %j and %j, it says what is wrong and pays nobody", async (argv, env, code) => {
  const { pool, chain } = await openPaidPool(2);
  const called = await pool.call(["sponsor", ...argv, "--json"], { env });
  expect([called.code, JSON.parse(called.stdout).error.code]).toEqual([2, code]);
  expect(await paymentsOf(chain)).toEqual([]);
});

test("given AUTO_SPONSOR, the daemon pays workers; without AUTO_PUBLISH it does not start", async () => {
  const { pool, chain, ledger } = await openPaidPool(3, { AUTO_SPONSOR: "true", AUTO_PUBLISH: "true" });
  await ledger.store.close();
  const env = { LOG_URL: ledger.log.url, ARCHIVE_URL: ledger.archive.url, DATA_DIR: ledger.folder };
  const refused = await pool.call(["run"], { env: { ...env, AUTO_PUBLISH: "false" } });
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining("AUTO_SPONSOR")]);
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), 30_000);
  const onNote = (text: string) => {
    if (text.startsWith("paid 2 workers")) stop.abort();
  };
  const { code, stderr } = await pool.call(["run"], { env, signal: stop.signal, onNote });
  clearTimeout(timer);
  expect(code, stderr).toBe(0);
  expect(await paymentsOf(chain), stderr).toHaveLength(2);
});
