import { accrueFee } from "../core/accrual/per-job-fee.ts";
import { type Address, compareAddresses } from "../core/address.ts";
import type { Hash } from "../core/artifacts.ts";
import type { Ruleset } from "../core/ruleset.ts";
import { invariant } from "../errors.ts";
import { cumulatives, objects, openSums, within } from "../store/keys.ts";
import { getOne, walk } from "../store/keyspace.ts";
import type { LedgerStore } from "../store/ledger-store.ts";
import { readHead } from "./ingest.ts";
import { correlateWaiting } from "./open-epoch.ts";

/** The five disjoint amounts of an account in one asset, in its smallest unit; they sum to `earned`. */
export type WorkerAsset = {
  readonly asset: Address;
  readonly earned: bigint;
  readonly accruing: bigint;
  readonly closed: bigint;
  readonly posted: bigint;
  readonly claimable: bigint;
  readonly claimed: bigint;
};

/** As of what an answer holds: the newest object read, the newest closed epoch, the newest block seen. */
export type AsOf = { readonly object: string | null; readonly epoch: number; readonly block: number | null };

/** What an account has, and as of what. */
export type Worker = {
  readonly account: Address;
  readonly assets: readonly WorkerAsset[];
  readonly asOf: AsOf;
};

/** What the chain says of an account's asset: amounts in the newest posted and active trees, and what was claimed. */
export type OnChainAmounts = { readonly posted: bigint; readonly active: bigint; readonly claimed: bigint };

/** A claim of an account; the amount in the asset's smallest unit, the time of its block in ms since 1970. */
export type WorkerClaim = {
  readonly asset: Address;
  /** The epoch it was made against. */
  readonly epoch: number;
  readonly amount: bigint;
  readonly transaction: Hash;
  readonly block: number;
  /** Null when the chain does not know the block (yet). */
  readonly time: number | null;
};

/** How far a closed epoch has come: not on chain, on chain with its delay running, or active for ever. */
export type EpochStage = "closed" | "posted" | "active";

/** What the chain says of everyone at one time: the newest posted and active epochs, 0 before any; Σ claims by asset. */
export type ChainTotals = {
  readonly posted: number;
  readonly active: number;
  readonly claimed: ReadonlyMap<Address, bigint>;
};

/** What the chain says of epochs and accounts, as far as it was read. */
export type ChainView = {
  /** The newest block seen, null before any. */
  readonly block: number | null;
  /** The newest epoch that can be claimed against; 0 before any. */
  readonly newestActive: () => Promise<number>;
  readonly stageOf: (epoch: number) => Promise<EpochStage>;
  readonly amountsOf: (account: Address, asset: Address) => Promise<OnChainAmounts>;
  /** Walks everyone who ever claimed: for figures of the pool. */
  readonly totals: () => Promise<ChainTotals>;
  /** Every claim of the account, oldest first. Dear: for statements. */
  readonly claimsOf: (account: Address) => Promise<readonly WorkerClaim[]>;
};

/** The chain when none is configured: nothing is posted. */
export const noChainView: ChainView = {
  block: null,
  newestActive: async () => 0,
  stageOf: async () => "closed",
  amountsOf: async () => ({ posted: 0n, active: 0n, claimed: 0n }),
  totals: async () => ({ posted: 0, active: 0, claimed: new Map() }),
  claimsOf: async () => [],
};

/** Where an account stands now. An account that never worked has zeros. */
export async function readWorker(
  ports: { store: LedgerStore; chain: ChainView; estimates: Estimates },
  query: { account: Address; ruleset: Ruleset },
): Promise<Worker> {
  const { store, chain } = ports;
  const { account } = query;
  const head = await readHead(store);
  const ruleset = head.ruleset ?? query.ruleset;
  const closedAmounts = new Map<Address, bigint>([[ruleset.asset, 0n]]);
  for await (const { key, value } of walk(store, cumulatives, { within: within.account(account) })) {
    closedAmounts.set(key.asset, value);
  }
  const accruing = await accruingOf(ports, { account, ruleset });
  const assets: WorkerAsset[] = [];
  for (const [asset, cumulative] of [...closedAmounts].sort(([a], [b]) => compareAddresses(a, b))) {
    const onChain = await chain.amountsOf(account, asset);
    const waiting = asset === ruleset.asset ? accruing : 0n;
    assets.push(fiveAmounts({ asset, accruing: waiting, cumulative }, onChain));
  }
  return { account, assets, asOf: await readAsOf(store, chain) };
}

/** As of what the ledger and the chain are known. */
export async function readAsOf(store: LedgerStore, chain: Pick<ChainView, "block">): Promise<AsOf> {
  const head = await readHead(store);
  const newest = head.nextOrdinal === 0 ? undefined : await getOne(store, objects, head.nextOrdinal - 1);
  return { object: newest?.key ?? null, epoch: head.epoch - 1, block: chain.block };
}

/** Splits what was earned, by one or by all: accruing + closed + posted + claimable + claimed. */
export function fiveAmounts(
  ledger: { asset: Address; accruing: bigint; cumulative: bigint },
  chain: OnChainAmounts,
): WorkerAsset {
  const { asset, accruing, cumulative } = ledger;
  const amounts = {
    accruing,
    closed: cumulative - chain.posted,
    posted: chain.posted - chain.active,
    claimable: chain.active - chain.claimed,
    claimed: chain.claimed,
  };
  for (const [state, amount] of Object.entries(amounts)) {
    invariant(amount >= 0n, "Less than nothing is in one state.", { state, amount, asset });
  }
  return { asset, earned: accruing + cumulative, ...amounts };
}

/** Estimates of what AI pairs add to the open epoch, kept until the ledger moves. */
export type Estimates = { readonly paired: (ruleset: Ruleset) => Promise<ReadonlyMap<Address, bigint>> };

/** Pairs the waiting AI events once for each state of the ledger, however many accounts are asked for. */
export function createEstimates(store: LedgerStore): Estimates {
  let known: { sequence: number; amounts: Promise<ReadonlyMap<Address, bigint>> } | undefined;
  return {
    paired: async (ruleset) => {
      const { sequence } = await readHead(store);
      if (known?.sequence !== sequence) known = { sequence, amounts: pairedEarnings(store, ruleset) };
      return known.amounts;
    },
  };
}

async function pairedEarnings(store: LedgerStore, ruleset: Ruleset): Promise<ReadonlyMap<Address, bigint>> {
  const amounts = new Map<Address, bigint>();
  const { pairs } = await correlateWaiting(store, ruleset);
  for (const { job, receipt } of pairs) {
    const { earnedWei } = accrueFee(job.feesWei, ruleset);
    amounts.set(receipt.account, (amounts.get(receipt.account) ?? 0n) + earnedWei);
  }
  return amounts;
}

async function accruingOf(
  ports: { store: LedgerStore; estimates: Estimates },
  query: { account: Address; ruleset: Ruleset },
): Promise<bigint> {
  let earned = (await ports.estimates.paired(query.ruleset)).get(query.account) ?? 0n;
  for await (const { value } of walk(ports.store, openSums, { within: within.account(query.account) })) {
    earned += value.grossWei - value.commissionWei;
  }
  return earned;
}
