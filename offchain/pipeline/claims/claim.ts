import { claimCall } from "../../chain/calls.ts";
import type { ChainEpoch, DistributorCall, DistributorChain } from "../../chain/distributor-chain.ts";
import type { Address } from "../../core/address.ts";
import type { Hash, ProofEntry } from "../../core/artifacts.ts";
import { formatTime } from "../../core/time.ts";
import { invariant, PayrootError } from "../../errors.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import { type TransactOptions, transact } from "../publish/transact.ts";
import { readProof } from "./proof.ts";

/** What claiming works on: published files, wherever they are, and the chain. No data directory. */
export type ClaimPorts = { readonly artifacts: ObjectStore; readonly chain: DistributorChain };

/** How a claim is made. Without `broadcast` nothing is signed or sent; anyone may be the signer. */
export type ClaimOptions = TransactOptions & {
  /** The epoch to claim against; the newest active one when left out. */
  readonly epoch?: number;
  readonly broadcast: boolean;
};

/** One asset of a claim; amounts in its smallest unit. `amount` is what it pays, or would pay in a dry run. */
export type AssetClaim = {
  readonly asset: Address;
  readonly cumulative: bigint;
  readonly claimedBefore: bigint;
  readonly amount: bigint;
  readonly recipient: Address;
  readonly transaction: Hash | null;
  readonly block: number | null;
  readonly feeWei: bigint | null;
};

/** What was claimed, or would be. */
export type ClaimReport = {
  readonly account: Address;
  readonly epoch: number;
  readonly state: "dry" | "paid";
  readonly assets: readonly AssetClaim[];
};

/**
 * Claims all that an account has coming, from published files alone: each proof is folded to the root on chain and the
 * call tried before anything is signed. The contract pays a leaf once, so claiming again is never paid again. Throws
 * `epoch-not-active`, `nothing-to-claim`, `proof-mismatch`, `claims-paused`, `call-reverted` and what `transact` throws.
 */
export async function claim(
  ports: ClaimPorts,
  account: Address,
  options: ClaimOptions,
): Promise<ClaimReport> {
  const { epoch, due } = await dueOf(ports, account, options.epoch);
  const assets: AssetClaim[] = [];
  for (const one of due) assets.push(await claimLeaf(ports.chain, { account, epoch, ...one }, options));
  return { account, epoch, state: options.broadcast ? "paid" : "dry", assets };
}

/** The calls that would claim it all, each tried, for signing elsewhere. Throws what a dry `claim` throws. */
export async function claimCalls(
  ports: ClaimPorts,
  account: Address,
  wanted?: number,
): Promise<{ readonly epoch: number; readonly calls: readonly DistributorCall[] }> {
  const { epoch, due } = await dueOf(ports, account, wanted);
  const calls: DistributorCall[] = [];
  for (const { entry } of due) calls.push(await triedCall(ports.chain, { account, epoch, entry }, account));
  return { epoch, calls };
}

type DueLeaf = { readonly entry: ProofEntry; readonly claimedBefore: bigint };

/** What an account has coming by an active epoch, each proof folded to its root. Throws `nothing-to-claim`. */
async function dueOf(
  { artifacts, chain }: ClaimPorts,
  account: Address,
  wanted: number | undefined,
): Promise<{ epoch: number; due: readonly DueLeaf[] }> {
  const { epoch, root } = await activeEpoch(chain, wanted);
  const entries = await readProof(artifacts, { epoch, root, account });
  const due: DueLeaf[] = [];
  for (const entry of entries) {
    const claimedBefore = await chain.claimed({ account, asset: entry.asset });
    if (BigInt(entry.cumulative) > claimedBefore) due.push({ entry, claimedBefore });
  }
  if (due.length === 0) throw nothingToClaim({ account, epoch, entries });
  return { epoch, due };
}

/** The call that claims one asset, after the contract has taken it in a trial. */
async function triedCall(
  chain: DistributorChain,
  { account, epoch, entry }: { account: Address; epoch: number; entry: ProofEntry },
  from: Address,
): Promise<DistributorCall> {
  const { asset, proof } = entry;
  const until = await pausedUntil(chain, asset);
  if (until !== undefined) throw claimsPaused(asset, until);
  const call = claimCall({ epoch, leaf: { account, asset, cumulative: BigInt(entry.cumulative) }, proof });
  await chain.simulate(call, from);
  return call;
}

