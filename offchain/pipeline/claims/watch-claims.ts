import type {
  Block,
  ClaimedLog,
  DistributorChain,
  DistributorLog,
  LogPage,
} from "../../chain/distributor-chain.ts";
import { append } from "../../core/append.ts";
import { exitCodes, type Facts, PayrootError } from "../../errors.ts";
import { accountClaims, chainCursors, claimedSums, claims, postedEpochs } from "../../store/keys.ts";
import { del, getMany, getOne, put, walk } from "../../store/keyspace.ts";
import type { LedgerStore, StoreWrite } from "../../store/ledger-store.ts";
import type { ChainCursor, PostedEpoch, ReadClaim } from "../../store/records.ts";
import { rpcLagging } from "../publish/find-posting.ts";

/** What watching works on. */
export type WatchPorts = { readonly store: LedgerStore; readonly chain: DistributorChain };

/**
 * The chain as last seen: what is final is in the store, up to `cursor`; `logs` stand after it, up to `latest`, and may
 * still be undone.
 */
export type ChainOverlay = {
  readonly cursor: ChainCursor;
  readonly latest: Pick<Block, "number" | "timestampSeconds">;
  readonly logs: readonly DistributorLog[];
};

/** How the chain is watched; `previous` is the last overlay of this process. */
export type WatchOptions = {
  readonly previous?: ChainOverlay | undefined;
  readonly signal?: AbortSignal;
  readonly onProgress?: (read: { readonly block: number; readonly finalized: number }) => void;
};

/**
 * Reads the distributor's logs: up to the finalized block into the store, each range in one atomic write, and those
 * after it into the overlay. An RPC that lags or goes back changes nothing: what was seen stays until the chain is
 * longer. Throws `chain-differs`, `chain-history-changed`, `claim-logs-incomplete`, `rpc-lagging`.
 */
export async function watchClaims(ports: WatchPorts, options: WatchOptions = {}): Promise<ChainOverlay> {
  const { chain } = ports;
  const { previous, signal } = options;
  let cursor = await checkedCursor(ports);
  const latest = await chain.block("latest");
  const finalized = await chain.block("finalized");
  if (latest === undefined || finalized === undefined) throw rpcLagging({});
  for await (const page of chain.logs({ from: cursor.block + 1, to: finalized.number })) {
    signal?.throwIfAborted();
    cursor = await takeIn(ports, page);
    options.onProgress?.({ block: cursor.block, finalized: finalized.number });
  }
  if (previous !== undefined && latest.number < previous.latest.number)
    return mergedOverlay(previous, cursor);
  if (latest.number <= cursor.block) return overlayAt(cursor);
  const logs: DistributorLog[] = [];
  for await (const page of chain.logs({ from: cursor.block + 1, to: latest.number })) {
    signal?.throwIfAborted();
    append(logs, page.logs);
  }
  return { cursor, latest, logs };
}

/** The chain as the store knows it, before the RPC was asked; undefined when it was never read. */
export async function storedOverlay(store: LedgerStore): Promise<ChainOverlay | undefined> {
  const cursor = await getOne(store, chainCursors, "cursor");
  return cursor === undefined ? undefined : overlayAt(cursor);
}

function overlayAt(cursor: ChainCursor): ChainOverlay {
  return { cursor, latest: { number: cursor.block, timestampSeconds: cursor.timestampSeconds }, logs: [] };
}

/** An overlay over a store that may have been read further since. */
export function mergedOverlay(previous: ChainOverlay | undefined, cursor: ChainCursor): ChainOverlay {
  if (previous === undefined || previous.latest.number <= cursor.block) return overlayAt(cursor);
  return { ...previous, cursor, logs: previous.logs.filter(({ block }) => block > cursor.block) };
}

/** The cursor, which must be of this distributor and of the chain as it is now. */
async function checkedCursor({ store, chain }: WatchPorts): Promise<ChainCursor> {
  const { chainId, distributor } = chain;
  const block = Math.max(chain.deployedAtBlock - 1, 0);
  const known = await getOne(store, chainCursors, "cursor");
  if (known === undefined) return { chainId, distributor, block, blockHash: null, timestampSeconds: 0 };
  if (known.chainId !== chainId || known.distributor.toLowerCase() !== distributor.toLowerCase()) {
    const { chainId: knownChain, distributor: knownDistributor } = known;
    throw chainDiffers({ chainId, distributor, knownChain, knownDistributor });
  }
  // A block the RPC does not know yet is no contradiction: it lags.
  const now = known.blockHash === null ? undefined : await chain.block(known.block);
  if (now !== undefined && now.hash !== known.blockHash) {
    throw historyChanged({ block: known.block, expected: known.blockHash ?? "", found: now.hash });
  }
  return known;
}

