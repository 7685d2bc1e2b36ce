import type { Address } from "../../core/address.ts";
import {
  epochFolder,
  type Hash,
  type Manifest,
  type ProofEntry,
  type ProofShard,
  shardOf,
} from "../../core/artifacts.ts";
import { leafHash } from "../../core/merkle/leaf.ts";
import { verifyProof } from "../../core/merkle/proof.ts";
import { proofMismatch } from "../../core/proof-shard.ts";
import { PayrootError } from "../../errors.ts";
import type { ObjectStore } from "../../objects/object-store.ts";

/**
 * The leaves of an account in an epoch with their proofs, read once for whoever has a root and no ledger, each folded to `root` before it is
 * returned; none for an account that the epoch does not know. Throws `proof-mismatch` when a file is not that root's,
 * `proof-missing` when the epoch has a file that is not there.
 */
export async function readProof(
  artifacts: ObjectStore,
  query: { readonly epoch: number; readonly root: Hash; readonly account: Address },
): Promise<readonly ProofEntry[]> {
  const { epoch, root, account } = query;
  const name = `proofs/${shardOf(account)}.json`;
  const key = `${epochFolder(epoch)}${name}`;
  const stored = await artifacts.get(key);
  if (stored === undefined) {
    // A file that was lost must not pass for an account that never earned.
    if (await isPublished(artifacts, { epoch, name })) throw proofMissing(key);
    return [];
  }
  const shard = parseShard(stored.bytes, key);
  if (shard.epoch !== epoch || shard.root !== root)
    throw proofMismatch({ file: key, expected: root, found: shard.root });
  const entries = shard.accounts[account] ?? [];
  for (const { asset, cumulative, proof } of entries) {
    const leaf = leafHash({ account, asset, cumulative: BigInt(cumulative) });
    if (!verifyProof({ root, leaf, proof }))
      throw proofMismatch({ file: key, expected: root, found: `no way from ${leaf}` });
  }
  return entries;
}

async function isPublished(artifacts: ObjectStore, file: { epoch: number; name: string }): Promise<boolean> {
  const stored = await artifacts.get(`${epochFolder(file.epoch)}manifest.json`);
  if (stored === undefined) return true;
  const { files } = JSON.parse(new TextDecoder().decode(stored.bytes)) as Manifest;
  return files.some(({ name }) => name === file.name);
}

function parseShard(bytes: Uint8Array, key: string): ProofShard {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as ProofShard;
  } catch {
    throw proofMismatch({ file: key, expected: "a file of format payroot/proofs@1", found: "no JSON" });
  }
}

/** The error for a file of proofs that the epoch has and the store has lost. */
export function proofMissing(file: string): PayrootError {
  return new PayrootError("proof-missing", "A file of the epoch's proofs is not in the artifacts store.", {
    facts: { file },
    next: "take the file from another mirror, or restore it in the artifacts store",
  });
}
