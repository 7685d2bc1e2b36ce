import type { Address, Hex } from "viem";
import { afterAll, beforeAll, expect, test } from "vitest";
import { deployDistributor } from "../../offchain/chain/deploy.ts";
import { distributorReader, distributorWriter } from "../../offchain/chain/distributor.ts";
import { type EpochRecord, noRecordHash, recordHash, recordIdOf } from "../../offchain/chain/record.ts";
import { type Leaf, leafHashes } from "../../offchain/core/merkle/leaf.ts";
import { buildTree } from "../../offchain/core/merkle/tree.ts";
import { hardhatChain, type LocalChain } from "../support/chain.ts";

const eth: Address = "0x0000000000000000000000000000000000000000";
const word = (byte: string): Hex => `0x${byte.repeat(32)}`;

let chain: LocalChain;
let address: Address;
beforeAll(async () => {
  chain = await hardhatChain();
  const [deployer] = chain.wallets;
  const me = deployer.account.address;
  ({ address } = await deployDistributor(
    { publicClient: chain.publicClient, walletClient: deployer },
    { admin: me, adminDelaySeconds: 0, poster: me, guardian: me, activationDelaySeconds: 0 },
  ));
});
afterAll(() => chain.close());

test("the record hash is the contract's, with no, one and several totals", async () => {
  const { read } = distributorReader({ address, publicClient: chain.publicClient });
  const record: EpochRecord = {
    epoch: 7n,
    previous: word("11"),
    root: word("22"),
    earningsRoot: word("33"),
    manifestHash: word("44"),
    totals: [
      { asset: eth, cumulative: 5n },
      { asset: "0x00000000000000000000000000000000000000AA", cumulative: 2n ** 104n - 1n },
    ],
  };
  for (const totals of [[], record.totals.slice(0, 1), record.totals]) {
    const given = { ...record, totals };
    expect(recordHash(given)).toBe(await read.hashRecord([given]));
  }
});

test("a posted epoch of our own tree pays by proof and by multiproof", async () => {
  const [wallet] = chain.wallets;
  const distributor = distributorWriter({ address, publicClient: chain.publicClient, walletClient: wallet });
  const leaves: Leaf[] = chain.wallets.map(({ account }, i) => ({
    account: account.address,
    asset: eth,
    cumulative: 1000n + BigInt(i),
  }));
  const tree = buildTree(leafHashes(leaves));
  const record: EpochRecord = {
    epoch: 1n,
    previous: noRecordHash,
    root: tree.root,
    earningsRoot: tree.root,
    manifestHash: word("44"),
    totals: [{ asset: eth, cumulative: leaves.reduce((sum, leaf) => sum + leaf.cumulative, 0n) }],
  };
  await distributor.write.postEpoch([record, []], { value: 10_000n });
  expect(await distributor.read.head()).toBe(recordHash(record));
  expect((await distributor.read.epochs([1n]))[2]).toBe(recordIdOf(recordHash(record)));
  const first = leaves[1] as Leaf;
  await distributor.write.claim([1n, first, tree.proof(1)]);
  const batch = tree.multiproof([0, 1, 2, 3]);
  const chosen = batch.order.map((i) => leaves[i] as Leaf);
  await distributor.write.claimBatch([1n, chosen, batch.proof, batch.flags]);
  for (const leaf of chosen) {
    expect(await distributor.read.claimed([leaf.account, eth])).toBe(leaf.cumulative);
  }
  const [logs, skipped] = await Promise.all([
    distributor.getEvents.Claimed({}, { fromBlock: 0n }),
    distributor.getEvents.ClaimSkipped({}, { fromBlock: 0n }),
  ]);
  expect(logs.map(({ args }) => args.cumulative)).toHaveLength(4);
  expect(skipped.map(({ args }) => args.account)).toEqual([first.account]);
});
