import { StandardMerkleTree } from "@openzeppelin/merkle-tree";
import fc from "fast-check";
import { addressFromBytes } from "../../../offchain/core/address.ts";
import { type Leaf, leafEncoding, leafHashes } from "../../../offchain/core/merkle/leaf.ts";
import { buildTree, type MerkleTree } from "../../../offchain/core/merkle/tree.ts";

/** Any address, zero included. */
export const anyAddress = fc.uint8Array({ minLength: 20, maxLength: 20 }).map(addressFromBytes);

/** Any uint256, often small, often near its upper end. */
export const anyUint256 = fc.oneof(
  fc.bigInt(0n, 2n ** 256n - 1n),
  fc.bigInt(0n, 2n ** 70n),
  fc.bigInt(0n, 3n).map((below) => 2n ** 256n - 1n - below),
);

/** Any leaf; few assets and few small amounts, so that values repeat. */
export const anyLeaf: fc.Arbitrary<Leaf> = fc.record({
  account: anyAddress,
  asset: fc.oneof(fc.constantFrom(addressFromBytes(new Uint8Array(20))), anyAddress),
  cumulative: fc.oneof(fc.bigInt(0n, 2n), anyUint256),
});

/** As many leaves as asked for, all different, the same for the same seed. */
export function manyLeaves(count: number, seed = 1): Leaf[] {
  const accounts = fc.sample(anyAddress, { seed, numRuns: 16 });
  return Array.from({ length: count }, (_, i) => ({
    account: `0x${i.toString(16).padStart(8, "0")}${accounts[i % 16]?.slice(10)}`,
    asset: addressFromBytes(new Uint8Array(20)),
    cumulative: BigInt(i % 5) * 10n ** 18n,
  }));
}

/** The values of leaves as OpenZeppelin's library takes them. */
export function valuesOf(leaves: readonly Leaf[]): [string, string, bigint][] {
  return leaves.map(({ account, asset, cumulative }) => [account, asset, cumulative]);
}

/** The same leaves in our tree and in OpenZeppelin's. */
export function bothTrees(leaves: readonly Leaf[]): {
  ours: MerkleTree;
  theirs: StandardMerkleTree<[string, string, bigint]>;
} {
  return {
    ours: buildTree(leafHashes(leaves)),
    theirs: StandardMerkleTree.of(valuesOf(leaves), [...leafEncoding]),
  };
}
