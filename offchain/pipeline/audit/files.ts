import { parseAddress, zeroAddress } from "../../core/address.ts";
import {
  epochFolder,
  type FileEntry,
  fileEntry,
  type Manifest,
  type ProofShard,
} from "../../core/artifacts.ts";
import { canonicalJson } from "../../core/canonical.ts";
import { type EpochFile, epochFiles } from "../../core/epoch-files.ts";
import { leafHash } from "../../core/merkle/leaf.ts";
import { verifyProof } from "../../core/merkle/proof.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import type { AuditCheck } from "../../store/records.ts";
import type { DerivedEpoch } from "../close/derive-epoch.ts";
import { checkOf, firstLineDifference, type LineDifference } from "./lines.ts";

/** A published file beside the derived one; its bytes only where they differ. */
export type ComparedFile = {
  readonly derived: FileEntry;
  readonly stored: FileEntry | undefined;
  readonly same: boolean;
  readonly published: Uint8Array | undefined;
  readonly line: LineDifference | undefined;
  /** Of a file of proofs that differs: the first account whose proof is wrong, and how. */
  readonly proofFault: string | undefined;
};

/** The files of an epoch, by name. */
export type ComparedFiles = ReadonlyMap<string, ComparedFile>;

/** Derives each file of an epoch and compares it with the published one; holds one file at a time. */
export async function compareFiles(
  artifacts: ObjectStore,
  manifest: Manifest,
  { closed, records }: DerivedEpoch,
): Promise<ComparedFiles> {
  const files = new Map<string, ComparedFile>();
  const folder = epochFolder(manifest.epoch);
  for (const file of epochFiles(closed, records)) {
    const stored = await artifacts.get(`${folder}${file.name}`);
    files.set(file.name, compareFile(file, stored?.bytes, manifest));
  }
  return files;
}

function compareFile(file: EpochFile, published: Uint8Array | undefined, manifest: Manifest): ComparedFile {
  const { name, bytes } = file;
  const derived = fileEntry(name, bytes);
  const same = published !== undefined && Buffer.compare(published, bytes) === 0;
  const stored = same ? derived : published && fileEntry(name, published);
  const both = { derived, stored, same, published: undefined, line: undefined, proofFault: undefined };
  if (same) return both;
  if (name.startsWith("proofs/")) return { ...both, proofFault: proofFault(file, published, manifest) };
  const files = { derived: bytes, published: published ?? new Uint8Array(0) };
  return { ...both, published, line: firstLineDifference(name, files) };
}

function proofFault({ bytes }: EpochFile, published: Uint8Array | undefined, { root }: Manifest): string {
  const wanted = JSON.parse(Buffer.from(bytes).toString()) as ProofShard;
  const accounts = Object.keys(wanted.accounts) as (keyof ProofShard["accounts"])[];
  if (published === undefined) return `the file is missing, so ${accounts[0]} has no proof`;
  const given = readShard(published);
  if (given === undefined) return `the file cannot be read, so ${accounts[0]} has no proof`;
  for (const account of accounts) {
    const [ours, theirs] = [wanted.accounts[account], given.accounts[account]];
    if (canonicalJson(ours) === canonicalJson(theirs ?? null)) continue;
    if (theirs === undefined) return `${account} has no proof`;
    const leads = theirs.every(({ asset, cumulative, proof }) => {
      return verifyProof({ root, leaf: leafHash({ account, asset, cumulative: BigInt(cumulative) }), proof });
    });
    return `the proof of ${account} is another one, which leads ${leads ? "" : "not even "}to the published root`;
  }
  return "it has more in it than the proofs of its accounts";
}

function readShard(bytes: Uint8Array): ProofShard | undefined {
  try {
    const shard = JSON.parse(Buffer.from(bytes).toString()) as ProofShard;
    const lists = Object.values(shard.accounts);
    const good = lists.every((entries) =>
      entries.every(({ asset, cumulative, proof }) => {
        const known = asset === zeroAddress || parseAddress(asset) !== undefined;
        const path = Array.isArray(proof) && proof.every((node) => typeof node === "string");
        return known && path && /^\d{1,77}$/.test(cumulative);
      }),
    );
    return good ? shard : undefined;
  } catch {
    return undefined;
  }
}

/** A stored file of an epoch as the manifest would name it; undefined when it is missing. */
export async function readEntry(
  artifacts: ObjectStore,
  file: { readonly epoch: number; readonly name: string },
): Promise<FileEntry | undefined> {
  const stored = await artifacts.get(`${epochFolder(file.epoch)}${file.name}`);
  return stored === undefined ? undefined : fileEntry(file.name, stored.bytes);
}

/** That the published files are those that the manifest names, and that these are the files of the epoch. */
export async function checkFiles(
  manifest: Manifest,
  derived: readonly string[],
  read: (name: string) => FileEntry | undefined | Promise<FileEntry | undefined>,
): Promise<AuditCheck> {
  const name = "files";
  const expected = `${manifest.files.length} files as the manifest names them`;
  const known = new Set(derived);
  for (const entry of manifest.files) {
    if (!known.has(entry.name)) {
      const detail = "the epoch has no such file";
      return checkOf(name, { expected: "no such file", actual: entry.name, detail });
    }
    const found = await read(entry.name);
    if (found?.sha256 === entry.sha256 && found.bytes === entry.bytes) continue;
    const actual = found === undefined ? "missing" : `SHA-256 ${found.sha256}`;
    const what = found === undefined ? "is missing" : "was edited after it was published";
    return checkOf(name, { expected: `SHA-256 ${entry.sha256}`, actual, detail: `${entry.name} ${what}` });
  }
  const named = new Set(manifest.files.map((entry) => entry.name));
  const unnamed = derived.find((file) => !named.has(file));
  if (unnamed === undefined) return checkOf(name, { expected, actual: expected });
  const detail = `the manifest does not name ${unnamed}`;
  return checkOf(name, { expected: unnamed, actual: "no such file", detail });
}
