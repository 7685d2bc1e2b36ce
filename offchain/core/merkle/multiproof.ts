import { PayrootError } from "../../errors.ts";
import { type Hex, toHex, writeHex } from "../hex.ts";
import { nodeBytes, parentHash } from "./node.ts";
import { parentOf, siblingOf } from "./proof.ts";

/**
 * One proof for several leaves, as OpenZeppelin's `MerkleProof.multiProofVerify` takes it: each flag says whether
 * the next two hashes both come from the queue of leaves and parents (true) or one of them from `proof`.
 */
export type Multiproof = {
  readonly leaves: readonly Hex[];
  readonly proof: readonly Hex[];
  readonly flags: readonly boolean[];
};

/** A claim that `leaves`, in the order of the multiproof, are in the tree of `root`. */
export type MultiproofStatement = {
  readonly root: string;
  readonly leaves: readonly string[];
  readonly proof: readonly string[];
  readonly flags: readonly boolean[];
};

/**
 * Whether the multiproof leads from the leaves to the root and uses all it was given; false, too, for anything that
 * is not 32 bytes of hex. No leaf at all holds, as OpenZeppelin has it, when `proof` is the root alone; the
 * distributor refuses that.
 */
export function verifyMultiproof({ root, leaves, proof, flags }: MultiproofStatement): boolean {
  // With as many hashes as this, all of them are used exactly when none is ever missing below.
  if (leaves.length + proof.length !== flags.length + 1) return false;
  // With nothing to fold, the one hash given, leaf or proof, must be the root itself.
  const given = flags.length > 0 ? leaves : [...leaves, ...proof];
  const queue = new Uint8Array((given.length + flags.length) * nodeBytes);
  for (const [i, node] of given.entries()) {
    if (!writeHex(node, queue, i * nodeBytes, nodeBytes)) return false;
  }
  const pair = new Uint8Array(2 * nodeBytes);
  let head = 0;
  let tail = given.length;
  let used = 0;
  const take = (): Uint8Array => queue.subarray(head * nodeBytes, ++head * nodeBytes);
  for (const flag of flags) {
    // Taking what is not there yet would fold zeros: only a statement that was never true asks for it.
    if (head + (flag ? 2 : 1) > tail) return false;
    pair.set(take());
    if (flag) pair.set(take(), nodeBytes);
    else if (!writeHex(proof[used++] ?? "", pair, nodeBytes, nodeBytes)) return false;
    queue.set(parentHash(pair, 0), tail++ * nodeBytes);
  }
  return toHex(queue, (tail - 1) * nodeBytes) === root.toLowerCase();
}

/** The multiproof of the leaves at `positions`, in descending order, of the flat tree `nodes`. Throws `repeated-entry`. */
export function multiproofAt(nodes: Uint8Array, positions: readonly number[]): Multiproof {
  const hexAt = (position: number): Hex => toHex(nodes, position * nodeBytes, (position + 1) * nodeBytes);
  for (const [i, position] of positions.entries()) {
    if (position === positions[i + 1]) throw repeatedEntry(position);
  }
  const queue = [...positions];
  const proof: Hex[] = [];
  const flags: boolean[] = [];
  for (let head = 0; head < queue.length; head++) {
    const position = queue[head] ?? 0;
    if (position === 0) break;
    const together = queue[head + 1] === siblingOf(position);
    flags.push(together);
    if (together) head++;
    else proof.push(hexAt(siblingOf(position)));
    queue.push(parentOf(position));
  }
  if (positions.length === 0) proof.push(hexAt(0));
  return { leaves: positions.map(hexAt), proof, flags };
}

function repeatedEntry(position: number): PayrootError {
  return new PayrootError("repeated-entry", "A multiproof takes an entry only once.", {
    facts: { position },
  });
}
