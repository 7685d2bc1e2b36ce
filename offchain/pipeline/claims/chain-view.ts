import type { ObjectStore } from "../../objects/object-store.ts";
import { claimTimes } from "../../store/job-keys.ts";
import { claimedSums, cumulatives } from "../../store/keys.ts";
import { getOne, keyOf, put } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import type { EpochState, Head } from "../../store/records.ts";
import { requireEpoch } from "../close/epochs.ts";
import { ledgerBusy } from "../operate/steady.ts";
import type {
  ChainView,
  LedgerAmounts,
  OnChainAmounts,
  PlacedClaim,
  WorkerClaim,
} from "../workers/worker.ts";
import {
  createStandings,
  type Moment,
  momentKeys,
  momentOf,
  type Seen,
  type Standing,
  type Standings,
} from "./chain-standing.ts";
import {
  type AccountClaim,
  claimedByAll,
  claimsOf,
  newestClaims,
  newestOnChain,
  standingOf,
} from "./on-chain.ts";
import { createProofBook, type ProofBook } from "./proof-book.ts";
import {
  type ChainOverlay,
  mergedOverlay,
  storedOverlay,
  type WatchOptions,
  type WatchPorts,
  watchClaims,
} from "./watch-claims.ts";

/** The chain watched over time: `view` always answers from the newest look, each answer from one look. */
export type ChainWatch = {
  readonly view: ChainView;
  readonly overlay: () => ChainOverlay | undefined;
  /** Looks at the chain. When it throws, what was seen before stays. */
  readonly look: (options?: Omit<WatchOptions, "previous">) => Promise<ChainOverlay>;
};

/**
 * Watches the chain; until the first look it is as the store remembers it. `proofs` is the book that others read in, too;
 * one of its own when left out.
 */
export async function createChainWatch(
  ports: WatchPorts & { readonly artifacts: ObjectStore; readonly proofs?: ProofBook },
): Promise<ChainWatch> {
  const { store, chain, proofs = createProofBook(ports.artifacts) } = ports;
  let seen: Seen = { overlay: await storedOverlay(store) };
  const view = createView({ store, chain, proofs }, () => seen);
  return {
    view,
    overlay: () => seen.overlay,
    look: async (options = {}) => {
      const { overlay: previous } = seen;
      seen = { overlay: previous };
      const overlay = await watchClaims(ports, { ...options, previous });
      seen = { overlay };
      return overlay;
    },
  };
}

/** Reads of ledger and chain together, each of one moment. */
type ChainReads = {
  /** What `answer` makes of the standing and the values of `keys`. */
  readonly asOfOne: <T>(
    keys: readonly Uint8Array[],
    answer: (found: FoundStanding) => Promise<T> | T,
  ) => Promise<T>;
  /** What `answer` makes of an overlay that fits the store. */
  readonly consistently: <T>(answer: (overlay: ChainOverlay | undefined) => Promise<T>) => Promise<T>;
};

function createReads(
  store: LedgerStore,
  { seen, standingAt }: { readonly seen: () => Seen; readonly standingAt: Standings },
): ChainReads {
  const asOfOne: ChainReads["asOfOne"] = async <T>(
    keys: readonly Uint8Array[],
    answer: (found: FoundStanding) => Promise<T> | T,
  ): Promise<T> => {
    for (let tries = 1; tries <= triesAtMost; tries++) {
      const values = await store.getMany([...momentKeys, ...keys]);
      const moment = momentOf(values);
      const standing = await standingAt(moment);
      if (standing !== undefined)
        return answer({ ...moment, standing, values: values.slice(momentKeys.length) });
    }
    throw ledgerBusy({ tries: triesAtMost });
  };
  // A look moves claims from the overlay into the store range by range. An answer that was made while it did so could
  // count a claim twice, so it is made again.
  const consistently: ChainReads["consistently"] = async <T>(
    answer: (overlay: ChainOverlay | undefined) => Promise<T>,
  ): Promise<T> => {
    for (;;) {
      const before = await storedOverlay(store);
      const result = await answer(
        before === undefined ? undefined : mergedOverlay(seen().overlay, before.cursor),
      );
      if ((await storedOverlay(store))?.cursor.block === before?.cursor.block) return result;
    }
  };
  return { asOfOne, consistently };
}

