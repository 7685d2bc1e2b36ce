import type { Hex } from "../core/hex.ts";
import type { Leaf } from "../core/merkle/leaf.ts";
import type { MerkleTree } from "../core/merkle/tree.ts";
import { PayrootError } from "../errors.ts";

/** The arguments of one `claimBatch`, after the epoch. */
export type ClaimBatch = {
  readonly leaves: readonly Leaf[];
  readonly proof: readonly Hex[];
  readonly flags: readonly boolean[];
};

/** Which leaves of a tree to claim, at most `size` in a transaction; `leaves` are those the tree was built from. */
export type BatchRequest = {
  readonly tree: MerkleTree;
  readonly leaves: readonly Leaf[];
  readonly wanted: Iterable<number>;
  readonly size: number;
};

/** 200 first claims take 13 M gas of Arbitrum's 32 M, and 27 kB of its 95 kB. */
export const defaultBatchSize = 200;

/**
 * Cuts the wanted leaves into batches of neighbours in the tree, so that the proof of each is a few hashes instead of
 * a path for every leaf. Batches come from the left of the tree to its right. Throws `batch-size-invalid`,
 * `no-such-entry` and `repeated-entry`.
 */
export function claimBatches({ tree, leaves, wanted, size }: BatchRequest): ClaimBatch[] {
  checkBatchSize(size);
  const inOrder = sortNeighbours(tree, wanted);
  const batches: ClaimBatch[] = [];
  for (let start = 0; start < inOrder.length; start += size) {
    batches.push(claimBatchOf({ tree, leaves, entries: inOrder.slice(start, start + size) }));
  }
  return batches;
}

/** Entries of a tree from its left to its right, so that any run of them is a good batch. */
export function sortNeighbours(tree: MerkleTree, wanted: Iterable<number>): number[] {
  const place = new Uint32Array(tree.size);
  for (const [at, index] of tree.treeOrder().entries()) place[index] = at;
  return [...wanted].sort((a, b) => (place[a] ?? 0) - (place[b] ?? 0));
}

/** The batch of some entries of a tree, proof verified. Throws `no-such-entry` and `repeated-entry`. */
export function claimBatchOf({
  tree,
  leaves,
  entries,
}: Pick<BatchRequest, "tree" | "leaves"> & { readonly entries: readonly number[] }): ClaimBatch {
  const { order, proof, flags } = tree.multiproof(entries);
  return { leaves: order.flatMap((index) => leaves[index] ?? []), proof, flags };
}

/** That a batch can hold a claim. Throws `batch-size-invalid`. */
export function checkBatchSize(size: number): void {
  if (!Number.isSafeInteger(size) || size < 1) throw batchSizeInvalid(size);
}

function batchSizeInvalid(size: number): PayrootError {
  return new PayrootError("batch-size-invalid", "A batch must hold at least one claim.", {
    facts: { given: size, expected: "a whole number from 1" },
  });
}
