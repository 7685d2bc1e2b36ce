import { type Address, compareAddresses } from "../core/address.ts";
import type { Hash } from "../core/artifacts.ts";
import type { Ruleset } from "../core/ruleset.ts";
import { invariant } from "../errors.ts";
import { cumulatives, heads, objects, openSums } from "../store/keys.ts";
import { getOne, keyOf } from "../store/keyspace.ts";
import type { LedgerStore } from "../store/ledger-store.ts";
import type { Head } from "../store/records.ts";
import { firstHead, readHead } from "./ingest.ts";
import { createOpenStateReader, type OpenStateReader } from "./open-state.ts";
import { ledgerBusy } from "./steady.ts";

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
export type OnChainAmounts = {
  readonly posted: bigint;
  readonly active: bigint;
  readonly claimed: bigint;
  /** The manifest of the newest closed epoch as of which this was found, null before any; left out where it is all one. */
  readonly closed?: Hash | null;
};

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

/** A claim, whose it is and where it stands on chain. */
export type PlacedClaim = WorkerClaim & { readonly account: Address; readonly logIndex: number };

/** Which claims of all are asked for: those before a place, or the newest; `since` in ms since 1970. */
export type NewestClaimsQuery = {
  readonly since: number;
  readonly before: Pick<PlacedClaim, "block" | "logIndex"> | undefined;
  readonly limit: number;
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
  /** The newest claims of all, newest first, at most `limit`, of the time since `since` (ms since 1970). */
  readonly newestClaims: (query: NewestClaimsQuery) => Promise<readonly PlacedClaim[]>;
};

/** The chain when none is configured: nothing is posted. */
export const noChainView: ChainView = {
  block: null,
  newestActive: async () => 0,
  stageOf: async () => "closed",
  amountsOf: async () => ({ posted: 0n, active: 0n, claimed: 0n }),
  totals: async () => ({ posted: 0, active: 0, claimed: new Map() }),
  claimsOf: async () => [],
  newestClaims: async () => [],
};

/**
 * Where an account stands: all of one moment, as of which the answer says it is. An account that never worked has zeros.
 * Throws `ledger-busy` when ledger and chain never stood still for long enough.
 */
export async function readWorker(
  ports: { store: LedgerStore; chain: ChainView; estimates: Estimates },
  query: { account: Address; ruleset: Ruleset },
): Promise<Worker> {
  for (let tries = 1; tries <= triesAtMost; tries++) {
    const worker = await tryWorker(ports, query, { loose: tries > 3 });
    if (worker !== undefined) return worker;
  }
  throw ledgerBusy({ tries: triesAtMost });
}

const triesAtMost = 20;

/** `readWorker` with what is known of where to look; undefined when that was not enough, or something moved meanwhile. */
async function tryWorker(
  { store, chain, estimates }: { store: LedgerStore; chain: ChainView; estimates: Estimates },
  { account, ruleset: configured }: { account: Address; ruleset: Ruleset },
  { loose }: { loose: boolean },
): Promise<Worker | undefined> {
  const { partitions, assets } = estimates.known();
  // Asked for in one turn, both come from one read of the store.
  const onChainOf = Promise.all(assets.map((asset) => chain.amountsOf(account, asset)));
  const [{ head, sums, amounts }, onChain] = await Promise.all([
    readAmounts(store, { account, partitions, assets }),
    onChainOf,
  ]);
  const ruleset = head.ruleset ?? configured;
  const state = await estimates.at(head, { ruleset, loose });
  if (state === undefined) return undefined;
  if (!covers(partitions, state.partitions) || !covers(assets, state.assets)) return undefined;
  const accruing = sums + (state.paired.get(account) ?? 0n);
  const shown: WorkerAsset[] = [];
  for (const [index, asset] of assets.entries()) {
    const [cumulative, chainAmounts] = [amounts[index], onChain[index]];
    if (chainAmounts === undefined || (cumulative === undefined && asset !== ruleset.asset)) continue;
    const { closed } = chainAmounts;
    if (closed !== undefined && closed !== head.previousManifest) return undefined;
    const ledger = { asset, accruing: asset === ruleset.asset ? accruing : 0n, cumulative: cumulative ?? 0n };
    shown.push(fiveAmounts(ledger, chainAmounts));
  }
  const asOf = { object: state.newest, epoch: head.epoch - 1, block: chain.block };
  return { account, assets: shown.sort((a, b) => compareAddresses(a.asset, b.asset)), asOf };
}

function covers(asked: readonly string[], wanted: readonly string[]): boolean {
  return asked === wanted || wanted.every((one) => asked.includes(one));
}

/** What the ledger has of an account at one moment: Σ earned in the open epoch by itself, and the closed amounts. */
async function readAmounts(
  store: LedgerStore,
  of: { account: Address; partitions: readonly string[]; assets: readonly Address[] },
): Promise<{ head: Head; sums: bigint; amounts: readonly (bigint | undefined)[] }> {
  const { account, partitions, assets } = of;
  const [head, ...values] = await store.getMany([
    keyOf(heads, "head"),
    ...assets.map((asset) => keyOf(cumulatives, { account, asset })),
    ...partitions.map((partition) => keyOf(openSums, { account, partition })),
  ]);
  let sums = 0n;
  for (const value of values.slice(assets.length)) {
    if (value === undefined) continue;
    const { grossWei, commissionWei } = openSums.value.decode(value);
    sums += grossWei - commissionWei;
  }
  const amounts = values.slice(0, assets.length).map((value) => value && cumulatives.value.decode(value));
  return { head: head === undefined ? firstHead : heads.value.decode(head), sums, amounts };
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

/** What look-ups of accounts share, kept until the ledger moves. */
export type Estimates = OpenStateReader & {
  /** What AI pairs would add to each account if the epoch closed now. */
  readonly paired: (ruleset: Ruleset) => Promise<ReadonlyMap<Address, bigint>>;
};

/** Finds what look-ups share once for each state of the ledger, however many accounts are asked for. */
export function createEstimates(store: LedgerStore): Estimates {
  const reader = createOpenStateReader(store);
  return {
    ...reader,
    paired: async (ruleset) => {
      for (let tries = 1; tries <= triesAtMost; tries++) {
        const state = await reader.at(await readHead(store), { ruleset, loose: tries > 3 });
        if (state !== undefined) return state.paired;
      }
      throw ledgerBusy({ tries: triesAtMost });
    },
  };
}
