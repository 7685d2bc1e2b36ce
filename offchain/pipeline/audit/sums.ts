import { compareAddresses } from "../../core/address.ts";
import type { AssetTotals, EarningLine, Hash, LeafLine, Manifest } from "../../core/artifacts.ts";
import { canonicalJson } from "../../core/canonical.ts";
import type { ClosedEpoch } from "../../core/epoch.ts";
import { type Leaf, leafHashes } from "../../core/merkle/leaf.ts";
import { buildTree } from "../../core/merkle/tree.ts";
import type { AuditCheck } from "../../store/records.ts";
import { checkOf } from "./lines.ts";

/** The amounts that an operator published, or why its files cannot be understood. */
export type PublishedAmounts = {
  readonly earnings: readonly EarningLine[] | string;
  readonly leaves: readonly LeafLine[] | string;
};

/** That the published amounts balance among themselves, whatever they should be. */
export function checkConservation(
  manifest: Manifest,
  { earnings, leaves }: PublishedAmounts,
  before: readonly Leaf[],
): AuditCheck {
  const name = "conservation";
  const balance = "gross = earned + commission, and the totals of the manifest";
  if (typeof earnings === "string" || typeof leaves === "string") {
    const fault = [earnings, leaves].filter((value) => typeof value === "string").join("; ");
    return checkOf(name, { expected: balance, actual: "amounts that cannot be read", detail: fault });
  }
  const torn = earnings.find((row) => BigInt(row.gross) !== BigInt(row.earned) + BigInt(row.commission));
  if (torn !== undefined) {
    const expected = `gross ${BigInt(torn.earned) + BigInt(torn.commission)}`;
    return checkOf(name, {
      expected,
      actual: `gross ${torn.gross}`,
      detail: `${torn.account} in ${torn.partition}`,
    });
  }
  const expected = totalsText(sumsOf(earnings, leaves));
  const totals = checkOf(name, { expected, actual: totalsText(manifest.totals) });
  if (!totals.ok) return { ...totals, detail: "the totals of the manifest are not the sums of its files" };
  const growth =
    sum(leaves.map((leaf) => leaf.cumulative)) - before.reduce((all, leaf) => all + leaf.cumulative, 0n);
  const earned = sum(earnings.map((row) => row.earned));
  if (growth === earned) return totals;
  return checkOf(name, {
    expected: `leaves that grew by the ${earned} earned`,
    actual: `leaves that grew by ${growth}`,
  });
}

function sumsOf(earnings: readonly EarningLine[], leaves: readonly LeafLine[]): AssetTotals[] {
  const assets = [...new Set([...leaves, ...earnings].map(({ asset }) => asset))].sort(compareAddresses);
  return assets.map((asset) => {
    const rows = earnings.filter((row) => row.asset === asset);
    const own = leaves.filter((leaf) => leaf.asset === asset);
    const total = (name: "gross" | "commission" | "earned") => sum(rows.map((row) => row[name])).toString();
    return {
      asset,
      gross: total("gross"),
      commission: total("commission"),
      earned: total("earned"),
      cumulative: sum(own.map((leaf) => leaf.cumulative)).toString(),
      accounts: own.length,
    };
  });
}

function totalsText(totals: readonly AssetTotals[]): string {
  return canonicalJson(totals);
}

function sum(amounts: readonly string[]): bigint {
  return amounts.reduce((all, amount) => all + BigInt(amount), 0n);
}

/** That nobody's published amount is below what it was entitled to after the epoch before. */
export function checkMonotonic(
  { leaves }: Pick<PublishedAmounts, "leaves">,
  before: readonly Leaf[],
): AuditCheck {
  const name = "monotonic totals";
  const holds = "no amount below the one of the epoch before";
  if (typeof leaves === "string") {
    return checkOf(name, { expected: holds, actual: "leaves that cannot be read", detail: leaves });
  }
  const published = new Map(leaves.map((leaf) => [`${leaf.account} ${leaf.asset}`, BigInt(leaf.cumulative)]));
  for (const { account, asset, cumulative } of before) {
    const given = published.get(`${account} ${asset}`);
    if (given !== undefined && given >= cumulative) continue;
    const detail = `${account} was entitled to ${cumulative} after the epoch before`;
    const actual = given === undefined ? "no leaf" : String(given);
    return checkOf(name, { expected: `at least ${cumulative}`, actual, detail });
  }
  return checkOf(name, { expected: holds, actual: holds });
}

/** That the root is the one of the derived leaves; says, too, whether it is at least that of the published ones. */
export function checkRoot(
  closed: ClosedEpoch,
  { root }: { readonly root: Hash },
  { leaves }: Pick<PublishedAmounts, "leaves">,
): AuditCheck {
  const name = "root";
  const expected = closed.tree.root;
  if (root === expected) return checkOf(name, { expected, actual: root });
  const folded = typeof leaves === "string" ? undefined : rootOf(leaves);
  const own =
    folded === root ? "it is that of the published leaves" : "it is not even that of the published leaves";
  return checkOf(name, { expected, actual: root, detail: own });
}

function rootOf(leaves: readonly LeafLine[]): Hash | undefined {
  if (leaves.length === 0) return undefined;
  return buildTree(leafHashes(leaves.map((leaf) => ({ ...leaf, cumulative: BigInt(leaf.cumulative) })))).root;
}
