import { invariant, PayrootError } from "../../errors.ts";
import { type Hex, toHex } from "../hex.ts";
import { type Multiproof, multiproofAt, verifyMultiproof } from "./multiproof.ts";
import { nodeBytes, parentHash } from "./node.ts";
import { proofAt, verifyProof } from "./proof.ts";
import { sortedOrder } from "./sort.ts";

/** A multiproof of some entries, with the indices of those entries in the order in which it takes their leaves. */
export type EntriesMultiproof = Multiproof & { readonly order: readonly number[] };

/**
 * The tree over `hashes`, 32 bytes an entry, end to end: leaves sorted, parents commutative, array as OpenZeppelin
 * lays it out. Throws `empty-tree` for no entry, `torn-hashes` for a last one of fewer bytes.
 */
export function buildTree(hashes: Uint8Array): MerkleTree {
  if (hashes.length === 0) throw emptyTree();
  if (hashes.length % nodeBytes !== 0) throw tornHashes(hashes.length);
  const size = hashes.length / nodeBytes;
  const nodes = new Uint8Array((2 * size - 1) * nodeBytes);
  const positions = new Uint32Array(size);
  let position = 2 * size - 2;
  for (const index of sortedOrder(hashes)) {
    nodes.set(hashes.subarray(index * nodeBytes, (index + 1) * nodeBytes), position * nodeBytes);
    positions[index] = position--;
  }
  for (let parent = size - 2; parent >= 0; parent--) {
    nodes.set(parentHash(nodes, (2 * parent + 1) * nodeBytes), parent * nodeBytes);
  }
  return new MerkleTree(nodes, positions);
}

/**
 * An OpenZeppelin `StandardMerkleTree` in one flat array: root at position 0, the children of p at 2p + 1 and
 * 2p + 2, the leaves at the end in descending order. Made by `buildTree`; an entry is named by the index it had there.
 */
export class MerkleTree {
  /** The root, which stands for every entry. */
  readonly root: Hex;
  /** How many entries it has, at least one. */
  readonly size: number;
  readonly #nodes: Uint8Array;
  readonly #positions: Uint32Array;

  constructor(nodes: Uint8Array, positions: Uint32Array) {
    this.#nodes = nodes;
    this.#positions = positions;
    this.root = toHex(nodes, 0, nodeBytes);
    this.size = positions.length;
  }

  /** The proof of one entry, from the leaf's sibling up, verified; empty for a tree of one. Throws `no-such-entry`. */
  proof(index: number): Hex[] {
    const position = this.position(index);
    const proof = proofAt(this.#nodes, position);
    const holds = verifyProof({ root: this.root, leaf: this.node(position), proof });
    invariant(holds, "A proof does not lead to the root.", { index, root: this.root });
    return proof;
  }

  /**
   * One proof for several entries, verified, equal to OpenZeppelin's `getMultiProof`. Smallest for neighbours: a run of
   * `treeOrder`. Throws `no-such-entry`, and `repeated-entry` for an index given twice.
   */
  multiproof(indices: readonly number[]): EntriesMultiproof {
    const order = [...indices].sort((a, b) => this.position(b) - this.position(a));
    const multiproof = multiproofAt(
      this.#nodes,
      order.map((index) => this.position(index)),
    );
    const holds = verifyMultiproof({ root: this.root, ...multiproof });
    invariant(holds, "A multiproof does not lead to the root.", { entries: order.length, root: this.root });
    return { order, ...multiproof };
  }

  /** Where an entry's leaf stands in the array. Throws `no-such-entry`. */
  position(index: number): number {
    const position = this.#positions[index];
    if (position === undefined) throw noSuchEntry(index, this.size);
    return position;
  }

  /** The node at a position of the array, 0 to 2 × size − 2. Throws `no-such-entry`. */
  node(position: number): Hex {
    const at = position * nodeBytes;
    if (!(position >= 0 && at < this.#nodes.length)) throw noSuchEntry(position, 2 * this.size - 1);
    return toHex(this.#nodes, at, at + nodeBytes);
  }

  /** All entries from the left of the tree to its right, so that entries side by side share most of their proofs. */
  treeOrder(): Uint32Array {
    const order = new Uint32Array(this.size);
    // The deepest level begins at 2^depth − 1; the leaves before it, one level up, are drawn to its right.
    const deepest = 2 ** (31 - Math.clz32(2 * this.size - 1)) - 1;
    const deep = 2 * this.size - 1 - deepest;
    for (const [index, position] of this.#positions.entries()) {
      order[position >= deepest ? position - deepest : deep + position - (this.size - 1)] = index;
    }
    return order;
  }
}

function emptyTree(): PayrootError {
  return new PayrootError("empty-tree", "A tree needs at least one leaf.", {
    next: "an epoch in which nobody ever earned has no root",
  });
}

function tornHashes(bytes: number): PayrootError {
  return new PayrootError("torn-hashes", "The leaf hashes must be 32 bytes each.", { facts: { bytes } });
}

function noSuchEntry(index: number, size: number): PayrootError {
  return new PayrootError("no-such-entry", "The tree has no such entry.", { facts: { index, size } });
}
