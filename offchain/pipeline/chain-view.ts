import type { ClaimedLog, DistributorChain } from "../chain/distributor-chain.ts";
import type { Address } from "../core/address.ts";
import type { ObjectStore } from "../objects/object-store.ts";
import { accountClaims, claimedSums, claims, postedEpochs, within } from "../store/keys.ts";
import { getMany, getOne, walk } from "../store/keyspace.ts";
import type { LedgerStore } from "../store/ledger-store.ts";
import type { EpochState, PostedEpoch, ReadClaim } from "../store/records.ts";
import { listEpochs, requireEpoch } from "./epochs.ts";
import { readProof } from "./proof.ts";
import {
  type ChainOverlay,
  mergedOverlay,
  postedEpochOf,
  storedOverlay,
  type WatchOptions,
  type WatchPorts,
  watchClaims,
} from "./watch-claims.ts";
import type { ChainView, WorkerClaim } from "./worker.ts";

/**
 * How a closed epoch stands: not on chain, posted with its delay running, active, or `conflicting` when the chain holds
 * something else under its number. `final` is false while a reorganisation can still change it.
 */
export type EpochStanding = {
  readonly epoch: EpochState;
  readonly state: "closed" | "posted" | "active" | "conflicting";
  readonly onChain: PostedEpoch | null;
  readonly final: boolean;
};

/** Every closed epoch with how it stands, newest first, from `before` down; all without it. */
export async function* epochStates(
  store: LedgerStore,
  overlay: ChainOverlay | undefined,
  before?: number,
): AsyncGenerator<EpochStanding> {
  for await (const epoch of listEpochs(store, before)) yield standingOf(store, overlay, epoch);
}

/** How one closed epoch stands. */
export async function standingOf(
  store: LedgerStore,
  overlay: ChainOverlay | undefined,
  epoch: EpochState,
): Promise<EpochStanding> {
  const stored = await getOne(store, postedEpochs, epoch.epoch);
  let onChain = stored;
  for (const log of overlay?.logs ?? []) {
    if (log.kind === "posted" && log.epoch === epoch.epoch) onChain = postedEpochOf(log);
    if (log.kind === "revoked" && log.epoch <= epoch.epoch && epoch.epoch <= log.last) onChain = undefined;
  }
  const final = onChain === stored;
  if (onChain === undefined) return { epoch, state: "closed", onChain: null, final };
  const ours = onChain.manifestHash === epoch.manifestHash && onChain.root === epoch.root;
  const now = overlay?.latest.timestampSeconds ?? 0;
  const state = !ours ? "conflicting" : onChain.activatesAtSeconds <= now ? "active" : "posted";
  return { epoch, state, onChain, final };
}

/** The newest of our epochs that stands on chain, and the newest that is active. */
export async function newestOnChain(
  store: LedgerStore,
  overlay: ChainOverlay | undefined,
): Promise<{ posted: EpochState | undefined; active: EpochState | undefined }> {
  let posted: EpochState | undefined;
  for await (const { epoch, state } of epochStates(store, overlay)) {
    if (state === "posted" || state === "active") posted ??= epoch;
    if (state === "active") return { posted, active: epoch };
  }
  return { posted, active: undefined };
}

/** What an account has received of an asset in its smallest unit: for good, and with what is not final yet. */
export async function claimedTotals(
  store: LedgerStore,
  overlay: ChainOverlay | undefined,
  of: { readonly account: Address; readonly asset: Address },
): Promise<{ readonly final: bigint; readonly latest: bigint }> {
  const final = (await getOne(store, claimedSums, of)) ?? 0n;
  let latest = final;
  for (const log of overlay?.logs ?? []) {
    if (log.kind === "claimed" && log.account === of.account && log.asset === of.asset) latest += log.amount;
  }
  return { final, latest };
}

/** What all have received together, by asset in its smallest unit, with what is not final yet. */
async function claimedByAll(
  store: LedgerStore,
  overlay: ChainOverlay | undefined,
): Promise<ReadonlyMap<Address, bigint>> {
  const sums = new Map<Address, bigint>();
  const add = (asset: Address, amount: bigint) => sums.set(asset, (sums.get(asset) ?? 0n) + amount);
  for await (const { key, value } of walk(store, claimedSums)) add(key.asset, value);
  for (const log of overlay?.logs ?? []) if (log.kind === "claimed") add(log.asset, log.amount);
  return sums;
}

/** A claim of an account, and whether it is final. */
export type AccountClaim = ReadClaim & { readonly block: number; readonly final: boolean };

/** Every claim of an account in chain order. */
export async function claimsOf(
  store: LedgerStore,
  overlay: ChainOverlay | undefined,
  account: Address,
): Promise<AccountClaim[]> {
  const own = await Array.fromAsync(walk(store, accountClaims, { within: within.account(account) }));
  const places = own.map(({ key }) => key);
  // A look that begins anew may have forgotten a claim in between; whoever must not see that asks again.
  const found = (await getMany(store, claims, places)).flatMap((claim, index) =>
    claim === undefined ? [] : [{ ...claim, block: places[index]?.block ?? 0, final: true }],
  );
  const unsure = (overlay?.logs ?? []).filter((log) => log.kind === "claimed" && log.account === account);
  return [...found, ...unsure.map((log) => notFinal(log as ClaimedLog))];
}

