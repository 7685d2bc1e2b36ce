import { type Address, compareAddresses } from "../../core/address.ts";
import type { Leaf } from "../../core/merkle/leaf.ts";
import type { Ruleset } from "../../core/ruleset.ts";
import { formatTime } from "../../core/time.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import { readHead } from "../ingest/ingest.ts";
import { type RejectedFees, rejectedFees } from "../ingest/rejected-fees.ts";
import { lastClosedEpoch } from "../operate/status.ts";
import { earnedIn, findJumps, type Jump } from "../publish/anomaly.ts";
import { cumulativeList, openingTime } from "./derive-epoch.ts";
import { listEpochs, readManifest } from "./epochs.ts";
import { type OpenEpochTotals, openSumsByAccount, sumOpenEpoch } from "./open-totals.ts";

/** An account whose earnings moved most against the last closed epoch, in wei. */
export type Mover = {
  readonly account: Address;
  readonly before: bigint;
  readonly now: bigint;
  readonly change: bigint;
};

/** What closing now would do. `solvency` and `runway` are null where no chain is configured. */
export type Preview = {
  readonly epoch: number;
  readonly opensAt: string | null;
  readonly totals: OpenEpochTotals;
  readonly rejections: readonly RejectedFees[];
  readonly movers: readonly Mover[];
  /** The accounts that earned most in terms of their median epoch. */
  readonly jumps: readonly Jump[];
  readonly newAccounts: readonly Address[];
  readonly solvency: Solvency | null;
  readonly runway: Runway | null;
};

/**
 * How many more epochs the distributor can pay: what it holds beyond what it owes after this epoch, over the mean of
 * what the newest closed epochs (`of` of them) earned, in wei. `epochs` is null when there is none to compare with.
 */
export type Runway = {
  readonly surplus: bigint;
  readonly mean: bigint;
  readonly of: number;
  readonly epochs: bigint | null;
};

/** Whether the distributor could pay everything: what it holds, owes after this epoch, and lacks, in wei. */
export type Solvency = { readonly balance: bigint; readonly owed: bigint; readonly missing: bigint };

/** What the distributor holds of an asset and has paid out, in wei. */
export type Funding = { readonly balance: bigint; readonly claimed: bigint };

/** Reads from the chain what the distributor holds of an asset. */
export type FundingReader = (asset: Address) => Promise<Funding>;

/** Reads what closing now would do; changes nothing. */
export async function previewEpoch(
  ports: {
    readonly store: LedgerStore;
    readonly archive: ObjectStore;
    readonly artifacts: ObjectStore;
    readonly funding: FundingReader | undefined;
  },
  configured: Ruleset,
): Promise<Preview> {
  const { store } = ports;
  const head = await readHead(store);
  const ruleset = head.ruleset ?? configured;
  const opensAt = await openingTime(store, head);
  const totals = await sumOpenEpoch(store, ruleset);
  const before = await lastEarnings(ports);
  const { sums } = await openSumsByAccount(store, ruleset);
  const now = new Map([...sums].map(([account, sum]) => [account, sum.grossWei - sum.commissionWei]));
  const movers = [...new Set([...before.keys(), ...now.keys()])].map((account): Mover => {
    const amounts = { before: before.get(account) ?? 0n, now: now.get(account) ?? 0n };
    return { account, ...amounts, change: amounts.now - amounts.before };
  });
  const jumps = await findJumps(ports, { epoch: head.epoch, asset: ruleset.asset, earned: now });
  const leaves = await cumulativeList(store);
  const known = new Set(leaves.map((leaf) => leaf.account));
  const solvency = await solvencyOf(ports.funding, totals, leaves);
  return {
    epoch: head.epoch,
    opensAt: opensAt === undefined ? null : formatTime(opensAt),
    totals,
    rejections: await rejectedFees(ports, { head, ruleset }),
    movers: movers.sort(byChange).slice(0, 10),
    jumps: jumps.slice(0, 10),
    newAccounts: [...now.keys()].filter((account) => !known.has(account)).sort(compareAddresses),
    solvency,
    runway: solvency && (await runwayOf(ports, { ...solvency, asset: ruleset.asset })),
  };
}

/** What each account earned in the last closed epoch, in wei, from its artifacts. */
async function lastEarnings(ports: {
  readonly store: LedgerStore;
  readonly artifacts: ObjectStore;
}): Promise<Map<Address, bigint>> {
  const last = await lastClosedEpoch(ports.store);
  if (last === undefined) return new Map();
  const manifest = await readManifest(ports.artifacts, last);
  return earnedIn(ports.artifacts, { manifest, asset: manifest.ruleset.asset });
}

const recentEpochs = 7;

async function runwayOf(
  { store, artifacts }: { readonly store: LedgerStore; readonly artifacts: ObjectStore },
  { balance, owed, asset }: Solvency & { readonly asset: Address },
): Promise<Runway> {
  const earned: bigint[] = [];
  for await (const state of listEpochs(store)) {
    const { totals } = await readManifest(artifacts, state);
    earned.push(BigInt(totals.find((total) => total.asset === asset)?.earned ?? 0));
    if (earned.length === recentEpochs) break;
  }
  const of = earned.length;
  const surplus = balance > owed ? balance - owed : 0n;
  const mean = of === 0 ? 0n : earned.reduce((total, amount) => total + amount, 0n) / BigInt(of);
  return { surplus, mean, of, epochs: mean === 0n ? null : surplus / mean };
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
