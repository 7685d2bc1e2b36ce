import { sortNeighbours } from "../../chain/batch.ts";
import type { DistributorChain } from "../../chain/distributor-chain.ts";
import { type Address, zeroAddress } from "../../core/address.ts";
import { epochFolder, type Hash } from "../../core/artifacts.ts";
import { type Leaf, leafHashes } from "../../core/merkle/leaf.ts";
import { buildTree, type MerkleTree } from "../../core/merkle/tree.ts";
import { exitCodes, PayrootError } from "../../errors.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import { parseLeaves } from "../audit/published.ts";
import { activeEpoch, type ClaimPorts, claimsPaused, pausedUntil } from "./claim.ts";

/** A leaf that is due, by its index among the leaves; `amount` in the asset's smallest unit is what it would pay. */
export type DueEntry = { readonly index: number; readonly amount: bigint };

/** What can be paid against the newest active epoch. */
export type Due = {
  readonly epoch: number;
  readonly leaves: readonly Leaf[];
  readonly tree: MerkleTree;
  /** Neighbours in the tree stand side by side. */
  readonly entries: readonly DueEntry[];
  /** How many leaves are left out because everything was received. */
  readonly received: number;
  /** How many are left out because too little is due. */
  readonly below: number;
  /** How many are left out because claims of their asset are stopped. */
  readonly paused: number;
};

/**
 * Whoever has at least `minimum` of an asset's smallest unit coming, from the published leaves, whose root must be the
 * chain's, and from what the chain has paid. Throws `epoch-not-active`, `leaves-missing`, `proof-mismatch` and
 * `claims-paused`, when nothing else is due.
 */
export async function readDue({ artifacts, chain }: ClaimPorts, minimum: bigint): Promise<Due> {
  const { epoch, root } = await activeEpoch(chain);
  const { leaves, tree } = await readLeaves(artifacts, { epoch, root });
  const least = minimum > 1n ? minimum : 1n;
  // What an account has coming is never more than its leaf, so most of the small ones need no question.
  const large = [...leaves.entries()].filter(([, { cumulative }]) => cumulative >= least);
  const claimed = await chain.claimedByMany(large.map(([, leaf]) => leaf));
  const waiting = large.map(([index, { cumulative }], at) => {
    return { index, amount: cumulative - (claimed[at] ?? 0n) };
  });
  const enough = waiting.filter(({ amount }) => amount >= least);
  const received = waiting.filter(({ amount }) => amount <= 0n).length;
  const stopped = await pausedAssets(
    chain,
    enough.flatMap(({ index }) => leaves[index]?.asset ?? []),
  );
  const open = enough.filter(({ index }) => !stopped.has(leaves[index]?.asset ?? zeroAddress));
  const [first] = stopped;
  if (open.length === 0 && first !== undefined) throw claimsPaused(first[0], first[1]);
  const byIndex = new Map(open.map((entry) => [entry.index, entry]));
  const entries = sortNeighbours(tree, byIndex.keys()).flatMap((index) => byIndex.get(index) ?? []);
  const below = leaves.length - enough.length - received;
  return { epoch, leaves, tree, entries, received, below, paused: enough.length - open.length };
}

/** The published leaves of an epoch and their tree. Throws `leaves-missing`, and `proof-mismatch` for another root. */
async function readLeaves(
  artifacts: ObjectStore,
  { epoch, root }: { epoch: number; root: Hash },
): Promise<{ leaves: Leaf[]; tree: MerkleTree }> {
  const file = `${epochFolder(epoch)}leaves.ndjson`;
  const stored = await artifacts.get(file);
  if (stored === undefined) throw leavesMissing(file);
  const lines = parseLeaves(stored.bytes);
  if ("fault" in lines) throw leavesMismatch({ file, expected: root, found: lines.fault });
  if (lines.value.length === 0) throw leavesMismatch({ file, expected: root, found: "no leaf" });
  const leaves = lines.value.map((line) => ({ ...line, cumulative: BigInt(line.cumulative) }));
  const tree = buildTree(leafHashes(leaves));
  if (tree.root !== root) throw leavesMismatch({ file, expected: root, found: tree.root });
  return { leaves, tree };
}

/** The assets among the given whose claims are stopped, and until when (seconds since 1970). */
async function pausedAssets(
  chain: DistributorChain,
  assets: readonly Address[],
): Promise<ReadonlyMap<Address, number>> {
  const stopped = new Map<Address, number>();
  for (const asset of new Set(assets)) {
    const until = await pausedUntil(chain, asset);
    if (until !== undefined) stopped.set(asset, until);
  }
  return stopped;
}

function leavesMissing(file: string): PayrootError {
  return new PayrootError("leaves-missing", "The leaves of the epoch are not in the artifacts store.", {
    facts: { file },
    next: "take the file from another mirror, or restore it in the artifacts store",
  });
}

function leavesMismatch(facts: { file: string; expected: Hash; found: string }): PayrootError {
  return new PayrootError("proof-mismatch", "The published leaves do not make their epoch's root.", {
    facts,
    next: "take the file from another mirror, and tell the operator",
    exitCode: exitCodes.discrepancy,
  });
}