function notFinal(log: ClaimedLog): AccountClaim {
  const { account, asset, recipient, epoch, transaction, block } = log;
  const amounts = { amount: log.amount.toString(), cumulative: log.cumulative.toString() };
  return { account, asset, recipient, epoch, ...amounts, transaction, block, final: false };
}

/** What an account may have received, by asset, as of an epoch. */
export type LeafReader = (epoch: EpochState, account: Address) => Promise<ReadonlyMap<Address, bigint>>;

/** Reads leaves from published proofs, each folded to its epoch's root, and remembers the last 20,000 accounts. */
export function createLeafReader(artifacts: ObjectStore): LeafReader {
  const known = new Map<string, ReadonlyMap<Address, bigint>>();
  return async ({ epoch, root }, account) => {
    const name = `${root} ${account}`;
    const remembered = known.get(name);
    if (remembered !== undefined) return remembered;
    const entries = await readProof(artifacts, { epoch, root, account });
    const leaves = new Map(entries.map(({ asset, cumulative }) => [asset, BigInt(cumulative)]));
    if (known.size >= mostRemembered) known.delete(known.keys().next().value ?? "");
    known.set(name, leaves);
    return leaves;
  };
}

const mostRemembered = 20_000;

/** When the block of a claim was made (ms since 1970), null while the RPC does not know it; remembers final ones. */
function createClaimClock(chain: DistributorChain): (claim: AccountClaim) => Promise<number | null> {
  const known = new Map<number, number>();
  return async ({ block: number, final }) => {
    const remembered = known.get(number);
    if (remembered !== undefined) return remembered;
    const block = await chain.block(number);
    if (block === undefined) return null;
    const time = block.timestampSeconds * 1000;
    if (known.size >= mostRemembered) known.delete(known.keys().next().value ?? 0);
    if (final) known.set(number, time);
    return time;
  };
}

/** The chain watched over time: `view` always answers from the newest look, each answer from one look. */
export type ChainWatch = {
  readonly view: ChainView;
  readonly overlay: () => ChainOverlay | undefined;
  /** Looks at the chain. When it throws, what was seen before stays. */
  readonly look: (options?: Omit<WatchOptions, "previous">) => Promise<ChainOverlay>;
};

/** Watches the chain; until the first look it is as the store remembers it. */
export async function createChainWatch(
  ports: WatchPorts & { readonly artifacts: ObjectStore },
): Promise<ChainWatch> {
  const { store, artifacts } = ports;
  const leavesOf = createLeafReader(artifacts);
  const timeOf = createClaimClock(ports.chain);
  let overlay = await storedOverlay(store);
  // A look moves claims from the overlay into the store range by range. An answer that was made while it did so could
  // count a claim twice, so it is made again.
  const consistently = async <T>(answer: (seen: ChainOverlay | undefined) => Promise<T>): Promise<T> => {
    for (;;) {
      const before = await storedOverlay(store);
      const result = await answer(before === undefined ? undefined : mergedOverlay(overlay, before.cursor));
      if ((await storedOverlay(store))?.cursor.block === before?.cursor.block) return result;
    }
  };
  const view: ChainView = {
    get block() {
      return overlay?.latest.number ?? null;
    },
    newestActive: () => consistently(async (seen) => (await newestOnChain(store, seen)).active?.epoch ?? 0),
    stageOf: (epoch) =>
      consistently(async (seen) => {
        const { state } = await standingOf(store, seen, await requireEpoch(store, epoch));
        return state === "conflicting" ? "closed" : state;
      }),
    amountsOf: (account, asset) =>
      consistently(async (seen) => {
        const { posted, active } = await newestOnChain(store, seen);
        const amountIn = async (epoch: EpochState | undefined): Promise<bigint> =>
          epoch === undefined ? 0n : ((await leavesOf(epoch, account)).get(asset) ?? 0n);
        const { latest: claimed } = await claimedTotals(store, seen, { account, asset });
        return { posted: await amountIn(posted), active: await amountIn(active), claimed };
      }),
    totals: () =>
      consistently(async (seen) => {
        const { posted, active } = await newestOnChain(store, seen);
        const claimed = await claimedByAll(store, seen);
        return { posted: posted?.epoch ?? 0, active: active?.epoch ?? 0, claimed };
      }),
    claimsOf: async (account) => {
      const found = await consistently((seen) => claimsOf(store, seen, account));
      const claims: WorkerClaim[] = [];
      for (const claim of found) {
        const { asset, epoch, amount, transaction, block } = claim;
        const time = await timeOf(claim);
        claims.push({ asset, epoch, amount: BigInt(amount), transaction, block, time });
      }
      return claims;
    },
  };
  return {
    view,
    overlay: () => overlay,
    look: async (options = {}) => {
      overlay = await watchClaims(ports, { ...options, previous: overlay });
      return overlay;
    },
  };
}
