import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { inspect } from "node:util";
import { zeroAddress, zeroHash } from "viem";
import { expect, test } from "vitest";
import { claimCall, postEpochCall } from "../../offchain/chain/calls.ts";
import type { LogPage } from "../../offchain/chain/distributor-chain.ts";
import { recordHash } from "../../offchain/chain/record.ts";
import { deployTestDistributor, signerAt, startRpcProxy, useAnvil } from "../support/anvil.ts";
import { account } from "../support/events.ts";

const anvil = useAnvil();
const root = `0x${"ab".repeat(32)}` as const;

test("given the configured chain and contract, when they are verified, then all is well", async () => {
  const distributor = await deployTestDistributor(anvil);

  await expect(distributor.open().verify()).resolves.toBeUndefined();
});

test("given an RPC of another chain, when it is verified, then both ids are told", async () => {
  const distributor = await deployTestDistributor(anvil);

  await expect(distributor.open({ chainId: 42_161 }).verify()).rejects.toMatchObject({
    code: "wrong-chain",
    exitCode: 2,
    facts: { given: 31_337, expected: 42_161 },
  });
});

test("given an address without code, when it is verified, then the distributor is missing", async () => {
  const distributor = await deployTestDistributor(anvil);

  await expect(distributor.open({ distributor: account(3) }).verify()).rejects.toMatchObject({
    code: "distributor-missing",
    exitCode: 2,
  });
});

test("given an RPC that is not there, when it is asked, then only its origin is shown", async () => {
  const distributor = await deployTestDistributor(anvil);
  const port = await closedPort();
  const chain = distributor.open({ rpcUrl: `http://user:hunter2@127.0.0.1:${port}/v2/apikey123?token=abc` });

  const error: unknown = await chain.latestEpoch().catch((thrown: unknown) => thrown);

  expect(error).toMatchObject({
    code: "rpc-unreachable",
    exitCode: 75,
    facts: { rpc: `http://127.0.0.1:${port}`, reason: "ECONNREFUSED" },
  });
  expect(inspect(error, { depth: 9 })).not.toMatch(/hunter2|apikey123|token=abc/);
});

test.each([
  [401, "rpc-failed"],
  [503, "rpc-unreachable"],
])(
  "given an RPC that answers with status %i, when it is asked, then the error is %s",
  async (status, code) => {
    const distributor = await deployTestDistributor(anvil);
    const proxy = await startRpcProxy(anvil.local().rpcUrl);
    proxy.status = status;

    const asking = distributor.open({ rpcUrl: proxy.url }).latestEpoch();

    await expect(asking).rejects.toMatchObject({ code, facts: { reason: `HTTP status ${status}` } });
  },
);

test("given credentials in the RPC's address, when it is asked, then they travel in the header", async () => {
  const distributor = await deployTestDistributor(anvil);
  const proxy = await startRpcProxy(anvil.local().rpcUrl);

  await distributor.open({ rpcUrl: proxy.url.replace("//", "//user:p%40ss@") }).latestEpoch();

  expect(proxy.authorization).toBe(`Basic ${Buffer.from("user:p@ss").toString("base64")}`);
});

test("given an RPC that refuses more than four blocks, when logs are read, then ranges halve and none is lost", async () => {
  const distributor = await deployTestDistributor(anvil);
  const proxy = await startRpcProxy(anvil.local().rpcUrl);
  await anvil.control().mine(40);
  const to = Number(await anvil.control().client.getBlockNumber());
  const refused: number[] = [];
  proxy.rule = ({ method, params }) => {
    if (method !== "eth_getLogs") return undefined;
    const { fromBlock, toBlock } = params[0] as { fromBlock: string; toBlock: string };
    const blocks = Number(toBlock) - Number(fromBlock) + 1;
    if (blocks <= 4) return undefined;
    refused.push(blocks);
    return { error: { code: -32005, message: "query returned more than 4 blocks" } };
  };

  const range = { from: distributor.deployedAtBlock, to };
  const pages: LogPage[] = await Array.fromAsync(distributor.open({ rpcUrl: proxy.url }).logs(range));

  expect(refused[0]).toBeGreaterThan(40);
  let next = range.from;
  for (const page of pages) {
    expect(page.from).toBe(next);
    expect(page.to - page.from).toBeLessThan(4);
    next = page.to + 1;
  }
  expect(next).toBe(to + 1);
});

test("given an RPC that refuses every range, when logs are read, then it is told and not tried for ever", async () => {
  const distributor = await deployTestDistributor(anvil);
  const proxy = await startRpcProxy(anvil.local().rpcUrl);
  proxy.rule = ({ method }) =>
    method === "eth_getLogs"
      ? { error: { code: -32000, message: "no logs at https://x.io/key for you" } }
      : undefined;

  const reading = Array.fromAsync(distributor.open({ rpcUrl: proxy.url }).logs({ from: 0, to: 100 }));

  await expect(reading).rejects.toMatchObject({
    code: "rpc-failed",
    facts: { reason: "no logs at … for you" },
  });
});

