import { type Address, compareAddresses } from "../core/address.ts";
import { type EarningLine, epochFolder } from "../core/artifacts.ts";
import type { Leaf } from "../core/merkle/leaf.ts";
import type { Ruleset } from "../core/ruleset.ts";
import { formatTime } from "../core/time.ts";
import type { ObjectStore } from "../objects/object-store.ts";
import type { LedgerStore } from "../store/ledger-store.ts";
import { cumulativeList, openingTime } from "./derive-epoch.ts";
import { readHead } from "./ingest.ts";
import { openRejections } from "./open-epoch.ts";
import { type OpenEpochTotals, openSumsByAccount, sumOpenEpoch } from "./open-totals.ts";
import { lastClosedEpoch } from "./status.ts";

/** An account whose earnings moved most against the last closed epoch, in wei. */
export type Mover = {
  readonly account: Address;
  readonly before: bigint;
  readonly now: bigint;
  readonly change: bigint;
};

/** What closing now would do. `solvency` is null where no chain is configured. */
export type Preview = {
  readonly epoch: number;
  readonly opensAt: string | null;
  readonly totals: OpenEpochTotals;
  readonly rejections: readonly { readonly reason: string; readonly count: number }[];
  readonly movers: readonly Mover[];
  readonly newAccounts: readonly Address[];
  readonly solvency: Solvency | null;
};

/** Whether the distributor could pay everything: what it holds, owes after this epoch, and lacks, in wei. */
export type Solvency = { readonly balance: bigint; readonly owed: bigint; readonly missing: bigint };

/** What the distributor holds of an asset and has paid out, in wei. */
export type Funding = { readonly balance: bigint; readonly claimed: bigint };

/** Reads from the chain what the distributor holds of an asset. */
export type FundingReader = (asset: Address) => Promise<Funding>;

/** Reads what closing now would do; changes nothing. */
export async function previewEpoch(
  ports: { store: LedgerStore; artifacts: ObjectStore; funding: FundingReader | undefined },
  configured: Ruleset,
): Promise<Preview> {
  const { store } = ports;
  const head = await readHead(store);
  const ruleset = head.ruleset ?? configured;
  const opensAt = await openingTime(store, head);
  const totals = await sumOpenEpoch(store, ruleset);
  const reasons = new Map<string, number>();
  for await (const { reason } of openRejections(store, head))
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  const before = await lastEarnings(ports);
  const now = (await openSumsByAccount(store, ruleset)).sums;
  const movers = [...new Set([...before.keys(), ...now.keys()])].map((account): Mover => {
    const sum = now.get(account);
    const amounts = {
      before: before.get(account) ?? 0n,
      now: sum === undefined ? 0n : sum.grossWei - sum.commissionWei,
    };
    return { account, ...amounts, change: amounts.now - amounts.before };
  });
  const leaves = await cumulativeList(store);
  const known = new Set(leaves.map((leaf) => leaf.account));
  return {
    epoch: head.epoch,
    opensAt: opensAt === undefined ? null : formatTime(opensAt),
    totals,
    rejections: [...reasons].map(([reason, count]) => ({ reason, count })).sort((a, b) => b.count - a.count),
    movers: movers.sort(byChange).slice(0, 10),
    newAccounts: [...now.keys()].filter((account) => !known.has(account)).sort(compareAddresses),
    solvency: await solvencyOf(ports.funding, totals, leaves),
  };
}

/** What each account earned in the last closed epoch, in wei, from its artifacts. */
async function lastEarnings(ports: {
  store: LedgerStore;
  artifacts: ObjectStore;
}): Promise<Map<Address, bigint>> {
  const earned = new Map<Address, bigint>();
  const last = await lastClosedEpoch(ports.store);
  const file = last && (await ports.artifacts.get(`${epochFolder(last.epoch)}earnings.ndjson`));
  if (file === undefined) return earned;
  for (const text of new TextDecoder().decode(file.bytes).split("\n")) {
    if (text === "") continue;
    const line = JSON.parse(text) as EarningLine;
    earned.set(line.account, (earned.get(line.account) ?? 0n) + BigInt(line.earned));
  }
  return earned;
}

async function solvencyOf(
  funding: FundingReader | undefined,
  totals: OpenEpochTotals,
  leaves: readonly Leaf[],
): Promise<Solvency | null> {
  if (funding === undefined) return null;
  const { balance, claimed } = await funding(totals.asset);
  const own = leaves.filter((leaf) => leaf.asset === totals.asset);
  const owed = own.reduce((total, leaf) => total + leaf.cumulative, totals.earned) - claimed;
  return { balance, owed, missing: owed > balance ? owed - balance : 0n };
}

function byChange(a: Mover, b: Mover): number {
  const sizes = [a.change, b.change].map((change) => (change < 0n ? -change : change));
  const [left = 0n, right = 0n] = sizes;
  return left < right ? 1 : left > right ? -1 : compareAddresses(a.account, b.account);
}
