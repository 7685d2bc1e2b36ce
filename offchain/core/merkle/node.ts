import { keccak256 } from "../hash.ts";

/** Bytes of a node: the length of a keccak-256. */
export const nodeBytes = 32;

const pair = new Uint8Array(2 * nodeBytes);

/**
 * The parent of the two nodes at `at` and `at` + 32 in `nodes`: the keccak-256 of both, the lower one first, so that
 * the pair's order does not matter (OpenZeppelin's `Hashes.commutativeKeccak256`).
 */
export function parentHash(nodes: Uint8Array, at: number): Uint8Array {
  const swapped = compareNodes(nodes, at, at + nodeBytes) > 0;
  const lower = swapped ? at + nodeBytes : at;
  const higher = swapped ? at : at + nodeBytes;
  // Byte by byte: for so few of them it is faster than making the views that `set` needs.
  for (let i = 0; i < nodeBytes; i++) {
    pair[i] = nodes[lower + i] ?? 0;
    pair[nodeBytes + i] = nodes[higher + i] ?? 0;
  }
  return keccak256(pair);
}

/** Orders the nodes at two offsets of `nodes` by their bytes: negative, zero or positive. */
export function compareNodes(nodes: Uint8Array, a: number, b: number): number {
  for (let i = 0; i < nodeBytes; i++) {
    const difference = (nodes[a + i] ?? 0) - (nodes[b + i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
