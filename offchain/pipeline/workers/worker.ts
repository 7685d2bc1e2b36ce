import { type Address, compareAddresses, writeAddress, zeroAddress } from "../../core/address.ts";
import type { Hash } from "../../core/artifacts.ts";
import type { Ruleset } from "../../core/ruleset.ts";
import { invariant } from "../../errors.ts";
import { claimedSums, cumulatives, objects, openSums } from "../../store/keys.ts";
import { getOne, keyOf } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import { type Moment, momentKeys, momentOf } from "../claims/chain-standing.ts";
import { readHead } from "../ingest/ingest.ts";
import { togetherPerTurn } from "../operate/per-turn.ts";
import { ledgerBusy } from "../operate/steady.ts";
import { createOpenStateReader, type OpenStateReader } from "./open-state.ts";

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
};

/** What the ledger holds of an account's asset at one moment: closed in all, and Σ of final claims. */
export type LedgerAmounts = {
  readonly account: Address;
  readonly asset: Address;
  readonly cumulative: bigint | undefined;
  readonly claimed: bigint | undefined;
};

/** The chain at one moment. */
export type ChainAt = {
  /** Throws what reading proofs throws. */
  readonly amountsOf: (of: LedgerAmounts) => OnChainAmounts | Promise<OnChainAmounts>;
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
  /** The chain at a moment of the ledger, undefined when either has been read on since; for look-ups of many. */
  readonly at?: (moment: Moment) => Promise<ChainAt | undefined>;
  /** Walks everyone who ever claimed: for figures of the pool. */
  readonly totals: () => Promise<ChainTotals>;
  /** Every claim of the account, oldest first. Dear: for statements. */
  readonly claimsOf: (account: Address) => Promise<readonly WorkerClaim[]>;
  /** The newest claims of all, newest first, at most `limit`, of the time since `since` (ms since 1970). */
  readonly newestClaims: (query: NewestClaimsQuery) => Promise<readonly PlacedClaim[]>;
};

const nothingOnChain: OnChainAmounts = { posted: 0n, active: 0n, claimed: 0n };

/** The chain when none is configured: nothing is posted. */
export const noChainView: ChainView = {
  block: null,
  newestActive: async () => 0,
  stageOf: async () => "closed",
  amountsOf: async () => nothingOnChain,
  totals: async () => ({ posted: 0, active: 0, claimed: new Map() }),
  claimsOf: async () => [],
  newestClaims: async () => [],
};

/** What look-ups of workers are made from. */
export type WorkerPorts = {
  readonly store: LedgerStore;
  readonly chain: ChainView;
  readonly estimates: Estimates;
};

/**
 * Where an account stands: all of one moment, as of which the answer says it is. An account that never worked has zeros.
 * Throws `ledger-busy` when ledger and chain never stood still for long enough.
 */
export async function readWorker(
  ports: WorkerPorts,
  { account, ruleset }: { account: Address; ruleset: Ruleset },
): Promise<Worker> {
  const [worker] = await readWorkers(ports, { accounts: [account], ruleset });
  invariant(worker !== undefined, "A look-up of one account gave none.", { account });
  return worker;
}

/** `readWorker` of many, all of one moment, in their order; one whose proofs cannot be read fails by itself. */
export async function readWorkers(
  ports: WorkerPorts,
  query: { readonly accounts: readonly Address[]; readonly ruleset: Ruleset },
): Promise<readonly (Worker | Promise<Worker>)[]> {
  for (let tries = 1; tries <= triesAtMost; tries++) {
    const workers = await tryWorkers(ports, query, { loose: tries > 3 });
    if (workers !== undefined) return workers;
  }
  throw ledgerBusy({ tries: triesAtMost });
}

/** `readWorker` by the same rules for accounts that are asked for one by one: all of one turn are read together. */
export function createWorkerLookups(
  ports: WorkerPorts,
  ruleset: Ruleset,
): (account: Address) => Promise<Worker> {
  return togetherPerTurn((accounts) => readWorkers(ports, { accounts, ruleset }));
}

const triesAtMost = 20;

