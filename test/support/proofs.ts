import { type Address, addressFromBytes, zeroAddress } from "../../offchain/core/address.ts";
import { type FileEntry, fileEntry, jsonBytes } from "../../offchain/core/artifacts.ts";
import { closeEpoch, manifestOf } from "../../offchain/core/epoch.ts";
import { epochFiles } from "../../offchain/core/epoch-files.ts";
import { keccak256 } from "../../offchain/core/hash.ts";
import type { Leaf } from "../../offchain/core/merkle/leaf.ts";
import type { ObjectStore } from "../../offchain/objects/object-store.ts";
import { epochStateOf, putArtifact } from "../../offchain/pipeline/close/close-epoch.ts";
import { firstHead } from "../../offchain/pipeline/ingest/ingest.ts";
import type { EpochState } from "../../offchain/store/records.ts";
import { ruleset } from "./ledger.ts";

const inputs = {
  ...{ objects: 1, bytes: 1, events: 1, accepted: 1, rejected: 0, duplicates: 0, late: 0, unmatched: 0 },
};

/** Publishes an epoch whose tree has these leaves; the first one, of ETH, is what it earned. */
export async function publishLeaves(
  artifacts: ObjectStore,
  { epoch, leaves }: { readonly epoch: number; readonly leaves: readonly Leaf[] },
): Promise<EpochState> {
  const [{ account, cumulative }, ...before] = leaves as [Leaf, ...Leaf[]];
  const amounts = { grossWei: cumulative, commissionWei: 0n, earnedWei: cumulative };
  const head = { ...firstHead, epoch };
  const closed = closeEpoch({
    ...{ epoch, chainId: 0, distributor: zeroAddress, opensAt: 0, closesAt: 1000, previousManifest: null },
    ...{ ruleset, pairs: [], cumulatives: before },
    sums: [{ account, partition: "transcode|eu", events: 1, ...amounts }],
  });
  if (closed === undefined) throw new Error("nobody earned");
  const files: FileEntry[] = [];
  for (const { name, bytes } of epochFiles(closed, { objects: [], rejections: [], waiting: [] })) {
    await putArtifact(artifacts, { epoch, name, bytes });
    files.push(fileEntry(name, bytes));
  }
  const manifest = manifestOf(closed, { inputs, files });
  await putArtifact(artifacts, { epoch, name: "manifest.json", bytes: jsonBytes(manifest) });
  return epochStateOf(manifest, head);
}

/** Leaves of ETH for so many accounts, all different. */
export function leavesOf(accounts: Iterable<Address>): Leaf[] {
  return Array.from(accounts, (account, index) => {
    return { account, asset: zeroAddress, cumulative: BigInt(index + 1) * 1_000_000_007n };
  });
}

/** Any number of accounts, spread over all shards. */
export function spreadAccount(index: number): Address {
  return addressFromBytes(keccak256(Buffer.from(`account ${index}`)).subarray(12));
}
