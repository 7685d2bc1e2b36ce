import { encodeFunctionData, zeroAddress, zeroHash } from "viem";
import { expect, test } from "vitest";
import { postEpochCall } from "../../../offchain/chain/calls.ts";
import { distributorAbi } from "../../../offchain/chain/distributor-artifact.ts";
import { createChainWatch } from "../../../offchain/pipeline/claims/chain-view.ts";
import { claim } from "../../../offchain/pipeline/claims/claim.ts";
import { claimedTotals, claimsOf, epochStates } from "../../../offchain/pipeline/claims/on-chain.ts";
import { storedOverlay, watchClaims } from "../../../offchain/pipeline/claims/watch-claims.ts";
import { postingOf } from "../../../offchain/pipeline/publish/epoch-record.ts";
import { findPosting } from "../../../offchain/pipeline/publish/find-posting.ts";
import { publishEpoch } from "../../../offchain/pipeline/publish/publish.ts";
import { createEstimates, readWorker } from "../../../offchain/pipeline/workers/worker.ts";
import { chainCursors, claims } from "../../../offchain/store/keys.ts";
import { put, walk } from "../../../offchain/store/keyspace.ts";
import type { LedgerStore } from "../../../offchain/store/ledger-store.ts";
import {
  deployTestDistributor,
  type RpcProxy,
  signerAt,
  startRpcProxy,
  useAnvil,
} from "../../support/anvil.ts";
import { account } from "../../support/events.ts";
import { openTestLedger, ruleset } from "../../support/ledger.ts";
import { closeForChain } from "../../support/published-epochs.ts";

const anvil = useAnvil();
const eth = { account: account(0), asset: zeroAddress };

test("given a claim, when it is new, then it is shown; when it is final, then it is counted, once", async () => {
  const { ports, claimFor, posted } = await pool();
  await posted(1);
  const amount = await claimFor(0);

  const early = await watchClaims(ports);
  const shown = await claimedTotals(ports.store, early, eth);
  await anvil.control().mine(3);
  const late = await watchClaims(ports, { previous: early });
  await watchClaims(ports, { previous: late });

  expect(shown).toEqual({ final: 0n, latest: amount });
  expect(await claimedTotals(ports.store, late, eth)).toEqual({ final: amount, latest: amount });
  expect(late.logs).toEqual([]);
  expect(await claimsOf(ports.store, late, account(0))).toMatchObject([
    {
      amount: amount.toString(),
      epoch: 1,
      final: true,
      transaction: expect.stringMatching(/^0x[0-9a-f]{64}$/),
    },
  ]);
});

test("given epochs closed, posted, active and claimed, when a worker is shown, then its five amounts sum up", async () => {
  const { ports, claimFor, posted, close } = await pool();
  await posted(1);
  const claimed = await claimFor(0);
  await posted(2);
  await posted(3, { activate: false });
  await close(4);
  const watch = await createChainWatch(ports);
  await watch.look();

  const worker = await readWorker(
    { store: ports.store, chain: watch.view, estimates: createEstimates(ports.store) },
    { account: account(0), ruleset },
  );

  const earned = (epoch: number) => BigInt(epoch * 1_000_003) * 900n;
  expect(worker.assets).toEqual([
    {
      asset: zeroAddress,
      earned: earned(1) + earned(2) + earned(3) + earned(4),
      accruing: 0n,
      closed: earned(4),
      posted: earned(3),
      claimable: earned(2),
      claimed,
    },
  ]);
  expect(claimed).toBe(earned(1));
  expect(worker.asOf.block).toBe((await ports.chain.block("latest"))?.number);
  const states = await Array.fromAsync(epochStates(ports.store, watch.overlay()), ({ state }) => state);
  expect(states).toEqual(["closed", "posted", "active", "active"]);
  expect(await Promise.all([1, 3, 4].map(watch.view.stageOf))).toEqual(["active", "posted", "closed"]);
  expect(await watch.view.newestActive()).toBe(2);
});

