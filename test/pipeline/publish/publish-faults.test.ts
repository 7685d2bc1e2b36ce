import { parseEther, toHex, zeroHash } from "viem";
import { expect, test } from "vitest";
import { postEpochCall, revokeFromCall } from "../../../offchain/chain/calls.ts";
import { postingOf } from "../../../offchain/pipeline/publish/epoch-record.ts";
import { readJournal } from "../../../offchain/pipeline/publish/posting.ts";
import { publishEpoch, resumePublish } from "../../../offchain/pipeline/publish/publish.ts";
import { deployTestDistributor, startRpcProxy, useAnvil } from "../../support/anvil.ts";
import { openTestLedger } from "../../support/ledger.ts";
import { closeForChain } from "../../support/published-epochs.ts";

const anvil = useAnvil();

test("given an RPC that loses the transaction, when posting goes on, then the same bytes are sent again", async () => {
  const { ports, options, swallow, attempts } = await closedEpoch();
  await swallow();
  const [signed] = await attempts();

  const [report] = await resumePublish(ports, options);

  expect(report).toMatchObject({ state: "posted", transaction: signed?.hash });
  expect(await attempts()).toHaveLength(1);
});

test("given an RPC that takes the transaction without answering, when posting, then it is found, not sent twice", async () => {
  const { distributor, ports, options, attempts } = await closedEpoch();
  const proxy = await startRpcProxy(anvil.local().rpcUrl);
  proxy.rule = async ({ method, forward }) => {
    if (method !== "eth_sendRawTransaction") return undefined;
    await forward();
    // Mined before the connection ends, so that there is something to find.
    await anvil.control().mine();
    return "hang-up";
  };

  const report = await publishEpoch({ ...ports, chain: distributor.open({ rpcUrl: proxy.url }) }, 1, options);

  expect(report.state).toBe("posted");
  expect(proxy.seen.filter((method) => method === "eth_sendRawTransaction")).toHaveLength(1);
  expect(await attempts()).toHaveLength(1);
});

test("given a lost post that the base fee outgrew, when it is resumed, then one with its nonce outbids it", async () => {
  const { ports, options, swallow, attempts } = await closedEpoch();
  await swallow();
  const [old] = await attempts();
  await anvil.control().client.setNextBlockBaseFeePerGas({ baseFeePerGas: 20_000_000_000n });
  await anvil.control().mine();

  const [report] = await resumePublish(ports, options);

  await anvil.control().client.setNextBlockBaseFeePerGas({ baseFeePerGas: 1_000_000_000n });
  await anvil.control().mine(3);
  const [final] = await resumePublish(ports, options);
  expect(report?.state).toBe("posted");
  expect(final).toMatchObject({ final: true, transaction: report?.transaction });
  expect(await resumePublish(ports, options)).toEqual([]);
  expect(await attempts()).toMatchObject([
    { hash: old?.hash, nonce: old?.nonce, outcome: "dead" },
    { hash: report?.transaction, nonce: old?.nonce, outcome: "posted" },
  ]);
});

