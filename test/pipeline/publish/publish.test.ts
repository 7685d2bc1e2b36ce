import { expect, test } from "vitest";
import type { DistributorChain, PostedLog } from "../../../offchain/chain/distributor-chain.ts";
import type { LatestPointer } from "../../../offchain/core/artifacts.ts";
import type { RecordFile } from "../../../offchain/core/record-file.ts";
import { publishEpoch, resumePublish } from "../../../offchain/pipeline/publish/publish.ts";
import {
  deployTestDistributor,
  signerAt,
  startRpcProxy,
  type TestDistributor,
  useAnvil,
} from "../../support/anvil.ts";
import { openTestLedger, type TestLedger } from "../../support/ledger.ts";
import { closeForChain } from "../../support/published-epochs.ts";

const anvil = useAnvil();

test("given a closed epoch, when it is published dry, then nothing is sent and the plan is told", async () => {
  const { ledger, distributor } = await closedEpochs(1);
  const ports = { ...ledger, chain: distributor.open() };

  const report = await publishEpoch(ports, 1, { broadcast: false, signer: distributor.poster });

  expect(report).toMatchObject({
    state: "dry",
    transaction: null,
    plan: { maxFeePerGasWei: expect.any(BigInt) },
  });
  expect(report.solvency).toMatchObject([{ missing: 0n }]);
  expect(await ports.chain.latestEpoch()).toBe(0);
});

test("given closed epochs, when they are published, then each stands once and its files say so", async () => {
  const { ledger, distributor } = await closedEpochs(2);
  const ports = { ...ledger, chain: distributor.open() };

  const first = await publishEpoch(ports, 1, options(distributor));
  const second = await publishEpoch(ports, 2, options(distributor));
  const again = await publishEpoch(ports, 2, options(distributor));

  expect(await posts(ports.chain)).toMatchObject([{ epoch: 1 }, { epoch: 2 }]);
  expect(await ports.chain.head()).toBe(second.recordHash);
  expect(again).toMatchObject({ state: "posted", transaction: second.transaction, block: second.block });
  const record = await readJson<RecordFile>(ledger, "epochs/000002/record.json");
  expect(record).toMatchObject({
    format: "payroot/record@1",
    record: { epoch: 2, previous: first.recordHash },
    recordHash: second.recordHash,
    transaction: second.transaction,
    attestations: [],
  });
  expect(Date.parse(record.activatesAt) / 1000).toBe(second.activatesAtSeconds);
  expect(await readJson<LatestPointer>(ledger, "latest.json")).toMatchObject({ epoch: 2, posted: true });
});

test("given an epoch before it that is not on chain, when an epoch is published, then it is refused", async () => {
  const { ledger, distributor } = await closedEpochs(2);
  const ports = { ...ledger, chain: distributor.open() };

  await expect(publishEpoch(ports, 2, options(distributor))).rejects.toMatchObject({
    code: "epoch-out-of-order",
    facts: { missing: 1 },
  });
});

test("given epochs posted by somebody else, when the next is published, then their files are written too", async () => {
  const { ledger, distributor } = await closedEpochs(3);
  const ports = { ...ledger, chain: distributor.open() };
  const elsewhere = { ...(await closedEpochs(0)).ledger, chain: ports.chain };
  for (const epoch of [1, 2]) {
    await closeForChain(elsewhere, { epoch, distributor: distributor.address });
    await publishEpoch(elsewhere, epoch, options(distributor));
  }

  await publishEpoch(ports, 3, options(distributor));

  for (const epoch of [1, 2, 3]) {
    expect(await readJson<RecordFile>(ledger, `epochs/00000${epoch}/record.json`)).toMatchObject({
      record: { epoch },
    });
  }
});

test("given too little money in the distributor, when an epoch is published, then the missing amount is told", async () => {
  const distributor = await deployTestDistributor(anvil, { fundsEth: "0" });
  const ledger = await openTestLedger();
  await closeForChain(ledger, { epoch: 1, distributor: distributor.address });
  const ports = { ...ledger, chain: distributor.open() };
  const { totals } = await readJson<{ totals: { cumulative: string }[] }>(
    ledger,
    "epochs/000001/manifest.json",
  );

  await expect(publishEpoch(ports, 1, options(distributor))).rejects.toMatchObject({
    code: "epoch-unfunded",
    facts: { missing: BigInt(totals[0]?.cumulative ?? 0) },
  });
});