test("given a look that moves claims to the store, when a worker asks meanwhile, then no wei is counted twice", async () => {
  const { ports, claimFor, posted } = await pool();
  await posted(1);
  const answers: unknown[] = [];
  const store: LedgerStore = {
    ...ports.store,
    write: async (...given) => {
      await ports.store.write(...given);
      answers.push(await watch.view.amountsOf(account(0), zeroAddress));
    },
  };
  const watch = await createChainWatch({ ...ports, store });
  const amount = await claimFor(0);
  await watch.look();
  await anvil.control().mine(3);
  await posted(2);
  const more = await claimFor(0);
  await anvil.control().mine();
  await watch.look();
  // The claim becomes final, and the block after it, which was seen too, does not.
  await anvil.control().mine();
  await watch.look();

  const [early, late] = [answers[0], answers.at(-1)];
  // As of the final block, in which the delay still ran.
  expect(early).toMatchObject({ posted: amount, active: 0n, claimed: 0n });
  expect(late).toMatchObject({ posted: amount + more, active: amount + more, claimed: amount + more });
});

test("given a chain read in one block at a time, when it is watched, then the store is the same as in one piece", async () => {
  const { ports, distributor, claimFor, posted } = await pool();
  const other = await openTestLedger();
  await posted(1);
  for (const index of [0, 1, 2]) await claimFor(index);
  await anvil.control().mine(3);

  await watchClaims(ports);
  await watchClaims({ store: other.store, chain: distributor.open({ logBlocks: 1 }) });

  expect(await dump(other.store)).toEqual(await dump(ports.store));
});

test("given a kill between two ranges, when watching goes on, then nothing is counted twice or left out", async () => {
  const { ports, distributor, claimFor, posted } = await pool();
  const chain = distributor.open({ logBlocks: 2 });
  await posted(1);
  const amounts = [await claimFor(0), await claimFor(1), await claimFor(2)];
  await anvil.control().mine(3);
  for (let writes = 0; ; writes += 1) {
    let left = writes;
    const store: LedgerStore = {
      ...ports.store,
      write: (...given) => (left-- > 0 ? ports.store.write(...given) : Promise.reject(new Error("killed"))),
    };
    if (
      await watchClaims({ store, chain }).then(
        () => true,
        () => false,
      )
    )
      break;
  }

  for (const [index, amount] of amounts.entries()) {
    const of = { account: account(index), asset: zeroAddress };
    expect((await claimedTotals(ports.store, undefined, of)).final).toBe(amount);
  }
});

test("given an RPC that goes back, when it is watched, then what was seen stays and is counted once later", async () => {
  const { ports, distributor, claimFor, posted } = await pool();
  await posted(1);
  const proxy = await startRpcProxy(anvil.local().rpcUrl);
  const before = await anvil.control().client.getBlockNumber();
  const amount = await claimFor(0);
  const chain = distributor.open({ rpcUrl: proxy.url });
  const seen = await watchClaims({ ...ports, chain });

  rewind(proxy, before);
  const back = await watchClaims({ ...ports, chain }, { previous: seen });
  const shown = await claimedTotals(ports.store, back, eth);
  proxy.rule = undefined;
  await anvil.control().mine(3);
  const after = await watchClaims({ ...ports, chain }, { previous: back });

  expect(shown.latest).toBe(amount);
  expect(await claimedTotals(ports.store, after, eth)).toEqual({ final: amount, latest: amount });
});

test("given an RPC that knows less than the store, when it is watched, then the store's answer stays", async () => {
  const { ports, distributor, claimFor, posted } = await pool();
  await posted(1);
  const amount = await claimFor(0);
  await anvil.control().mine(3);
  await watchClaims(ports);
  const proxy = await startRpcProxy(anvil.local().rpcUrl);
  rewind(proxy, BigInt(distributor.deployedAtBlock));

  const overlay = await watchClaims({ ...ports, chain: distributor.open({ rpcUrl: proxy.url }) });

  expect(overlay).toEqual(await storedOverlay(ports.store));
  expect((await claimedTotals(ports.store, overlay, eth)).latest).toBe(amount);
});

test("given an RPC that leaves a claim out, when the next one shows it, then everything is read again", async () => {
  const { ports, distributor, claimFor, posted } = await pool();
  await posted(1);
  const first = await claimFor(0);
  await anvil.control().mine(3);
  const proxy = await startRpcProxy(anvil.local().rpcUrl);
  proxy.rule = async ({ method, forward }) => {
    if (method !== "eth_getLogs") return undefined;
    const logs = (await forward()) as { data: string }[];
    return { result: logs.filter(({ data }) => !data.endsWith(first.toString(16).padStart(64, "0"))) };
  };
  await watchClaims({ ...ports, chain: distributor.open({ rpcUrl: proxy.url }) });
  await posted(2);
  await claimFor(0);
  await anvil.control().mine(3);

  await expect(watchClaims(ports)).rejects.toMatchObject({ code: "claim-logs-incomplete", retryable: true });
  const overlay = await watchClaims(ports);

  expect(await claimsOf(ports.store, overlay, account(0))).toHaveLength(2);
});

