import { encodeFunctionData, zeroAddress } from "viem";
import { expect, test } from "vitest";
import { distributorAbi } from "../../../offchain/chain/distributor-artifact.ts";
import type { ClaimedLog, DistributorChain } from "../../../offchain/chain/distributor-chain.ts";
import { claim } from "../../../offchain/pipeline/claims/claim.ts";
import { publishEpoch } from "../../../offchain/pipeline/publish/publish.ts";
import {
  deployTestDistributor,
  type RpcProxy,
  signerAt,
  startRpcProxy,
  type TestDistributor,
  useAnvil,
} from "../../support/anvil.ts";
import { account } from "../../support/events.ts";
import { openTestLedger, type TestLedger } from "../../support/ledger.ts";
import { closeForChain } from "../../support/published-epochs.ts";

const anvil = useAnvil();

test("given an active epoch, when a worker claims dry and then for good, then the contract pays it once", async () => {
  const { ports, options } = await activeEpochs(1);

  const dry = await claim(ports, account(0), { ...options, broadcast: false });
  const before = await ports.chain.balanceWei(account(0));
  const paid = await claim(ports, account(0), options);

  const expected = (1_000_003n * 1200n * 3n) / 4n;
  expect(dry).toMatchObject({
    epoch: 1,
    state: "dry",
    assets: [{ asset: zeroAddress, amount: expected, transaction: null }],
  });
  expect(paid).toMatchObject({
    state: "paid",
    assets: [{ amount: expected, recipient: account(0), claimedBefore: 0n }],
  });
  expect((await ports.chain.balanceWei(account(0))) - before).toBe(expected);
  await expect(claim(ports, account(0), options)).rejects.toMatchObject({ code: "nothing-to-claim" });
});

test("given two active epochs, when a worker claims the older and then the newest, then it gets the difference", async () => {
  const { ports, options } = await activeEpochs(2);

  const first = await claim(ports, account(1), { ...options, epoch: 1 });
  const second = await claim(ports, account(1), options);

  expect(second.epoch).toBe(2);
  expect(second.assets[0]?.claimedBefore).toBe(first.assets[0]?.amount);
  expect(await ports.chain.claimed({ account: account(1), asset: zeroAddress })).toBe(
    second.assets[0]?.cumulative,
  );
});

test("given an epoch whose delay still runs, when a worker claims, then the time is told", async () => {
  const { ports, options } = await activeEpochs(1, { activate: false });

  await expect(claim(ports, account(0), options)).rejects.toMatchObject({
    code: "epoch-not-active",
    retryable: true,
    facts: { activatesAt: expect.stringMatching(/^\d{4}-/) },
  });
});

test("given no epoch on chain, when a worker claims, then that is said", async () => {
  const distributor = await deployTestDistributor(anvil);
  const { artifacts } = await openTestLedger();

  const claiming = claim({ artifacts, chain: distributor.open() }, account(0), { broadcast: false });

  await expect(claiming).rejects.toMatchObject({ code: "epoch-not-active", retryable: false });
});

test("given an asset whose claims are paused, when a worker claims, then the end of the pause is told", async () => {
  const { ports, options, distributor } = await activeEpochs(1);
  const data = encodeFunctionData({ abi: distributorAbi, functionName: "pause", args: [zeroAddress] });
  await anvil.control().send({ from: distributor.guardian.address, to: distributor.address, data });

  await expect(claim(ports, account(0), options)).rejects.toMatchObject({
    code: "claims-paused",
    retryable: true,
  });
  await anvil.control().pass(7 * 86_400);

  expect((await claim(ports, account(0), options)).state).toBe("paid");
});

test("given an account that never worked, when it claims, then there is nothing", async () => {
  const { ports, options } = await activeEpochs(1);

  const claiming = claim(ports, "0x000000000000000000000000000000000000dEaD", options);

  await expect(claiming).rejects.toMatchObject({ code: "nothing-to-claim", facts: { epoch: 1 } });
});