test("given a key without the role, when an epoch is published, then it is refused before anything is signed", async () => {
  const { ledger, distributor } = await closedEpochs(1);
  const signer = await signerAt(anvil.local(), 5);

  const publishing = publishEpoch({ ...ledger, chain: distributor.open() }, 1, { broadcast: true, signer });

  await expect(publishing).rejects.toMatchObject({ code: "signer-not-poster", exitCode: 2 });
});

test("given an epoch of another distributor, when it is published, then it is refused", async () => {
  const { ledger } = await closedEpochs(1);
  const other = await deployTestDistributor(anvil);

  const publishing = publishEpoch({ ...ledger, chain: other.open() }, 1, options(other));

  await expect(publishing).rejects.toMatchObject({ code: "epoch-of-another-chain", exitCode: 2 });
});

test("given gas above the limit, when an epoch is published, then it waits for cheaper gas", async () => {
  const { ledger, distributor } = await closedEpochs(1);
  const ports = { ...ledger, chain: distributor.open({ maxGasPriceWei: 1n }) };

  await expect(publishEpoch(ports, 1, options(distributor))).rejects.toMatchObject({
    code: "gas-price-above-limit",
    retryable: true,
  });
  expect(await posts(distributor.open())).toEqual([]);
});

test("a timed-out receipt paid again", async () => {
  const { ledger, distributor } = await closedEpochs(1);
  const proxy = await startRpcProxy(anvil.local().rpcUrl);
  const blind = { ...ledger, chain: distributor.open({ rpcUrl: proxy.url }) };
  // The transaction is mined, but neither its answer nor its receipt nor the epoch is ever seen.
  const nonce = await blind.chain.transactionCount(distributor.poster.address, "latest");
  const stale = await anvil.control().client.getBlockNumber();
  proxy.rule = async ({ method, params, forward }) => {
    if (method === "eth_sendRawTransaction") {
      await forward();
      return "hang-up";
    }
    if (method === "eth_getTransactionReceipt") return { result: null };
    if (method === "eth_call" || method === "eth_getTransactionCount") {
      return { result: await forward([params[0], `0x${stale.toString(16)}`]) };
    }
    return undefined;
  };
  const publishing = publishEpoch(blind, 1, { ...options(distributor), waitSeconds: 0.2 });
  await expect(publishing).rejects.toMatchObject({ code: "post-unconfirmed", retryable: true });

  const ports = { ...ledger, chain: distributor.open() };
  const [report] = await resumePublish(ports, options(distributor));

  expect(report).toMatchObject({ epoch: 1, state: "posted" });
  expect(await posts(ports.chain)).toHaveLength(1);
  expect(await ports.chain.transactionCount(distributor.poster.address, "latest")).toBe(nonce + 1);
});

function options(distributor: TestDistributor) {
  return { broadcast: true, signer: distributor.poster, pollMs: 10, waitSeconds: 20 };
}

async function closedEpochs(count: number): Promise<{ ledger: TestLedger; distributor: TestDistributor }> {
  const distributor = await deployTestDistributor(anvil);
  const ledger = await openTestLedger();
  for (let epoch = 1; epoch <= count; epoch += 1) {
    await closeForChain(ledger, { epoch, distributor: distributor.address });
  }
  return { ledger, distributor };
}

async function posts(chain: DistributorChain): Promise<PostedLog[]> {
  const latest = await chain.block("latest");
  const pages = await Array.fromAsync(chain.logs({ from: chain.deployedAtBlock, to: latest?.number ?? 0 }));
  return pages.flatMap(({ logs }) => logs.filter((log) => log.kind === "posted"));
}

async function readJson<T>(ledger: TestLedger, key: string): Promise<T> {
  const stored = await ledger.artifacts.get(key);
  return JSON.parse(Buffer.from(stored?.bytes ?? []).toString() || "null") as T;
}
