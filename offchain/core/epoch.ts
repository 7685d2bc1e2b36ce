import { invariant } from "../errors.ts";
import { type Accrual, accrueFee } from "./accrual/per-job-fee.ts";
import { type Address, compareAddresses } from "./address.ts";
import type { AssetTotals, EpochInputs, FileEntry, Hash, Manifest } from "./artifacts.ts";
import type { AiPair } from "./correlation.ts";
import { type Earning, earningHashes, type Leaf, leafHashes } from "./merkle/leaf.ts";
import { buildTree, type MerkleTree } from "./merkle/tree.ts";
import { type Ruleset, rulesetHash } from "./ruleset.ts";
import { formatTime } from "./time.ts";

/** What an account gained in a partition in one epoch; events counts paid jobs with fees above zero. */
export type EarningRow = Accrual & {
  readonly account: Address;
  readonly asset: Address;
  readonly partition: string;
  readonly events: number;
};

/** Everything that decides an epoch's roots. Times in ms since 1970. */
export type EpochInput = {
  readonly epoch: number;
  readonly chainId: number;
  readonly distributor: Address;
  readonly opensAt: number;
  readonly closesAt: number;
  readonly previousManifest: Hash | null;
  readonly ruleset: Ruleset;
  /** Jobs that carry their account, summed per account and partition. */
  readonly sums: readonly Omit<EarningRow, "asset">[];
  /** AI jobs with the receipts that name their accounts. */
  readonly pairs: readonly AiPair[];
  /** Amounts as of the last close. */
  readonly cumulatives: readonly Leaf[];
};

/** A closed epoch before its files are written: rows sorted as their artifacts are, trees over them. */
export type ClosedEpoch = {
  readonly input: EpochInput;
  readonly rows: readonly EarningRow[];
  readonly earnings: readonly Earning[];
  readonly leaves: readonly Leaf[];
  readonly totals: readonly AssetTotals[];
  readonly tree: MerkleTree;
  readonly earningsTree: MerkleTree;
};

/**
 * The fold from an epoch's accruals to its roots: pure, integers only. Returns undefined when nobody earned: such an
 * epoch is not closed. Throws `invariant-violated` when a check of conservation fails.
 */
export function closeEpoch(input: EpochInput): ClosedEpoch | undefined {
  const rows = sumRows([
    ...input.sums.map((sum) => ({ ...sum, asset: input.ruleset.asset })),
    ...accruePairs(input),
  ]);
  const earnings = sumEarnings(rows, input.epoch);
  if (earnings.length === 0) return undefined;
  const leaves = addToCumulatives(input.cumulatives, earnings);
  const totals = totalPerAsset(rows, leaves);
  checkConservation({ rows, earnings, leaves, totals, cumulatives: input.cumulatives });
  const tree = buildTree(leafHashes(leaves));
  const earningsTree = buildTree(earningHashes(earnings));
  return { input, rows, earnings, leaves, totals, tree, earningsTree };
}

