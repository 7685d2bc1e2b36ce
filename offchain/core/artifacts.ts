import type { Address } from "./address.ts";
import { canonicalJson } from "./canonical.ts";
import { keccak256Hex, sha256Hex } from "./hash.ts";
import type { Leaf } from "./merkle/leaf.ts";
import type { Ruleset } from "./ruleset.ts";

/** 32 bytes as `0x` and 64 lower-case hex digits. */
export type Hash = `0x${string}`;

/** What an epoch was computed from; counts of the events of its objects. */
export type EpochInputs = {
  readonly objects: number;
  readonly bytes: number;
  readonly events: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly duplicates: number;
  readonly late: number;
  readonly unmatched: number;
};

/** One asset's totals: this epoch's gross, commission and earned, and Σ of all leaves, in its smallest unit. */
export type AssetTotals = {
  readonly asset: Address;
  readonly gross: string;
  readonly commission: string;
  readonly earned: string;
  readonly cumulative: string;
  readonly accounts: number;
};

/** An artifact file: SHA-256 and length of its uncompressed bytes. */
export type FileEntry = { readonly name: string; readonly sha256: string; readonly bytes: number };

/** `manifest.json`; keccak256 of its canonical text is the `manifestHash` on chain. Format `payroot/epoch@1`. */
export type Manifest = {
  readonly format: "payroot/epoch@1";
  readonly epoch: number;
  readonly chainId: number;
  readonly distributor: Address;
  readonly opensAt: string;
  readonly closesAt: string;
  readonly previousManifest: Hash | null;
  readonly ruleset: Ruleset;
  readonly rulesetHash: Hash;
  readonly inputs: EpochInputs;
  readonly totals: readonly AssetTotals[];
  readonly root: Hash;
  readonly leaves: number;
  readonly earningsRoot: Hash;
  readonly earnings: number;
  readonly files: readonly FileEntry[];
};

/** A line of `objects.ndjson`. */
export type ObjectLine = {
  readonly key: string;
  readonly archiveKey: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly events: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly duplicates: number;
};

/** A line of `rejections.ndjson`; position −1 is the whole object. */
export type RejectionLine = {
  readonly object: string;
  readonly position: number;
  readonly id: string | null;
  readonly reason: string;
  readonly detail: string;
};

/** A line of `unmatched.ndjson`: an AI job that waits for its receipt; fees in wei. */
export type UnmatchedLine = {
  readonly id: string;
  readonly partition: string;
  readonly requestID: string;
  readonly DT: string;
  readonly fees: string;
};

/** A line of `earnings.ndjson`: what an account gained in a partition in this epoch. */
export type EarningLine = {
  readonly account: Address;
  readonly asset: Address;
  readonly partition: string;
  readonly events: number;
  readonly gross: string;
  readonly commission: string;
  readonly earned: string;
};

/** A line of `leaves.ndjson`. */
export type LeafLine = { readonly account: Address; readonly asset: Address; readonly cumulative: string };

/** `proofs/{shard}.json`: proofs against `root` of the accounts whose first two hex digits are the shard. */
export type ProofShard = {
  readonly format: "payroot/proofs@1";
  readonly epoch: number;
  readonly root: Hash;
  readonly accounts: Readonly<Record<Address, readonly ProofEntry[]>>;
};

/** One leaf of an account, with its proof. */
export type ProofEntry = {
  readonly asset: Address;
  readonly cumulative: string;
  readonly proof: readonly Hash[];
};

/** `latest.json`: the newest closed epoch, and whether its root is on chain. */
export type LatestPointer = { readonly epoch: number; readonly manifestHash: Hash; readonly posted: boolean };

/** The folder of an epoch in the artifacts store, with its trailing slash. */
export function epochFolder(epoch: number): string {
  return `epochs/${String(epoch).padStart(6, "0")}/`;
}

/** The folder that an epoch's files move to when the epoch is taken back, with its trailing slash. */
export function revokedFolder({ epoch, manifestHash }: { epoch: number; manifestHash: Hash }): string {
  return `revoked/${String(epoch).padStart(6, "0")}-${manifestHash.slice(2, 18)}/`;
}

/** The shard of an account: its first two hex digits, lower case. */
export function shardOf(account: Address): string {
  return account.slice(2, 4).toLowerCase();
}

/** Canonical JSON as UTF-8. */
export function jsonBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(canonicalJson(value));
}

/** One canonical object a line, each line ended by a line feed, as UTF-8. */
export function ndjsonBytes(lines: readonly unknown[]): Uint8Array {
  return new TextEncoder().encode(lines.map((line) => `${canonicalJson(line)}\n`).join(""));
}

/** The manifest's entry for a file. */
export function fileEntry(name: string, bytes: Uint8Array): FileEntry {
  return { name, sha256: sha256Hex(bytes), bytes: bytes.length };
}

/** keccak256 of the canonical manifest. */
export function manifestHash(manifest: Manifest): Hash {
  return keccak256Hex(jsonBytes(manifest));
}

/** A leaf as its line of `leaves.ndjson`. */
export function leafLine({ account, asset, cumulative }: Leaf): LeafLine {
  return { account, asset, cumulative: cumulative.toString() };
}
