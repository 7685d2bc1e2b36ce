import type { DistributorCall, DistributorChain, SkippedClaim } from "../../chain/distributor-chain.ts";
import type { Signer } from "../../chain/signer.ts";
import type { Address } from "../../core/address.ts";
import type { Hash } from "../../core/artifacts.ts";
import { mulDivDown } from "../../core/units.ts";
import { type Facts, PayrootError } from "../../errors.ts";
import { type TransactOptions, transact } from "../publish/transact.ts";
import type { ClaimPorts } from "./claim.ts";
import { type BatchOptions, type PayingBatch, payInBatches, senderOf } from "./sponsor-batches.ts";
import { type Due, readDue } from "./sponsor-due.ts";

/** Whom to pay: everyone with at least `minimum` of an asset's smallest unit coming, in batches of at most `batch`. */
export type SponsorRequest = BatchOptions & { readonly minimum: bigint };

/** How workers are sponsored. Without `broadcast` nothing is signed or sent; anyone may be the signer. */
export type SponsorOptions = SponsorRequest &
  TransactOptions & {
    readonly broadcast: boolean;
    /** Told of each batch when it is done: what was paid is known even if a later one fails. */
    readonly onBatch?: (batch: BatchReport) => void;
  };

/** A payment to a worker, in the asset's smallest unit. */
export type Payment = { readonly account: Address; readonly asset: Address; readonly amount: bigint };

/**
 * What one transaction paid, or would pay in a dry run. `gas` and `feeWei` are what it took; in a dry run the most it
 * may take. `feePerWorkerWei` is rounded down, null where nobody was paid.
 */
export type BatchReport = {
  readonly paid: readonly Payment[];
  /** What others claimed first, or what changed since the batch was tried. */
  readonly skipped: readonly SkippedClaim[];
  readonly gas: bigint;
  readonly feeWei: bigint;
  readonly feePerWorkerWei: bigint | null;
  readonly transaction: Hash | null;
  readonly block: number | null;
};

/** What was paid to workers, or would be. `workers` counts payments, `total` is in the asset's smallest unit. */
export type SponsorReport = {
  readonly epoch: number;
  readonly state: "dry" | "paid";
  readonly assets: readonly { readonly asset: Address; readonly workers: number; readonly total: bigint }[];
  readonly batches: readonly BatchReport[];
  readonly gas: bigint;
  readonly feeWei: bigint;
  readonly feePerWorkerWei: bigint | null;
  /** Left out before anything was sent: the contract would not pay them. */
  readonly refused: readonly SkippedClaim[];
  /** Leaves left out: everything received, too little due, claims of the asset stopped. */
  readonly received: number;
  readonly below: number;
  readonly paused: number;
};

/**
 * Pays everyone who has enough coming, in batches of neighbouring leaves, from published files alone. The chain says who
 * was paid, and the contract pays a leaf once: stopped anywhere, it goes on where it was. Throws `transactions-pending`
 * and what `readDue` and `transact` throw.
 */
export async function sponsor(ports: ClaimPorts, options: SponsorOptions): Promise<SponsorReport> {
  const { chain } = ports;
  const { broadcast, signer, minimum, onBatch = () => {} } = options;
  if (broadcast && signer !== undefined) await checkNothingPending(chain, signer);
  const due = await readDue(ports, minimum);
  const batches: BatchReport[] = [];
  const refused = await payInBatches(chain, { ...options, due }, async (batch) => {
    const done = broadcast
      ? await payBatch(chain, batch, options)
      : await tryBatch(chain, batch, { due, options });
    batches.push(done);
    onBatch(done);
  });
  const { epoch, received, below, paused } = due;
  const state = broadcast ? "paid" : "dry";
  return { epoch, state, ...sumsOf(batches), batches, refused, received, below, paused };
}

/** The calls that would pay everyone, for signing elsewhere. Throws what `readDue` and `plan` throw. */
export async function sponsorCalls(
  ports: ClaimPorts,
  options: SponsorRequest,
): Promise<{ readonly epoch: number; readonly calls: readonly DistributorCall[] }> {
  const { chain } = ports;
  const due = await readDue(ports, options.minimum);
  const calls: DistributorCall[] = [];
  await payInBatches(chain, { ...options, due }, async ({ call }) => {
    await chain.plan(call, { from: senderOf(options, due) });
    calls.push(call);
  });
  return { epoch: due.epoch, calls };
}

async function payBatch(
  chain: DistributorChain,
  { call }: PayingBatch,
  options: SponsorOptions,
): Promise<BatchReport> {
  const { logs, skipped, gasUsed: gas, feeWei, transaction, block } = await transact(chain, call, options);
  const paid = logs.flatMap((log) => {
    return log.kind === "claimed" ? [{ account: log.account, asset: log.asset, amount: log.amount }] : [];
  });
  return { paid, skipped, gas, ...costOf(feeWei, paid.length), transaction, block };
}

async function tryBatch(
  chain: DistributorChain,
  { call, entries }: PayingBatch,
  { due, options }: { due: Due; options: SponsorOptions },
): Promise<BatchReport> {
  const { gas, maxFeePerGasWei } = await chain.plan(call, { from: senderOf(options, due) });
  const paid = entries.flatMap(({ index, amount }) => {
    const leaf = due.leaves[index];
    return leaf === undefined ? [] : [{ account: leaf.account, asset: leaf.asset, amount }];
  });
  const cost = costOf(gas * maxFeePerGasWei, paid.length);
  return { paid, skipped: [], gas, ...cost, transaction: null, block: null };
}

function sumsOf(
  batches: readonly BatchReport[],
): Pick<SponsorReport, "assets" | "gas" | "feeWei" | "feePerWorkerWei"> {
  const assets = new Map<Address, { asset: Address; workers: number; total: bigint }>();
  const payments = batches.flatMap(({ paid }) => paid);
  for (const { asset, amount } of payments) {
    const { workers, total } = assets.get(asset) ?? { workers: 0, total: 0n };
    assets.set(asset, { asset, workers: workers + 1, total: total + amount });
  }
  const gas = batches.reduce((sum, batch) => sum + batch.gas, 0n);
  const feeWei = batches.reduce((sum, batch) => sum + batch.feeWei, 0n);
  return { assets: [...assets.values()], gas, ...costOf(feeWei, payments.length) };
}

function costOf(feeWei: bigint, workers: number): Pick<BatchReport, "feeWei" | "feePerWorkerWei"> {
  return { feeWei, feePerWorkerWei: workers === 0 ? null : mulDivDown(feeWei, 1n, BigInt(workers)) };
}

/** A batch that was sent before and is not mined would be paid for twice: its gas, though never its claims. */
async function checkNothingPending(chain: DistributorChain, { address }: Signer): Promise<void> {
  const mined = await chain.transactionCount(address, "latest");
  const pending = (await chain.transactionCount(address, "pending")) - mined;
  if (pending > 0) throw transactionsPending({ account: address, pending });
}

function transactionsPending(facts: Facts): PayrootError {
  return new PayrootError("transactions-pending", "The key has sent transactions that are not mined yet.", {
    facts,
    next: "run the same command again when they are: they may be paying the same workers",
    retryable: true,
  });
}
