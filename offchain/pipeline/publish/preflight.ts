import type { DistributorChain, TransactionPlan } from "../../chain/distributor-chain.ts";
import type { Address } from "../../core/address.ts";
import { exitCodes, PayrootError } from "../../errors.ts";
import type { Posting } from "./epoch-record.ts";

/** Whether the distributor can pay what a record declares: `owed` of an asset against what it holds. */
export type Solvency = {
  readonly asset: Address;
  readonly owed: bigint;
  readonly held: bigint;
  readonly missing: bigint;
};

/**
 * Everything that would make a post fail, before anything is signed: the chain of records, funds, attestations, the
 * signer's role. Throws `head-differs`, `epoch-unfunded`, `attestations-missing`, `signer-not-poster`.
 */
export async function checkBeforePosting(
  chain: DistributorChain,
  { posting, attestations, from }: { posting: Posting; attestations: number; from: Address | undefined },
): Promise<Solvency[]> {
  const { record, state } = posting;
  const head = await chain.head();
  if (head !== record.previous) throw headDiffers({ epoch: state.epoch, head, ours: record.previous });
  const solvency = await readSolvency(chain, posting);
  const unfunded = solvency.find(({ missing }) => missing > 0n);
  if (unfunded !== undefined) throw epochUnfunded({ epoch: state.epoch, ...unfunded });
  const required = await chain.attestationQuorum();
  if (attestations < required)
    throw attestationsMissing({ epoch: state.epoch, given: attestations, required });
  if (from !== undefined && !(await chain.hasRole("POSTER", from))) throw signerNotPoster(from);
  return solvency;
}

/** Checks that the signer can pay for the transaction at its highest fee. Throws `gas-balance-too-low`. */
export async function checkGasBalance(
  chain: DistributorChain,
  { plan, from }: { plan: TransactionPlan; from: Address },
): Promise<void> {
  const balanceWei = await chain.balanceWei(from);
  const neededWei = plan.gas * plan.maxFeePerGasWei;
  if (balanceWei < neededWei) throw gasBalanceTooLow({ account: from, balanceWei, neededWei });
}

/** What each asset of a record needs and what the distributor holds of it. */
export async function readSolvency(chain: DistributorChain, { record }: Posting): Promise<Solvency[]> {
  const list: Solvency[] = [];
  for (const { asset, cumulative } of record.totals) {
    const { claimed, held } = await chain.asset(asset);
    const owed = cumulative - claimed;
    list.push({ asset, owed, held, missing: owed > held ? owed - held : 0n });
  }
  return list;
}

function headDiffers(facts: { epoch: number; head: string; ours: string }): PayrootError {
  return new PayrootError("head-differs", "The newest record on chain is not the one this epoch follows.", {
    facts,
    next: "wait if the epoch before was posted just now; otherwise run: payroot audit",
    exitCode: exitCodes.discrepancy,
  });
}

function epochUnfunded(facts: Solvency & { epoch: number }): PayrootError {
  return new PayrootError("epoch-unfunded", "The distributor holds less than it would owe.", {
    facts,
    next: "send the missing amount to the distributor, then publish again",
    retryable: true,
  });
}

function attestationsMissing(facts: { epoch: number; given: number; required: number }): PayrootError {
  return new PayrootError("attestations-missing", "The epoch needs more attestations.", {
    facts,
    next: `have attestors run: payroot attest ${facts.epoch}`,
    retryable: true,
  });
}

function signerNotPoster(signer: Address): PayrootError {
  return new PayrootError("signer-not-poster", "The signer may not post epochs.", {
    facts: { signer, "role needed": "POSTER" },
    next: "sign with the poster's key, or have the distributor's admin grant the role",
    exitCode: exitCodes.usage,
  });
}

/** The error for a signer that cannot pay for gas; amounts in wei. */
export function gasBalanceTooLow(facts: {
  account: Address;
  balanceWei?: bigint;
  neededWei?: bigint;
  reason?: string;
}): PayrootError {
  return new PayrootError("gas-balance-too-low", "The signer cannot pay for the transaction.", {
    facts,
    next: "send ETH to the signer's account, then run the same command again",
    retryable: true,
  });
}