/** Adds a range of final blocks to the store, with the cursor, all or nothing. */
async function takeIn({ store, chain }: WatchPorts, page: LogPage): Promise<ChainCursor> {
  const end = await chain.block(page.to);
  if (end === undefined) throw rpcLagging({ block: page.to });
  const writes: StoreWrite[] = [];
  for (const log of page.logs) {
    if (log.kind === "posted") writes.push(put(postedEpochs, log.epoch, postedEpochOf(log)));
    if (log.kind === "claimed") writes.push(put(claims, log, claimOf(log)), put(accountClaims, log, true));
    if (log.kind === "revoked") {
      for (let epoch = log.epoch; epoch <= log.last; epoch += 1) writes.push(del(postedEpochs, epoch));
    }
  }
  const claimed = page.logs.filter((log) => log.kind === "claimed");
  const sums = await addUp(store, claimed);
  for (const { account, asset, sum } of sums.values()) writes.push(put(claimedSums, { account, asset }, sum));
  const cursor: ChainCursor = {
    chainId: chain.chainId,
    distributor: chain.distributor,
    block: page.to,
    blockHash: end.hash,
    timestampSeconds: end.timestampSeconds,
  };
  writes.push(put(chainCursors, "cursor", cursor));
  await store.write(writes, { durable: true });
  return cursor;
}

type Sum = Pick<ClaimedLog, "account" | "asset"> & { readonly sum: bigint };

/** New sums of the accounts in `logs`. Each log tells its account's sum, so a log that was left out shows. */
async function addUp(store: LedgerStore, logs: readonly ClaimedLog[]): Promise<ReadonlyMap<string, Sum>> {
  const known = await getMany(store, claimedSums, logs);
  const sums = new Map<string, Sum>();
  for (const [index, { account, asset, amount, cumulative }] of logs.entries()) {
    const name = `${account} ${asset}`;
    const sum = (sums.get(name)?.sum ?? known[index] ?? 0n) + amount;
    if (sum !== cumulative) {
      await forgetChain(store);
      throw logsIncomplete({ account, asset, read: sum, expected: cumulative });
    }
    sums.set(name, { account, asset, sum });
  }
  return sums;
}

/** Forgets what was read of the chain, all or nothing: the next look begins anew. */
async function forgetChain(store: LedgerStore): Promise<void> {
  const writes: StoreWrite[] = [del(chainCursors, "cursor")];
  for await (const { key } of walk(store, claims)) writes.push(del(claims, key));
  for await (const { key } of walk(store, accountClaims)) writes.push(del(accountClaims, key));
  for await (const { key } of walk(store, claimedSums)) writes.push(del(claimedSums, key));
  for await (const { key } of walk(store, postedEpochs)) writes.push(del(postedEpochs, key));
  await store.write(writes, { durable: true });
}

/** An epoch as its log tells of it. */
export function postedEpochOf(log: Extract<DistributorLog, { kind: "posted" }>): PostedEpoch {
  const { recordHash, activatesAtSeconds, transaction, block, record } = log;
  const { manifestHash, root } = record;
  return { recordHash, manifestHash, root, activatesAtSeconds, transaction, block };
}

function claimOf({
  account,
  asset,
  recipient,
  epoch,
  amount,
  cumulative,
  transaction,
}: ClaimedLog): ReadClaim {
  const amounts = { amount: amount.toString(), cumulative: cumulative.toString() };
  return { account, asset, recipient, epoch, ...amounts, transaction };
}

function chainDiffers(facts: Facts): PayrootError {
  return new PayrootError("chain-differs", "The data directory has read another chain or distributor.", {
    facts,
    next: "correct CHAIN_ID and DISTRIBUTOR_ADDRESS, or use another --data-dir",
    exitCode: exitCodes.usage,
  });
}

function historyChanged(facts: { block: number; expected: string; found: string }): PayrootError {
  return new PayrootError("chain-history-changed", "The chain no longer holds a block that was final.", {
    facts,
    next: "check that ETH_RPC_ENDPOINT serves the same chain as before; if a test chain was begun anew, use another --data-dir",
    exitCode: exitCodes.usage,
  });
}

function logsIncomplete(facts: Facts): PayrootError {
  return new PayrootError("claim-logs-incomplete", "The RPC has left out a claim.", {
    facts,
    next: "everything is read again from the beginning; if this comes again, use another RPC",
    retryable: true,
  });
}
