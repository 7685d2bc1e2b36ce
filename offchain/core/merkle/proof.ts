import { type Hex, toHex, writeHex } from "../hex.ts";
import { nodeBytes, parentHash } from "./node.ts";

/** A claim that `leaf`, a leaf's hash, is in the tree of `root`; `proof` has its siblings, from the leaf up. */
export type ProofStatement = {
  readonly root: string;
  readonly leaf: string;
  readonly proof: readonly string[];
};

/** Whether the proof leads from the leaf to the root; false, too, for anything that is not 32 bytes of hex. */
export function verifyProof({ root, leaf, proof }: ProofStatement): boolean {
  const pair = new Uint8Array(2 * nodeBytes);
  if (!writeHex(leaf, pair, 0, nodeBytes)) return false;
  for (const sibling of proof) {
    if (!writeHex(sibling, pair, nodeBytes, nodeBytes)) return false;
    pair.set(parentHash(pair, 0));
  }
  return toHex(pair, 0, nodeBytes) === root.toLowerCase();
}

/** The siblings on the way from the node at `position` to the root of the flat tree `nodes`. */
export function proofAt(nodes: Uint8Array, position: number): Hex[] {
  const proof: Hex[] = [];
  for (let at = position; at > 0; at = parentOf(at)) {
    const sibling = siblingOf(at) * nodeBytes;
    proof.push(toHex(nodes, sibling, sibling + nodeBytes));
  }
  return proof;
}

/** The position of the other child of the parent of `position`, which must not be the root. */
export function siblingOf(position: number): number {
  return position % 2 === 0 ? position - 1 : position + 1;
}

/** The position of the parent of `position`, which must not be the root. */
export function parentOf(position: number): number {
  return (position - 1) >> 1;
}