test("given a post that waits in the mempool, when the base fee outgrows it, then it is replaced, not doubled", async () => {
  const { distributor, ports, options, attempts } = await closedEpoch();
  const { client, mine } = anvil.control();
  const proxy = await startRpcProxy(anvil.local().rpcUrl);
  const nonce = await ports.chain.transactionCount(distributor.poster.address, "latest");
  await client.setAutomine(false);
  const counted = { ...ports, chain: distributor.open({ rpcUrl: proxy.url }) };
  await expect(publishEpoch(counted, 1, { ...options, pollMs: 1, waitSeconds: 0.5 })).rejects.toMatchObject({
    code: "post-unconfirmed",
  });
  expect(proxy.seen.filter((method) => method === "eth_sendRawTransaction")).toHaveLength(1);
  await client.setNextBlockBaseFeePerGas({ baseFeePerGas: 20_000_000_000n });
  await mine();

  // Anvil does not count what it cannot mine; other nodes count all that waits.
  proxy.rule = ({ method, params }) =>
    method === "eth_getTransactionCount" && params[1] === "pending"
      ? { result: toHex(nonce + 1) }
      : undefined;
  const resuming = resumePublish(counted, { ...options, waitSeconds: 0.1 });
  await expect(resuming).rejects.toMatchObject({ code: "post-unconfirmed" });
  await mine();
  await client.setAutomine(true);
  await client.setNextBlockBaseFeePerGas({ baseFeePerGas: 1_000_000_000n });
  await mine(3);
  const [report] = await resumePublish(ports, options);

  expect(report).toMatchObject({ state: "posted", final: true });
  expect(await attempts()).toMatchObject([
    { nonce, outcome: "dead" },
    { nonce, hash: report?.transaction, outcome: "posted" },
  ]);
  expect(await ports.chain.transactionCount(distributor.poster.address, "pending")).toBe(nonce + 1);
});

test("given a base fee above the limit, when a lost post is resumed, then it waits and keeps the old bytes", async () => {
  const { distributor, ports, options, swallow, attempts } = await closedEpoch();
  await swallow();
  const old = await attempts();
  await anvil.control().client.setNextBlockBaseFeePerGas({ baseFeePerGas: 20_000_000_000n });
  await anvil.control().mine();
  const tight = { ...ports, chain: distributor.open({ maxGasPriceWei: 19_000_000_000n }) };

  await expect(resumePublish(tight, options)).rejects.toMatchObject({ code: "gas-price-above-limit" });

  expect(await attempts()).toEqual(old);
  await anvil.control().client.setNextBlockBaseFeePerGas({ baseFeePerGas: 1_000_000_000n });
  await anvil.control().mine();
});

test("given a lost post whose nonce something else used, when that is final, then a new one is signed", async () => {
  const { distributor, ports, options, swallow, attempts } = await closedEpoch();
  await swallow();
  const { address: from } = distributor.poster;
  await anvil.control().send({ from, to: from });

  await expect(resumePublish(ports, { ...options, waitSeconds: 0 })).rejects.toMatchObject({
    code: "post-unconfirmed",
  });
  expect(await attempts()).toMatchObject([{ outcome: null }]);
  await anvil.control().mine(3);
  const [report] = await resumePublish(ports, options);

  const [dead, posted] = await attempts();
  expect(report).toMatchObject({ state: "posted", transaction: posted?.hash });
  expect(dead?.outcome).toBe("dead");
  expect(posted?.nonce).toBe((dead?.nonce ?? 0) + 1);
});

test("given a post that the contract refuses when mined, when it is resumed, then its reason is told", async () => {
  const { distributor, ports, options, swallow, attempts } = await closedEpoch();
  await swallow();
  const { client } = anvil.control();
  await client.setBalance({ address: distributor.address, value: 0n });

  await expect(resumePublish(ports, options)).rejects.toMatchObject({
    code: "post-reverted",
    facts: { reason: expect.stringMatching(/^Insolvent\(0x0+, \d+, 0\)$/) },
  });
  await expect(publishEpoch(ports, 1, options)).rejects.toMatchObject({ code: "epoch-unfunded" });
  await client.setBalance({ address: distributor.address, value: parseEther("1") });
  const report = await publishEpoch(ports, 1, options);

  expect(report.state).toBe("posted");
  expect(await attempts()).toMatchObject([{ outcome: "reverted" }, { hash: report.transaction }]);
});

test("given a chain that forgets the post, when it has grown again, then the same bytes are posted", async () => {
  const { ports, options, attempts } = await closedEpoch();
  const { client, mine } = anvil.control();
  const id = await client.snapshot();
  const first = await publishEpoch(ports, 1, options);
  await client.revert({ id });

  await expect(resumePublish(ports, options)).rejects.toMatchObject({ code: "rpc-lagging", retryable: true });
  await mine();
  const [again] = await resumePublish(ports, options);

  expect(first).toMatchObject({ state: "posted", final: false });
  expect(again).toMatchObject({ state: "posted", transaction: first.transaction });
  expect(again?.block).toBeGreaterThan(first.block ?? 0);
  expect(await attempts()).toHaveLength(1);
});