function createView(
  { store, chain, proofs }: WatchPorts & { readonly proofs: ProofBook },
  seen: () => Seen,
): ChainView {
  const standingAt = createStandings(store, seen);
  const { asOfOne, consistently } = createReads(store, { seen, standingAt });
  const timeOf = createClaimClock({ store, chain });
  return {
    get block() {
      return seen().overlay?.latest.number ?? null;
    },
    newestActive: () => asOfOne([], ({ standing }) => standing.active?.epoch ?? 0),
    stageOf: async (epoch) => {
      const newest = await asOfOne([], ({ standing }) => standing);
      if (newest.active?.epoch === epoch) return "active";
      if (newest.posted?.epoch === epoch) return "posted";
      return consistently(async (overlay) => {
        const { state } = await standingOf(store, overlay, await requireEpoch(store, epoch));
        return state === "conflicting" ? "closed" : state;
      });
    },
    amountsOf: async (account, asset) => {
      const of = { account, asset };
      return asOfOne([keyOf(cumulatives, of), keyOf(claimedSums, of)], ({ head, standing, values }) => {
        const [cumulative, claimed] = values;
        const ledger = {
          cumulative: cumulative && cumulatives.value.decode(cumulative),
          claimed: claimed && claimedSums.value.decode(claimed),
        };
        return amountsAt({ proofs, head, standing }, { ...of, ...ledger });
      });
    },
    at: async (moment) => {
      const standing = await standingAt(moment);
      const { head } = moment;
      return standing && { amountsOf: (of) => amountsAt({ proofs, head, standing }, of) };
    },
    totals: () =>
      consistently(async (overlay) => {
        const { posted, active } = await newestOnChain(store, overlay);
        const claimed = await claimedByAll(store, overlay);
        return { posted: posted?.epoch ?? 0, active: active?.epoch ?? 0, claimed };
      }),
    claimsOf: async (account) => {
      const found = await consistently((overlay) => claimsOf(store, overlay, account));
      const claims: WorkerClaim[] = [];
      for (const claim of found) claims.push(workerClaim(claim, await timeOf(claim)));
      return claims;
    },
    newestClaims: ({ since, before, limit }) =>
      consistently(async (overlay) => {
        const claims: PlacedClaim[] = [];
        for await (const claim of newestClaims(store, overlay, before)) {
          const time = await timeOf(claim);
          if (claims.length === limit || (time !== null && time < since)) break;
          const { account, logIndex } = claim;
          claims.push({ ...workerClaim(claim, time), account, logIndex });
        }
        return claims;
      }),
  };
}

function workerClaim(
  { asset, epoch, amount, transaction, block }: AccountClaim,
  time: number | null,
): WorkerClaim {
  return { asset, epoch, amount: BigInt(amount), transaction, block, time };
}

type FoundStanding = Moment & {
  readonly standing: Standing;
  readonly values: readonly (Uint8Array | undefined)[];
};

const triesAtMost = 20;

/** When the block of a claim was made (ms since 1970), null while the RPC does not know it; keeps those of final ones. */
function createClaimClock({
  store,
  chain,
}: WatchPorts): (claim: Pick<AccountClaim, "block" | "final">) => Promise<number | null> {
  return async ({ block: number, final }) => {
    const known = final ? await getOne(store, claimTimes, number) : undefined;
    if (known !== undefined) return known * 1000;
    const block = await chain.block(number);
    if (block === undefined) return null;
    const { timestampSeconds } = block;
    if (final) await store.write([put(claimTimes, number, timestampSeconds)], { durable: false });
    return timestampSeconds * 1000;
  };
}

/** What the chain says of an account's asset at one moment, of which `of` has what the ledger holds. */
function amountsAt(
  at: { readonly proofs: ProofBook; readonly head: Head; readonly standing: Standing },
  of: LedgerAmounts,
): OnChainAmounts | Promise<OnChainAmounts> {
  const { posted, active } = at.standing;
  const claimed = (of.claimed ?? 0n) + at.standing.unsettled(of);
  const [postedAmount, activeAmount] = [amountIn(at, posted, of), amountIn(at, active, of)];
  if (typeof postedAmount === "bigint" && typeof activeAmount === "bigint") {
    return { posted: postedAmount, active: activeAmount, claimed };
  }
  return Promise.all([postedAmount, activeAmount]).then(([posted, active]) => ({ posted, active, claimed }));
}

function amountIn(
  { proofs, head }: { readonly proofs: ProofBook; readonly head: Head },
  epoch: EpochState | undefined,
  { account, asset, cumulative = 0n }: LedgerAmounts,
): bigint | Promise<bigint> {
  if (epoch === undefined) return 0n;
  // As of the newest closed epoch the ledger has it at hand: epoch and leaves were written as one.
  if (epoch.epoch === head.epoch - 1) return cumulative;
  const found = proofs.find(epoch, account);
  return found instanceof Promise ? found.then((one) => one.amountOf(asset)) : found.amountOf(asset);
}