/** The manifest of a closed epoch whose files have been made. */
export function manifestOf(
  closed: ClosedEpoch,
  made: { inputs: EpochInputs; files: readonly FileEntry[] },
): Manifest {
  const { input } = closed;
  return {
    format: "payroot/epoch@1",
    epoch: input.epoch,
    chainId: input.chainId,
    distributor: input.distributor,
    opensAt: formatTime(input.opensAt),
    closesAt: formatTime(input.closesAt),
    previousManifest: input.previousManifest,
    ruleset: input.ruleset,
    rulesetHash: rulesetHash(input.ruleset),
    inputs: made.inputs,
    totals: closed.totals,
    root: closed.tree.root,
    leaves: closed.leaves.length,
    earningsRoot: closed.earningsTree.root,
    earnings: closed.earnings.length,
    files: [...made.files].sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

function accruePairs(input: EpochInput): EarningRow[] {
  const paid = input.pairs.filter(({ job }) => job.feesWei > 0n);
  return paid.map(({ job, receipt }) => ({
    account: receipt.account,
    asset: input.ruleset.asset,
    partition: job.partition,
    events: 1,
    ...accrueFee(job.feesWei, input.ruleset),
  }));
}

function sumRows(rows: readonly EarningRow[]): EarningRow[] {
  const sums = new Map<string, EarningRow>();
  for (const row of rows) {
    const name = `${row.account} ${row.asset} ${row.partition}`;
    const sum = sums.get(name);
    sums.set(name, sum === undefined ? row : addRow(sum, row));
  }
  return [...sums.values()].filter((row) => row.grossWei > 0n).sort(byAccountAssetPartition);
}

function addRow(a: EarningRow, b: EarningRow): EarningRow {
  return {
    ...a,
    events: a.events + b.events,
    grossWei: a.grossWei + b.grossWei,
    commissionWei: a.commissionWei + b.commissionWei,
    earnedWei: a.earnedWei + b.earnedWei,
  };
}

/** Per account and asset, partitions summed, zero left out. Rows are sorted, so equal ones stand together. */
export function sumEarnings(
  rows: Iterable<Pick<EarningRow, "account" | "asset" | "earnedWei">>,
  epoch: number,
): Earning[] {
  const earnings: Earning[] = [];
  for (const { account, asset, earnedWei } of rows) {
    const last = earnings.at(-1);
    if (last !== undefined && last.account === account && last.asset === asset) {
      earnings[earnings.length - 1] = { ...last, earned: last.earned + earnedWei };
    } else earnings.push({ epoch, account, asset, earned: earnedWei });
  }
  return earnings.filter((earning) => earning.earned > 0n);
}

function addToCumulatives(before: readonly Leaf[], earnings: readonly Earning[]): Leaf[] {
  const cumulatives = new Map(before.map((leaf) => [`${leaf.account} ${leaf.asset}`, leaf]));
  for (const { account, asset, earned } of earnings) {
    const name = `${account} ${asset}`;
    cumulatives.set(name, { account, asset, cumulative: (cumulatives.get(name)?.cumulative ?? 0n) + earned });
  }
  return [...cumulatives.values()].sort(byAccountAsset);
}

function totalPerAsset(rows: readonly EarningRow[], leaves: readonly Leaf[]): AssetTotals[] {
  const assets = [...new Set(leaves.map((leaf) => leaf.asset))].sort(compareAddresses);
  return assets.map((asset) => {
    const own = rows.filter((row) => row.asset === asset);
    const ownLeaves = leaves.filter((leaf) => leaf.asset === asset);
    return {
      asset,
      gross: sum(own.map((row) => row.grossWei)).toString(),
      commission: sum(own.map((row) => row.commissionWei)).toString(),
      earned: sum(own.map((row) => row.earnedWei)).toString(),
      cumulative: sum(ownLeaves.map((leaf) => leaf.cumulative)).toString(),
      accounts: ownLeaves.length,
    };
  });
}

/** Every wei of gross is found again, per partition and in total, and no account's amount fell. */
function checkConservation(epoch: {
  rows: readonly EarningRow[];
  earnings: readonly Earning[];
  leaves: readonly Leaf[];
  totals: readonly AssetTotals[];
  cumulatives: readonly Leaf[];
}): void {
  const perPartition = new Map<string, bigint>();
  for (const { partition, grossWei, commissionWei, earnedWei } of epoch.rows) {
    perPartition.set(partition, (perPartition.get(partition) ?? 0n) + grossWei - commissionWei - earnedWei);
  }
  for (const [partition, difference] of perPartition) {
    invariant(difference === 0n, "Gross is not earned plus commission.", {
      partition,
      differenceWei: difference,
    });
  }
  const earned = sum(epoch.earnings.map((earning) => earning.earned));
  const totalEarned = sum(epoch.totals.map((total) => BigInt(total.earned)));
  const totalGross = sum(epoch.totals.map((total) => BigInt(total.gross)));
  const totalCommission = sum(epoch.totals.map((total) => BigInt(total.commission)));
  invariant(earned === totalEarned, "The earnings do not sum to their total.", { earned, totalEarned });
  invariant(totalGross === totalEarned + totalCommission, "The totals do not balance.", {
    totalGross,
    totalEarned,
  });
  const before = sum(epoch.cumulatives.map((leaf) => leaf.cumulative));
  const after = sum(epoch.leaves.map((leaf) => leaf.cumulative));
  invariant(after === before + earned, "The leaves did not grow by what was earned.", {
    before,
    earned,
    after,
  });
  const known = new Map(epoch.leaves.map((leaf) => [`${leaf.account} ${leaf.asset}`, leaf.cumulative]));
  for (const { account, asset, cumulative } of epoch.cumulatives) {
    const now = known.get(`${account} ${asset}`) ?? 0n;
    invariant(now >= cumulative, "A cumulative amount fell.", {
      account,
      asset,
      before: cumulative,
      after: now,
    });
  }
}

function sum(amounts: readonly bigint[]): bigint {
  return amounts.reduce((total, amount) => total + amount, 0n);
}

function byAccountAsset(a: Leaf | EarningRow, b: Leaf | EarningRow): number {
  return compareAddresses(a.account, b.account) || compareAddresses(a.asset, b.asset);
}

function byAccountAssetPartition(a: EarningRow, b: EarningRow): number {
  return byAccountAsset(a, b) || (a.partition < b.partition ? -1 : 1);
}
