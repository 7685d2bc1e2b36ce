import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Address } from "../../../offchain/core/address.ts";
import { earningHashes, leafHash, leafHashes } from "../../../offchain/core/merkle/leaf.ts";
import { buildTree } from "../../../offchain/core/merkle/tree.ts";

type Golden = {
  leaves: { account: Address; asset: Address; cumulative: string }[];
  hashes: string[];
  root: string;
  rootsOfFirst: string[];
  proofs: string[][];
  multiproof: {
    indices: number[];
    leaves: { account: Address; asset: Address }[];
    proof: string[];
    flags: boolean[];
  };
  earnings: { epoch: number; account: Address; asset: Address; earned: string }[];
  earningsRoot: string;
};

const golden: Golden = JSON.parse(readFileSync(new URL("../../golden/tree.json", import.meta.url), "utf8"));
const leaves = golden.leaves.map((leaf) => ({ ...leaf, cumulative: BigInt(leaf.cumulative) }));
const tree = buildTree(leafHashes(leaves));

test("given the frozen leaves, hashes, root and every proof are the frozen ones", () => {
  expect(leaves.map(leafHash)).toEqual(golden.hashes);
  expect(tree.root).toBe(golden.root);
  expect(leaves.map((_, i) => tree.proof(i))).toEqual(golden.proofs);
});

test("given the first 1, 2, 3 … of the frozen leaves, each root is the frozen one", () => {
  const roots = leaves.map((_, i) => buildTree(leafHashes(leaves.slice(0, i + 1))).root);
  expect(roots).toEqual(golden.rootsOfFirst);
});

test("given some of the frozen leaves, their multiproof is the frozen one", () => {
  const { order, proof, flags } = tree.multiproof(golden.multiproof.indices);
  expect(order.map((i) => leaves[i])).toMatchObject(golden.multiproof.leaves);
  expect({ proof, flags }).toEqual({ proof: golden.multiproof.proof, flags: golden.multiproof.flags });
});

test("given the frozen earnings, the root is the frozen one", () => {
  const earnings = golden.earnings.map((earning) => ({ ...earning, earned: BigInt(earning.earned) }));
  expect(buildTree(earningHashes(earnings)).root).toBe(golden.earningsRoot);
});
