import type {
  EarningLine,
  LeafLine,
  Manifest,
  ObjectLine,
  RejectionLine,
} from "../../offchain/core/artifacts.ts";
import { epochFolder, fileEntry, jsonBytes } from "../../offchain/core/artifacts.ts";
import { type ClosedEpoch, type EarningRow, manifestOf } from "../../offchain/core/epoch.ts";
import { epochFiles } from "../../offchain/core/epoch-files.ts";
import { earningHashes, type Leaf, leafHashes } from "../../offchain/core/merkle/leaf.ts";
import { buildTree } from "../../offchain/core/merkle/tree.ts";
import { parseTime } from "../../offchain/core/time.ts";
import type { ObjectStore } from "../../offchain/objects/object-store.ts";
import { epochTexts, linesOf, manifestIn } from "./published.ts";

type Mutable<T> = { -readonly [name in keyof T]: T[name] };

/** A published epoch as an operator could change it. */
export type Draft = {
  rows: Mutable<EarningRow>[];
  leaves: Mutable<Leaf>[];
  objects: Mutable<ObjectLine>[];
  rejections: RejectionLine[];
  inputs: Mutable<Manifest["inputs"]>;
};

/**
 * Publishes an epoch again after a change, in itself without a fault: sums, trees, proofs, hashes and manifest are made
 * to fit, so that only deriving the epoch again can tell.
 */
export async function republish(
  artifacts: ObjectStore,
  epoch: number,
  change: (draft: Draft) => void,
): Promise<Manifest> {
  const texts = await epochTexts(artifacts, epoch);
  const before = manifestIn(texts);
  const draft: Draft = {
    rows: linesOf<EarningLine>(texts, "earnings.ndjson").map((line) => ({
      ...line,
      grossWei: BigInt(line.gross),
      commissionWei: BigInt(line.commission),
      earnedWei: BigInt(line.earned),
    })),
    leaves: linesOf<LeafLine>(texts, "leaves.ndjson").map((line) => ({
      ...line,
      cumulative: BigInt(line.cumulative),
    })),
    objects: linesOf<ObjectLine>(texts, "objects.ndjson"),
    rejections: linesOf<RejectionLine>(texts, "rejections.ndjson"),
    inputs: { ...before.inputs },
  };
  change(draft);
  const folder = epochFolder(epoch);
  for (const name of texts.keys()) if (name.startsWith("proofs/")) await artifacts.delete(`${folder}${name}`);
  const closed = closedFrom(draft, before);
  const rejections = draft.rejections.map((line) => ({ ...line, sha256: "" }));
  const files = [];
  for (const file of epochFiles(closed, { objects: draft.objects, rejections, waiting: [] })) {
    const unchanged = file.name === "unmatched.ndjson" ? texts.get(file.name) : undefined;
    const bytes = unchanged === undefined ? file.bytes : Buffer.from(unchanged);
    await artifacts.put(`${folder}${file.name}`, bytes);
    files.push(fileEntry(file.name, bytes));
  }
  const manifest = manifestOf(closed, { inputs: draft.inputs, files });
  await artifacts.put(`${folder}manifest.json`, jsonBytes(manifest));
  return manifest;
}

function closedFrom({ rows, leaves }: Draft, before: Manifest): ClosedEpoch {
  const { epoch, chainId, distributor, ruleset, previousManifest } = before;
  const earned = new Map<string, bigint>();
  for (const row of rows) earned.set(row.account, (earned.get(row.account) ?? 0n) + row.earnedWei);
  const earnings = leaves
    .filter(({ account }) => (earned.get(account) ?? 0n) > 0n)
    .map(({ account, asset }) => ({ epoch, account, asset, earned: earned.get(account) ?? 0n }));
  const sum = (amounts: bigint[]) => amounts.reduce((all, amount) => all + amount, 0n).toString();
  return {
    input: {
      ...{ epoch, chainId, distributor, ruleset, previousManifest },
      opensAt: parseTime(before.opensAt) ?? 0,
      closesAt: parseTime(before.closesAt) ?? 0,
      sums: [],
      pairs: [],
      cumulatives: [],
    },
    rows,
    earnings,
    leaves,
    totals: [
      {
        asset: ruleset.asset,
        gross: sum(rows.map((row) => row.grossWei)),
        commission: sum(rows.map((row) => row.commissionWei)),
        earned: sum(rows.map((row) => row.earnedWei)),
        cumulative: sum(leaves.map((leaf) => leaf.cumulative)),
        accounts: leaves.length,
      },
    ],
    tree: buildTree(leafHashes(leaves)),
    earningsTree: buildTree(earningHashes(earnings)),
  };
}