test("given an epoch that somebody else posted with our record, when it is published, then that post is ours", async () => {
  const { distributor, ports, options, attempts } = await closedEpoch();
  const { record } = await postingOf(ports, 1);
  const { data } = postEpochCall(record, []);
  await anvil.control().send({ from: distributor.poster.address, to: distributor.address, data });

  const report = await publishEpoch(ports, 1, options);

  expect(report).toMatchObject({ state: "posted", transaction: expect.stringMatching(/^0x/) });
  expect(await attempts()).toEqual([]);
  expect(await ports.artifacts.get("epochs/000001/record.json")).toBeDefined();
});

test("given an epoch that stands with another record, when it is published, then that is a discrepancy", async () => {
  const { distributor, ports, options } = await closedEpoch();
  const { record } = await postingOf(ports, 1);
  const { data } = postEpochCall({ ...record, manifestHash: record.root }, []);
  await anvil.control().send({ from: distributor.poster.address, to: distributor.address, data });

  await expect(publishEpoch(ports, 1, options)).rejects.toMatchObject({
    code: "epoch-posted-differently",
    exitCode: 3,
  });
});

test("given a record before it that was replaced on chain, when an epoch is published, then that is a discrepancy", async () => {
  const { distributor, ledger, ports, options } = await closedEpoch();
  await publishEpoch(ports, 1, options);
  await closeForChain(ledger, { epoch: 2, distributor: distributor.address });
  const { record } = await postingOf(ports, 1);
  const { poster, guardian, address: to } = distributor;
  const none = {
    ...record,
    epoch: 0n,
    root: zeroHash,
    earningsRoot: zeroHash,
    manifestHash: zeroHash,
    totals: [],
  };
  await anvil.control().send({ from: guardian.address, to, data: revokeFromCall(1, none).data });
  const { data } = postEpochCall({ ...record, earningsRoot: record.root }, []);
  await anvil.control().send({ from: poster.address, to, data });

  await expect(publishEpoch(ports, 2, options)).rejects.toMatchObject({ code: "head-differs", exitCode: 3 });
});

test("given a signer without money, when an epoch is published, then what is missing is told", async () => {
  const { distributor, ports, options, attempts } = await closedEpoch();
  const { client } = anvil.control();
  const { address } = distributor.poster;
  const balance = await client.getBalance({ address });
  await client.setBalance({ address, value: 1000n });

  await expect(publishEpoch(ports, 1, options)).rejects.toMatchObject({
    code: "gas-balance-too-low",
    facts: { balanceWei: 1000n },
  });

  await client.setBalance({ address, value: balance });
  expect(await attempts()).toEqual([]);
});

async function closedEpoch() {
  const distributor = await deployTestDistributor(anvil);
  const ledger = await openTestLedger();
  await closeForChain(ledger, { epoch: 1, distributor: distributor.address });
  const ports = { ...ledger, chain: distributor.open() };
  const options = { broadcast: true, signer: distributor.poster, pollMs: 5, waitSeconds: 20 };
  return {
    ...{ distributor, ledger, ports, options },
    attempts: async () => (await readJournal(ports, 1))?.attempts ?? [],
    /** Publishes through an RPC that swallows the transaction. */
    swallow: async () => {
      const proxy = await startRpcProxy(anvil.local().rpcUrl);
      proxy.rule = ({ method }) => (method === "eth_sendRawTransaction" ? "hang-up" : undefined);
      const deaf = { ...ports, chain: distributor.open({ rpcUrl: proxy.url }) };
      const publishing = publishEpoch(deaf, 1, { ...options, waitSeconds: 0 });
      await expect(publishing).rejects.toMatchObject({ code: "post-unconfirmed" });
    },
  };
}
