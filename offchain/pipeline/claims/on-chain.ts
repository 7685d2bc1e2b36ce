import type { ClaimedLog } from "../../chain/distributor-chain.ts";
import type { Address } from "../../core/address.ts";
import { accountClaims, claimedSums, claims, postedEpochs, within } from "../../store/keys.ts";
import { getMany, getOne, walk } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import type { EpochState, PostedEpoch, ReadClaim } from "../../store/records.ts";
import { listEpochs } from "../close/epochs.ts";
import { sumByAsset } from "../operate/asset-sums.ts";
import { type ChainOverlay, postedEpochOf } from "./watch-claims.ts";

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
export async function claimedByAll(
  store: LedgerStore,
  overlay: ChainOverlay | undefined,
): Promise<ReadonlyMap<Address, bigint>> {
  const sums = await sumByAsset(store, claimedSums);
  for (const log of overlay?.logs ?? []) {
    if (log.kind === "claimed") sums.set(log.asset, (sums.get(log.asset) ?? 0n) + log.amount);
  }
  return sums;
}

/** Where a claim stands on chain. */
export type ClaimPlace = { readonly block: number; readonly logIndex: number };

/** A claim of an account, and whether it is final. */
export type AccountClaim = ReadClaim & ClaimPlace & { readonly final: boolean };

/** Every claim before a place, or all, the newest first. */
export async function* newestClaims(
  store: LedgerStore,
  overlay: ChainOverlay | undefined,
  before: ClaimPlace | undefined,
): AsyncGenerator<AccountClaim> {
  const isBefore = ({ block, logIndex }: ClaimPlace) =>
    before === undefined || block < before.block || (block === before.block && logIndex < before.logIndex);
  const unsure = (overlay?.logs ?? []).filter((log) => log.kind === "claimed").filter(isBefore);
  const newestFirst = (a: ClaimPlace, b: ClaimPlace) => b.block - a.block || b.logIndex - a.logIndex;
  for (const log of unsure.sort(newestFirst)) yield notFinal(log);
  const to = before === undefined ? {} : { to: claims.key.encode(before) };
  for await (const { key, value } of walk(store, claims, { ...to, reverse: true })) {
    yield { ...value, ...key, final: true };
  }
}

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
    claim === undefined ? [] : [{ ...claim, ...placeOf(places[index]), final: true }],
  );
  const unsure = (overlay?.logs ?? []).filter((log) => log.kind === "claimed" && log.account === account);
  return [...found, ...unsure.map((log) => notFinal(log as ClaimedLog))];
}

function placeOf(place: ClaimPlace | undefined): ClaimPlace {
  return { block: place?.block ?? 0, logIndex: place?.logIndex ?? 0 };
}

function notFinal(log: ClaimedLog): AccountClaim {
  const { account, asset, recipient, epoch, transaction, block, logIndex } = log;
  const amounts = { amount: log.amount.toString(), cumulative: log.cumulative.toString() };
  return { account, asset, recipient, epoch, ...amounts, transaction, block, logIndex, final: false };
}
