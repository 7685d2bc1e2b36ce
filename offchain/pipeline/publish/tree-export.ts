import { epochFolder, type Hash, type Manifest, manifestHash } from "../../core/artifacts.ts";
import { sumEarnings } from "../../core/epoch.ts";
import { sha256Hex } from "../../core/hash.ts";
import { openZeppelinDump } from "../../core/merkle/dump.ts";
import { earningHashes, leafHashes } from "../../core/merkle/leaf.ts";
import { buildTree } from "../../core/merkle/tree.ts";
import { uniswapDistribution } from "../../core/merkle/uniswap.ts";
import { exitCodes, type Facts, PayrootError } from "../../errors.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import { type Parsed, parseEarnings, parseLeaves, parseManifest } from "../audit/published.ts";
import { epochUnknown } from "../close/epochs.ts";

/**
 * `openzeppelin` is the tree whose root is on chain: everyone's cumulative amounts. `uniswap` is another tree with
 * another root, for a MerkleDistributor that pays once: what each account earned in this epoch alone.
 */
export type TreeFormat = "openzeppelin" | "uniswap";

/** A tree as a file that other software reads; amounts in the asset's smallest unit. */
export type TreeExport = {
  readonly epoch: number;
  readonly format: TreeFormat;
  readonly root: Hash;
  readonly entries: number;
  readonly total: bigint;
  readonly manifestHash: Hash;
  /** The file in pieces. */
  readonly text: () => Generator<string>;
};

/**
 * The tree of an epoch from its published files, each checked against the manifest, and the manifest's roots against
 * them. Throws `epoch-unknown`, `artifact-damaged`, `tree-mismatch`.
 */
export async function exportTree(
  artifacts: ObjectStore,
  { epoch, format }: { readonly epoch: number; readonly format: TreeFormat },
): Promise<TreeExport> {
  const manifest = await readManifestOf(artifacts, epoch);
  const about = { epoch, format, manifestHash: manifestHash(manifest) };
  const tree =
    format === "openzeppelin"
      ? await cumulativeTree(artifacts, manifest)
      : await earnedTree(artifacts, manifest);
  return { ...about, ...tree };
}

type Tree = Pick<TreeExport, "root" | "entries" | "total" | "text">;

async function cumulativeTree(artifacts: ObjectStore, manifest: Manifest): Promise<Tree> {
  const lines = await readLines(artifacts, { manifest, name: "leaves.ndjson", parse: parseLeaves });
  const leaves = lines.map((line) => ({ ...line, cumulative: BigInt(line.cumulative) }));
  const tree = buildTree(leafHashes(leaves));
  requireSame(tree.root, manifest.root);
  const total = leaves.reduce((sum, { cumulative }) => sum + cumulative, 0n);
  requireSame(total, sumOf(manifest.totals.map(({ cumulative }) => cumulative)));
  return { root: tree.root, entries: leaves.length, total, text: () => openZeppelinDump(tree, leaves) };
}

async function earnedTree(artifacts: ObjectStore, manifest: Manifest): Promise<Tree> {
  const lines = await readLines(artifacts, { manifest, name: "earnings.ndjson", parse: parseEarnings });
  const rows = lines.map(({ account, asset, earned }) => ({ account, asset, earnedWei: BigInt(earned) }));
  const earnings = sumEarnings(rows, manifest.epoch);
  requireSame(buildTree(earningHashes(earnings)).root, manifest.earningsRoot);
  const claims = earnings.map(({ account, earned }) => ({ account, amount: earned }));
  const { root, total, text } = uniswapDistribution(claims);
  requireSame(total, sumOf(manifest.totals.map(({ earned }) => earned)));
  return { root, entries: claims.length, total, text };
}

async function readManifestOf(artifacts: ObjectStore, epoch: number): Promise<Manifest> {
  const file = `${epochFolder(epoch)}manifest.json`;
  const stored = await artifacts.get(file);
  if (stored === undefined) throw epochUnknown(epoch);
  const parsed = parseManifest(stored.bytes);
  if ("fault" in parsed) throw fileDamaged({ file, fault: parsed.fault });
  if (parsed.value.epoch !== epoch)
    throw fileDamaged({ file, fault: `it is of epoch ${parsed.value.epoch}` });
  return parsed.value;
}

async function readLines<Line>(
  artifacts: ObjectStore,
  {
    manifest,
    name,
    parse,
  }: { manifest: Manifest; name: string; parse: (bytes: Uint8Array) => Parsed<Line[]> },
): Promise<readonly Line[]> {
  const file = `${epochFolder(manifest.epoch)}${name}`;
  const stored = await artifacts.get(file);
  const expected = manifest.files.find((entry) => entry.name === name)?.sha256 ?? "no such file";
  const found = stored === undefined ? "no such object" : sha256Hex(stored.bytes);
  if (stored === undefined || found !== expected) throw fileDamaged({ file, expected, found });
  const parsed = parse(stored.bytes);
  if ("fault" in parsed) throw fileDamaged({ file, fault: parsed.fault });
  return parsed.value;
}

function fileDamaged(facts: Facts): PayrootError {
  return new PayrootError("artifact-damaged", "A published file is not the one that its manifest names.", {
    facts,
    next: "take the epoch from another mirror with --from, and tell the operator",
    exitCode: exitCodes.discrepancy,
  });
}

function sumOf(amounts: readonly string[]): bigint {
  return amounts.reduce((sum, amount) => sum + BigInt(amount), 0n);
}

function requireSame(found: Hash | bigint, expected: Hash | bigint): void {
  if (found === expected) return;
  throw new PayrootError("tree-mismatch", "The published lines do not come to what their manifest says.", {
    facts: { expected, found },
    next: "take the epoch from another mirror with --from, and tell the operator",
    exitCode: exitCodes.discrepancy,
  });
}
