import { claimCall } from "../chain/calls.ts";
import type { ChainEpoch, DistributorChain } from "../chain/distributor-chain.ts";
import type { Address } from "../core/address.ts";
import type { Hash, ProofEntry } from "../core/artifacts.ts";
import { formatTime } from "../core/time.ts";
import { invariant, PayrootError } from "../errors.ts";
import type { ObjectStore } from "../objects/object-store.ts";
import { readProof } from "./proof.ts";
import { type TransactOptions, transact } from "./transact.ts";

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
  const { chain } = ports;
  const { epoch, root } = await activeEpoch(chain, options.epoch);
  const entries = await readProof(ports.artifacts, { epoch, root, account });
  const due: { entry: ProofEntry; claimedBefore: bigint }[] = [];
  for (const entry of entries) {
    const claimedBefore = await chain.claimed({ account, asset: entry.asset });
    if (BigInt(entry.cumulative) > claimedBefore) due.push({ entry, claimedBefore });
  }
  if (due.length === 0) throw nothingToClaim({ account, epoch, entries });
  const assets: AssetClaim[] = [];
  for (const { entry, claimedBefore } of due) {
    assets.push(await claimLeaf(chain, { account, epoch, entry, claimedBefore }, options));
  }
  return { account, epoch, state: options.broadcast ? "paid" : "dry", assets };
}

/** Claims one asset, or tries the call in a dry run. */
async function claimLeaf(
  chain: DistributorChain,
  due: { account: Address; epoch: number; entry: ProofEntry; claimedBefore: bigint },
  options: ClaimOptions,
): Promise<AssetClaim> {
  const { account, epoch, entry, claimedBefore } = due;
  const { asset, proof } = entry;
  const cumulative = BigInt(entry.cumulative);
  await checkPaused(chain, asset);
  const call = claimCall({ epoch, leaf: { account, asset, cumulative }, proof });
  await chain.simulate(call, options.signer?.address ?? account);
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

async function checkPaused(chain: DistributorChain, asset: Address): Promise<void> {
  const { pausedUntilSeconds } = await chain.asset(asset);
  const now = (await chain.block("latest"))?.timestampSeconds ?? 0;
  if (now >= pausedUntilSeconds) return;
  throw new PayrootError("claims-paused", "Claims of this asset are stopped for a while.", {
    facts: { asset, until: formatTime(pausedUntilSeconds * 1000) },
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