/** Claims one asset, or tries the call in a dry run. */
async function claimLeaf(
  chain: DistributorChain,
  due: DueLeaf & { account: Address; epoch: number },
  options: ClaimOptions,
): Promise<AssetClaim> {
  const { account, entry, claimedBefore } = due;
  const { asset } = entry;
  const cumulative = BigInt(entry.cumulative);
  const call = await triedCall(chain, due, options.signer?.address ?? account);
  if (!options.broadcast) {
    const would = { amount: cumulative - claimedBefore, recipient: await chain.recipientOf(account) };
    return { asset, cumulative, claimedBefore, ...would, transaction: null, block: null, feeWei: null };
  }
  const receipt = await transact(chain, call, options);
  const paid = receipt.logs.find((log) => log.kind === "claimed" && log.account === account);
  invariant(paid?.kind === "claimed", "A claim succeeded without a log.", { account, asset });
  const { amount, recipient } = paid;
  const { transaction, block, feeWei } = receipt;
  return { asset, cumulative, claimedBefore, amount, recipient, transaction, block, feeWei };
}

/** An active epoch: the given one, or the newest. Throws `epoch-not-active`. */
export async function activeEpoch(
  chain: DistributorChain,
  wanted?: number,
): Promise<{ epoch: number; root: Hash }> {
  const now = (await chain.block("latest"))?.timestampSeconds ?? 0;
  const latest = await chain.latestEpoch();
  let waiting: (ChainEpoch & { epoch: number }) | undefined;
  for (let epoch = wanted ?? latest; epoch > 0; epoch -= 1) {
    const standing = await chain.epoch(epoch);
    if (standing !== undefined && standing.activatesAtSeconds <= now) return { epoch, root: standing.root };
    if (standing !== undefined) waiting = { ...standing, epoch };
    if (wanted !== undefined) break;
  }
  throw epochNotActive({ wanted, latest, waiting });
}

/** Until when claims of an asset are stopped (seconds since 1970); undefined when they are not. */
export async function pausedUntil(chain: DistributorChain, asset: Address): Promise<number | undefined> {
  const { pausedUntilSeconds } = await chain.asset(asset);
  const now = (await chain.block("latest"))?.timestampSeconds ?? 0;
  return now >= pausedUntilSeconds ? undefined : pausedUntilSeconds;
}

/** The error for an asset whose claims are stopped until then (seconds since 1970). */
export function claimsPaused(asset: Address, untilSeconds: number): PayrootError {
  return new PayrootError("claims-paused", "Claims of this asset are stopped for a while.", {
    facts: { asset, until: formatTime(untilSeconds * 1000) },
    next: "claim again after that time: the pause ends by itself and nothing is lost",
    retryable: true,
  });
}

function epochNotActive(about: {
  wanted: number | undefined;
  latest: number;
  waiting: (ChainEpoch & { epoch: number }) | undefined;
}): PayrootError {
  const { wanted, latest, waiting } = about;
  const activatesAt = waiting === undefined ? undefined : formatTime(waiting.activatesAtSeconds * 1000);
  const sentence =
    waiting !== undefined
      ? "The epoch was posted and cannot be claimed against yet."
      : "No epoch that could be claimed against is on chain.";
  return new PayrootError("epoch-not-active", sentence, {
    facts: { epoch: wanted ?? waiting?.epoch, "newest on chain": latest, activatesAt },
    next: waiting !== undefined ? "claim again after that time" : "wait until the pool posts an epoch",
    retryable: waiting !== undefined,
  });
}

function nothingToClaim(about: {
  account: Address;
  epoch: number;
  entries: readonly ProofEntry[];
}): PayrootError {
  const { account, epoch, entries } = about;
  const amounts = entries.map(({ asset, cumulative }) => [`received of ${asset}`, cumulative]);
  const sentence =
    entries.length === 0
      ? "The account has earned nothing up to this epoch."
      : "The account has received everything up to this epoch.";
  return new PayrootError("nothing-to-claim", sentence, {
    facts: { account, epoch, ...Object.fromEntries(amounts) },
    next: "see what waits with: payroot worker show",
  });
}