test("given a posted epoch that is revoked, when it is watched, then it is closed again", async () => {
  const { ports, distributor, posted } = await pool();
  await posted(1);
  await posted(2, { activate: false });
  const shown = await watchClaims(ports);
  const { record } = await findPosting(ports, 1);
  const data = encodeFunctionData({ abi: distributorAbi, functionName: "revokeFrom", args: [2n, record] });
  await anvil.control().send({ from: distributor.guardian.address, to: distributor.address, data });

  const overlay = await watchClaims(ports, { previous: shown });
  const early = await Array.fromAsync(epochStates(ports.store, overlay), ({ state }) => state);
  await anvil.control().mine(3);
  const final = await watchClaims(ports, { previous: overlay });

  expect(early).toEqual(["closed", "active"]);
  expect(await Array.fromAsync(epochStates(ports.store, final), ({ state }) => state)).toEqual([
    "closed",
    "active",
  ]);
  await expect(publishEpoch(ports, 2, { broadcast: true, signer: distributor.poster })).rejects.toMatchObject(
    {
      code: "epoch-revoked",
    },
  );
});

test("given an epoch that stands with another record than ours, when it is watched, then it counts for nobody", async () => {
  const { ports, distributor, close } = await pool();
  await close(1);
  const { record } = await postingOf(ports, 1);
  const { data } = postEpochCall({ ...record, manifestHash: record.root }, []);
  await anvil.control().send({ from: distributor.poster.address, to: distributor.address, data });
  await anvil.control().pass(61);
  const watch = await createChainWatch(ports);

  const overlay = await watch.look();

  expect(await Array.fromAsync(epochStates(ports.store, overlay), ({ state }) => state)).toEqual([
    "conflicting",
  ]);
  expect(await watch.view.newestActive()).toBe(0);
  expect(await watch.view.amountsOf(account(0), zeroAddress)).toMatchObject({ posted: 0n, active: 0n });
});

test("given another distributor than before, when the chain is watched, then that is refused", async () => {
  const { ports } = await pool();
  await anvil.control().mine(3);
  await watchClaims(ports);
  const other = await deployTestDistributor(anvil);

  const watching = watchClaims({ store: ports.store, chain: other.open() });

  await expect(watching).rejects.toMatchObject({ code: "chain-differs", exitCode: 2 });
});

test("given a chain without the block that was read, when it is watched, then that is refused", async () => {
  const { ports } = await pool();
  await anvil.control().mine(3);
  const { cursor } = await watchClaims(ports);
  const foreign = put(chainCursors, "cursor", { ...cursor, blockHash: zeroHash });
  await ports.store.write([foreign], { durable: true });

  await expect(watchClaims(ports)).rejects.toMatchObject({ code: "chain-history-changed", exitCode: 2 });
});

function rewind(proxy: RpcProxy, block: bigint): void {
  const tag = `0x${block.toString(16)}`;
  proxy.rule = async ({ method, params, forward }) => {
    if (method !== "eth_getBlockByNumber") return undefined;
    if (params[0] === "latest") return { result: await forward([tag, false]) };
    if (params[0] === "finalized")
      return { result: await forward([`0x${(block - 2n).toString(16)}`, false]) };
    return BigInt(String(params[0])) > block ? { result: null } : undefined;
  };
}

async function dump(store: LedgerStore): Promise<unknown[]> {
  return Array.fromAsync(walk(store, claims));
}

async function pool() {
  const distributor = await deployTestDistributor(anvil);
  const ledger = await openTestLedger();
  const ports = { ...ledger, chain: distributor.open() };
  const signer = await signerAt(anvil.local(), 5);
  const close = (epoch: number) => closeForChain(ledger, { epoch, distributor: distributor.address });
  return {
    distributor,
    ports,
    close,
    posted: async (epoch: number, { activate = true } = {}) => {
      await close(epoch);
      await publishEpoch(ports, epoch, { broadcast: true, signer: distributor.poster, pollMs: 5 });
      if (activate) await anvil.control().pass(61);
    },
    claimFor: async (index: number): Promise<bigint> => {
      const { assets } = await claim(ports, account(index), { broadcast: true, signer, pollMs: 5 });
      return assets[0]?.amount ?? 0n;
    },
  };
}