/** `readWorkers` with what is known of where to look; undefined when that was not enough, or something moved meanwhile. */
async function tryWorkers(
  { store, chain, estimates }: WorkerPorts,
  { accounts, ruleset: configured }: { accounts: readonly Address[]; ruleset: Ruleset },
  { loose }: { loose: boolean },
): Promise<(Worker | Promise<Worker>)[] | undefined> {
  const { partitions, assets } = estimates.known();
  const places = accountPlaces({ partitions, assets });
  const keys = accounts.flatMap((account) => places.map((place) => keyAt(place, account)));
  const values = await store.getMany([...momentKeys, ...keys]);
  const moment = momentOf(values);
  const { head } = moment;
  const { asset } = head.ruleset ?? configured;
  const state = await estimates.at(head, { ruleset: head.ruleset ?? configured, loose });
  if (state === undefined) return undefined;
  if (!covers(partitions, state.partitions) || !covers(assets, state.assets)) return undefined;
  const onChain = chain.at === undefined ? { amountsOf: chainAmounts(chain) } : await chain.at(moment);
  if (onChain === undefined) return undefined;
  const asOf = { object: state.newest, epoch: head.epoch - 1, block: chain.block };
  return accounts.map((account, index) => {
    const from = momentKeys.length + index * places.length;
    const own = decodeAmounts(values.slice(from, from + places.length), assets);
    const accruing = own.sums + (state.paired.get(account) ?? 0n);
    const shown = own.amounts.filter((one) => one.cumulative !== undefined || one.asset === asset);
    const amounts = shown.map((one) => onChain.amountsOf({ account, ...one }));
    const tell = (amounts: readonly OnChainAmounts[]): Worker => {
      const split = shown.map((one, at) => {
        const ledger = { accruing: one.asset === asset ? accruing : 0n, cumulative: one.cumulative ?? 0n };
        return fiveAmounts({ asset: one.asset, ...ledger }, amounts[at] ?? nothingOnChain);
      });
      return { account, assets: split.sort((a, b) => compareAddresses(a.asset, b.asset)), asOf };
    };
    // At once where nothing has to be read; otherwise, and when it fails, by itself.
    if (amounts.every(isHere)) return tell(amounts);
    return Promise.all(amounts).then(tell);
  });
}

function isHere(amounts: OnChainAmounts | Promise<OnChainAmounts>): amounts is OnChainAmounts {
  return !(amounts instanceof Promise);
}

function covers(asked: readonly string[], wanted: readonly string[]): boolean {
  return asked === wanted || wanted.every((one) => asked.includes(one));
}

function chainAmounts(chain: ChainView): ChainAt["amountsOf"] {
  return ({ account, asset }) => chain.amountsOf(account, asset);
}

/** The keys of everything that the ledger may have of the zero address: closed and claimed by asset, then open sums. */
function accountPlaces(where: { partitions: readonly string[]; assets: readonly Address[] }): Uint8Array[] {
  const account = zeroAddress;
  return [
    ...where.assets.flatMap((asset) => [
      keyOf(cumulatives, { account, asset }),
      keyOf(claimedSums, { account, asset }),
    ]),
    ...where.partitions.map((partition) => keyOf(openSums, { account, partition })),
  ];
}

/** The same key of another account, which stands right behind the prefix. */
function keyAt(place: Uint8Array, account: Address): Uint8Array {
  const key = Uint8Array.prototype.slice.call(place);
  writeAddress(account, key, 1);
  return key;
}

type OwnAmounts = { readonly sums: bigint; readonly amounts: readonly Omit<LedgerAmounts, "account">[] };

/** What the values at `accountPlaces` say: Σ earned in the open epoch without pairs, and what is closed and claimed. */
function decodeAmounts(values: readonly (Uint8Array | undefined)[], assets: readonly Address[]): OwnAmounts {
  let sums = 0n;
  for (const value of values.slice(2 * assets.length)) {
    if (value === undefined) continue;
    const { grossWei, commissionWei } = openSums.value.decode(value);
    sums += grossWei - commissionWei;
  }
  const amounts = assets.map((asset, index) => {
    const [cumulative, claimed] = [values[2 * index], values[2 * index + 1]];
    return {
      asset,
      cumulative: cumulative && cumulatives.value.decode(cumulative),
      claimed: claimed && claimedSums.value.decode(claimed),
    };
  });
  return { sums, amounts };
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