test("given a call that the contract refuses, when it is tried, then its own reason is told", async () => {
  const distributor = await deployTestDistributor(anvil);
  const chain = distributor.open();
  const leaf = { account: account(0), asset: zeroAddress, cumulative: 1n };

  const trying = chain.simulate(claimCall({ epoch: 7, leaf, proof: [] }), account(0));

  await expect(trying).rejects.toMatchObject({
    code: "call-reverted",
    facts: { reason: "UnknownEpoch(7, 0)" },
  });
});

test("given fees between base and limit, when a transaction is planned, then it stays below the limit", async () => {
  const distributor = await deployTestDistributor(anvil);
  const record = { epoch: 1n, previous: zeroHash, root, earningsRoot: root, manifestHash: root, totals: [] };
  const call = postEpochCall(record, []);
  const from = distributor.poster.address;
  const base = (await distributor.open().block("latest"))?.baseFeeWei ?? 0n;

  const free = await distributor.open().plan(call, { from });
  const tight = await distributor.open({ maxGasPriceWei: base + 1n }).plan(call, { from });
  const outbid = await distributor.open().plan(call, { from, replaces: [free] });

  const estimate = await anvil
    .control()
    .client.estimateGas({ account: from, to: distributor.address, data: call.data });
  expect(free.gas).toBe((estimate * 6n) / 5n);
  expect(free.maxFeePerGasWei).toBe(2n * base + free.maxPriorityFeePerGasWei);
  expect(tight).toMatchObject({ maxFeePerGasWei: base + 1n, maxPriorityFeePerGasWei: 1n });
  expect(outbid.nonce).toBe(free.nonce);
  expect(outbid.maxFeePerGasWei * 8n).toBeGreaterThan(free.maxFeePerGasWei * 9n);
  expect(outbid.maxPriorityFeePerGasWei * 8n).toBeGreaterThan(free.maxPriorityFeePerGasWei * 9n);
  await expect(distributor.open({ maxGasPriceWei: base - 1n }).plan(call, { from })).rejects.toMatchObject({
    code: "gas-price-above-limit",
    facts: { baseFeeWei: base },
  });
  await expect(distributor.open({ gasLimit: 50_000n }).plan(call, { from })).rejects.toMatchObject({
    code: "gas-above-limit",
  });
});

test("given a signer that signs something else, when it signs, then nothing leaves the house", async () => {
  const distributor = await deployTestDistributor(anvil);
  const { poster } = distributor;
  const chain = distributor.open();
  const call = { data: "0x1234", valueWei: 0n } as const;
  const plan = { nonce: 3, gas: 60_000n, maxFeePerGasWei: 9n, maxPriorityFeePerGasWei: 0n };
  const other = await signerAt(anvil.local(), 4);
  const thief: typeof poster = {
    ...poster,
    signTransaction: (transaction) => poster.signTransaction({ ...transaction, value: 5n }),
  };

  await expect(chain.sign(call, plan, { ...other, address: poster.address })).rejects.toMatchObject({
    code: "signer-misbehaved",
    message: "The signer signed with another key; nothing was sent.",
  });
  await expect(chain.sign(call, plan, thief)).rejects.toMatchObject({
    message: "The signer changed the value; nothing was sent.",
  });
  await expect(chain.sign(call, plan, poster)).resolves.toMatchObject({ nonce: 3, from: poster.address });
});

test("given transactions in every state, when they are sent, then the answer is told apart", async () => {
  const distributor = await deployTestDistributor(anvil);
  const chain = distributor.open();
  const { poster } = distributor;
  const record = {
    ...{ epoch: 1n, previous: zeroHash, root, earningsRoot: root, manifestHash: root },
    totals: [{ asset: zeroAddress, cumulative: 1n }],
  };
  const call = postEpochCall(record, []);
  const plan = await chain.plan(call, { from: poster.address });
  const signed = await chain.sign(call, plan, poster);
  const proxy = await startRpcProxy(anvil.local().rpcUrl);
  proxy.rule = ({ method }) => (method === "eth_sendRawTransaction" ? "hang-up" : undefined);
  const cheap = await chain.sign(call, { ...plan, maxFeePerGasWei: 1n, maxPriorityFeePerGasWei: 0n }, poster);

  expect(await distributor.open({ rpcUrl: proxy.url }).send(signed.raw)).toMatchObject({
    kind: "unanswered",
  });
  expect(await chain.receipt(signed.hash)).toBeUndefined();
  expect(await chain.send(cheap.raw)).toMatchObject({ kind: "underpriced" });
  expect(await chain.send(signed.raw)).toMatchObject({ kind: "accepted" });
  expect((await chain.send(signed.raw)).kind).toMatch(/known|nonce-used/);
  const receipt = await chain.receipt(signed.hash);
  expect(receipt).toMatchObject({ ok: true, logs: [{ kind: "posted", recordHash: recordHash(record) }] });
});

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
