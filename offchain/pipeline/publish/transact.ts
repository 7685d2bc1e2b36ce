import { setTimeout } from "node:timers/promises";
import type {
  DistributorCall,
  DistributorChain,
  Receipt,
  SignedTransaction,
} from "../../chain/distributor-chain.ts";
import type { Signer } from "../../chain/signer.ts";
import { exitCodes, type Facts, PayrootError } from "../../errors.ts";
import { checkGasBalance, gasBalanceTooLow } from "./preflight.ts";

/** How a transaction is sent and waited for. */
export type TransactOptions = {
  readonly signer?: Signer | undefined;
  /** How long to wait for a receipt, 120 when left out. */
  readonly waitSeconds?: number;
  /** Between two looks at the chain, 1000 when left out. */
  readonly pollMs?: number;
  readonly signal?: AbortSignal;
};

/**
 * Signs and sends a call that does no harm when it is sent twice, and waits until it is mined. Throws
 * `signer-missing`, `gas-balance-too-low`, `transaction-refused`, `transaction-reverted`, `transaction-unconfirmed`
 * and what `plan` throws.
 */
export async function transact(
  chain: DistributorChain,
  call: DistributorCall,
  options: TransactOptions,
): Promise<Receipt> {
  const { signer } = options;
  if (signer === undefined) throw signerMissing();
  const from = signer.address;
  const plan = await chain.plan(call, { from });
  await checkGasBalance(chain, { plan, from });
  const receipt = await confirmed(chain, await chain.sign(call, plan, signer), options);
  if (receipt.ok) return receipt;
  const { transaction, block } = receipt;
  const reason = await chain.revertReason(call, { from, block });
  throw reverted({ transaction, block, reason });
}

async function confirmed(
  chain: DistributorChain,
  signed: SignedTransaction,
  { waitSeconds = 120, pollMs = 1000, signal }: TransactOptions,
): Promise<Receipt> {
  const until = performance.now() + waitSeconds * 1000;
  for (let taken = false; ; ) {
    signal?.throwIfAborted();
    if (!taken) {
      const { kind, reason } = await chain.send(signed.raw);
      taken = kind === "accepted" || kind === "known";
      if (kind === "refused" || kind === "underpriced") throw refused(signed, reason);
    }
    // An answer that got lost is looked up, not taken for a no.
    const receipt = await chain.receipt(signed.hash);
    if (receipt !== undefined) return receipt;
    if (performance.now() >= until) throw unconfirmed({ transaction: signed.hash, waitSeconds });
    await setTimeout(pollMs, undefined, signal === undefined ? {} : { signal });
  }
}

function signerMissing(): PayrootError {
  return new PayrootError("signer-missing", "Sending a transaction needs a key.", {
    next: "set ETH_PRIVATE_KEY, or have it signed elsewhere: --output calldata or --output safe",
    exitCode: exitCodes.usage,
  });
}

function refused({ from, hash }: SignedTransaction, reason: string): PayrootError {
  if (/insufficient funds|exceeds.*balance/i.test(reason)) return gasBalanceTooLow({ account: from, reason });
  return new PayrootError("transaction-refused", "The RPC refused the transaction.", {
    facts: { transaction: hash, reason },
    next: "remove the cause, then run the same command again",
    retryable: true,
  });
}

function reverted(facts: Facts): PayrootError {
  return new PayrootError(
    "transaction-reverted",
    "The transaction was mined and refused; it changed nothing.",
    {
      facts,
      next: "correct what the reason names, then run the same command again",
    },
  );
}

function unconfirmed(facts: Facts): PayrootError {
  return new PayrootError(
    "transaction-unconfirmed",
    "The transaction was sent and is not in the chain yet.",
    {
      facts,
      next: "run the same command again: it looks at the chain first",
      retryable: true,
    },
  );
}