test("given a mirror with an altered amount, when a worker claims, then nothing is sent", async () => {
  const { ports, options, ledger } = await activeEpochs(1);
  const key = `epochs/000001/proofs/${account(0).slice(2, 4).toLowerCase()}.json`;
  const shard = Buffer.from((await ledger.artifacts.get(key))?.bytes ?? []).toString();
  await ledger.artifacts.put(key, Buffer.from(shard.replace(/"cumulative":"\d/, '"cumulative":"7')));

  await expect(claim(ports, account(0), options)).rejects.toMatchObject({
    code: "proof-mismatch",
    exitCode: 3,
  });
});

test("a timed-out receipt paid again", async () => {
  const { ports, options, distributor } = await activeEpochs(1);
  const proxy = await startRpcProxy(anvil.local().rpcUrl);
  const blind = { ...ports, chain: distributor.open({ rpcUrl: proxy.url }) };
  hideReceipts(proxy);

  await expect(claim(blind, account(0), { ...options, waitSeconds: 0.1 })).rejects.toMatchObject({
    code: "transaction-unconfirmed",
    retryable: true,
  });
  proxy.rule = undefined;

  await expect(claim(blind, account(0), options)).rejects.toMatchObject({ code: "nothing-to-claim" });
  expect(await payments(ports.chain)).toHaveLength(1);
});

test("given an RPC that takes a claim without answering, when a worker claims, then it is found and not sent again", async () => {
  const { ports, options, distributor } = await activeEpochs(1);
  const proxy = await startRpcProxy(anvil.local().rpcUrl);
  proxy.rule = async ({ method, forward }) => {
    if (method !== "eth_sendRawTransaction") return undefined;
    await forward();
    // Mined before the connection ends, so that there is something to find.
    await anvil.control().mine();
    return "hang-up";
  };

  const paid = await claim({ ...ports, chain: distributor.open({ rpcUrl: proxy.url }) }, account(0), options);

  expect(paid.assets[0]?.amount).toBeGreaterThan(0n);
  expect(proxy.seen.filter((method) => method === "eth_sendRawTransaction")).toHaveLength(1);
  expect(await payments(ports.chain)).toHaveLength(1);
});

test("given a chain that takes its time, when a worker claims, then the claim is sent once and waited for", async () => {
  const { ports, options, distributor } = await activeEpochs(1);
  const proxy = await startRpcProxy(anvil.local().rpcUrl);
  await anvil.control().client.setAutomine(false);
  let looks = 0;
  proxy.rule = async ({ method }) => {
    if (method !== "eth_getTransactionReceipt") return undefined;
    looks += 1;
    if (looks === 5) await anvil.control().mine();
    return undefined;
  };

  const paid = await claim({ ...ports, chain: distributor.open({ rpcUrl: proxy.url }) }, account(0), options);

  await anvil.control().client.setAutomine(true);
  expect(paid.state).toBe("paid");
  expect(proxy.seen.filter((method) => method === "eth_sendRawTransaction")).toHaveLength(1);
});

test("given a stale RPC, when a worker claims what was paid already, then the chain refuses and nothing is paid", async () => {
  const { ports, options, distributor } = await activeEpochs(1);
  const proxy = await startRpcProxy(anvil.local().rpcUrl);
  const stale = `0x${(await anvil.control().client.getBlockNumber()).toString(16)}`;
  await claim(ports, account(0), options);
  proxy.rule = async ({ method, params, forward }) => {
    if (method === "eth_call") return { result: await forward([params[0], stale]) };
    return method === "eth_estimateGas" ? { result: "0x30d40" } : undefined;
  };

  const claiming = claim({ ...ports, chain: distributor.open({ rpcUrl: proxy.url }) }, account(0), options);

  await expect(claiming).rejects.toMatchObject({ code: "transaction-reverted" });
  expect(await payments(ports.chain)).toHaveLength(1);
});

function hideReceipts(proxy: RpcProxy): void {
  proxy.rule = ({ method }) => (method === "eth_getTransactionReceipt" ? { result: null } : undefined);
}

async function activeEpochs(count: number, { activate = true } = {}) {
  const distributor: TestDistributor = await deployTestDistributor(anvil);
  const ledger: TestLedger = await openTestLedger();
  const chain = distributor.open();
  const posting = { broadcast: true, signer: distributor.poster, pollMs: 10 };
  for (let epoch = 1; epoch <= count; epoch += 1) {
    await closeForChain(ledger, { epoch, distributor: distributor.address });
    await publishEpoch({ ...ledger, chain }, epoch, posting);
  }
  if (activate) await anvil.control().pass(61);
  const signer = await signerAt(anvil.local(), 5);
  const options = { broadcast: true, signer, pollMs: 10, waitSeconds: 20 };
  return { ledger, distributor, ports: { artifacts: ledger.artifacts, chain }, options };
}

async function payments(chain: DistributorChain): Promise<ClaimedLog[]> {
  const latest = await chain.block("latest");
  const pages = await Array.fromAsync(chain.logs({ from: chain.deployedAtBlock, to: latest?.number ?? 0 }));
  return pages.flatMap(({ logs }) => logs.filter((log) => log.kind === "claimed"));
}
