import { checkBatchSize, claimBatchOf, defaultBatchSize } from "../../chain/batch.ts";
import { claimBatchCall, claimCall } from "../../chain/calls.ts";
import type { DistributorCall, DistributorChain, SkippedClaim } from "../../chain/distributor-chain.ts";
import { append } from "../../core/append.ts";
import { PayrootError } from "../../errors.ts";
import type { TransactOptions } from "../publish/transact.ts";
import type { Due, DueEntry } from "./sponsor-due.ts";

/** Whom a batch is cut for: at most `batch` leaves each, 200 when left out. */
export type BatchOptions = Pick<TransactOptions, "signer" | "signal"> & { readonly batch?: number };

/** One `claimBatch`, and the leaves that it pays. */
export type PayingBatch = { readonly call: DistributorCall; readonly entries: readonly DueEntry[] };

/**
 * Cuts what is due into batches and has `pay` do them, one after the other. Each is tried first, and leaves that would
 * not be paid are left out, so that a worker who cannot be paid costs nothing; they are returned with the reason. A batch
 * that is too large, which `pay` tells before it sends anything, is halved, and so are those after it.
 */
export async function payInBatches(
  chain: DistributorChain,
  { due, ...options }: BatchOptions & { readonly due: Due },
  pay: (batch: PayingBatch) => Promise<void>,
): Promise<SkippedClaim[]> {
  const refused: SkippedClaim[] = [];
  let size = options.batch ?? defaultBatchSize;
  checkBatchSize(size);
  for (let start = 0; start < due.entries.length; ) {
    options.signal?.throwIfAborted();
    const all = due.entries.slice(start, start + size);
    try {
      const unpayable = await findUnpayable(chain, { due, entries: all, options });
      const entries = all.filter((entry) => !unpayable.includes(entry));
      const refusals: SkippedClaim[] = [];
      for (const entry of unpayable) refusals.push(await refusalOf(chain, { due, entry, options }));
      if (entries.length > 0) await pay({ call: callOf(due, entries), entries });
      append(refused, refusals);
      start += all.length;
    } catch (error) {
      if (all.length === 1 || !isTooLarge(error)) throw error;
      size = Math.ceil(all.length / 2);
    }
  }
  return refused;
}

/** Who would send a batch; anyone may, so that it needs no key to be tried. */
export function senderOf({ signer }: BatchOptions, due: Due): `0x${string}` {
  return signer?.address ?? due.leaves[0]?.account ?? "0x";
}

type Trial = { readonly due: Due; readonly options: BatchOptions };

/** The entries that a batch would skip: the batch is tried, and halved where the chain would pay fewer than it holds. */
async function findUnpayable(
  chain: DistributorChain,
  { entries, ...trial }: Trial & { readonly entries: readonly DueEntry[] },
): Promise<readonly DueEntry[]> {
  const { due, options } = trial;
  const paid = BigInt(await chain.simulate(callOf(due, entries), senderOf(options, due)));
  if (paid === BigInt(entries.length)) return [];
  if (entries.length === 1) return entries;
  const middle = Math.ceil(entries.length / 2);
  const left = await findUnpayable(chain, { ...trial, entries: entries.slice(0, middle) });
  const right = await findUnpayable(chain, { ...trial, entries: entries.slice(middle) });
  return [...left, ...right];
}

/** Why a leaf is not paid: what the contract says to a claim of it alone. */
async function refusalOf(
  chain: DistributorChain,
  { due, entry, options }: Trial & { readonly entry: DueEntry },
): Promise<SkippedClaim> {
  const { leaves, proof } = claimBatchOf({ ...due, entries: [entry.index] });
  const [leaf] = leaves;
  if (leaf === undefined) throw new RangeError(`no leaf ${entry.index}`);
  const { account, asset } = leaf;
  try {
    await chain.simulate(claimCall({ epoch: due.epoch, leaf, proof }), senderOf(options, due));
    return { account, asset, reason: "its recipient takes more gas than a batch gives to one" };
  } catch (error) {
    if (!(error instanceof PayrootError) || error.code !== "call-reverted") throw error;
    return { account, asset, reason: String(error.facts.reason) };
  }
}

// Arbitrum's sequencer takes transactions of up to 95,000 bytes.
const mostDataBytes = 90_000;

function callOf(due: Due, entries: readonly DueEntry[]): DistributorCall {
  const batch = claimBatchOf({ ...due, entries: entries.map(({ index }) => index) });
  const call = claimBatchCall(due.epoch, batch);
  const bytes = call.data.length / 2 - 1;
  if (bytes > mostDataBytes) throw batchTooLarge({ claims: entries.length, bytes, mostDataBytes });
  return call;
}

/** Whether a batch asks for more gas or bytes than there are: by our limit, the contract's check, or the node's words. */
function isTooLarge(error: unknown): boolean {
  if (!(error instanceof PayrootError)) return false;
  const reason = String(error.facts.reason);
  if (error.code === "call-reverted") return /^GasTooLow|^no reason given$|out of ?gas/i.test(reason);
  if (error.code === "rpc-failed") return /out of ?gas|gas required exceeds|gas limit/i.test(reason);
  return error.code === "gas-above-limit" || error.code === "batch-too-large";
}

function batchTooLarge(facts: { claims: number; bytes: number; mostDataBytes: number }): PayrootError {
  return new PayrootError("batch-too-large", "A batch has more bytes than a transaction may have.", {
    facts,
    next: "give a lower --batch",
  });
}
