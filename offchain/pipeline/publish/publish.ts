import { setTimeout } from "node:timers/promises";
import type { Attestation } from "../../chain/attestation.ts";
import { postEpochCall } from "../../chain/calls.ts";
import type { DistributorCall } from "../../chain/distributor-chain.ts";
import type { Signer } from "../../chain/signer.ts";
import type { Hash } from "../../core/artifacts.ts";
import { exitCodes, PayrootError } from "../../errors.ts";
import type { PostingAttempt, PostingJournal } from "../../store/records.ts";
import { listEpochs, requireEpoch } from "../close/epochs.ts";
import { collectAttestations } from "./attestations.ts";
import { type Posting, type PublishPorts, postingOf } from "./epoch-record.ts";
import { attemptOf, nextStep, openAttempts, planOf, readJournal, writeJournal } from "./posting.ts";
import { checkBeforePosting, checkGasBalance, gasBalanceTooLow } from "./preflight.ts";
import { type PublishReport, report, settle } from "./settle-posting.ts";

/** How an epoch is published. Without `broadcast` nothing is signed or sent. */
export type PublishOptions = {
  readonly broadcast: boolean;
  readonly signer?: Signer | undefined;
  /** Those to post with; collected from the artifacts store when left out. */
  readonly attestations?: readonly Attestation[];
  /** What else must hold before an epoch is signed for, or told to be ready; throws when it does not. */
  readonly check?: (posting: Posting) => Promise<void>;
  /** How long to wait for a receipt, 120 when left out. */
  readonly waitSeconds?: number;
  /** Between two looks at the chain, 1000 when left out. */
  readonly pollMs?: number;
  readonly signal?: AbortSignal;
};

/**
 * Posts a closed epoch, or finds that it was posted. Whatever was begun before, by this process or one that was
 * killed, is finished first. Throws what `postingOf`, `checkBeforePosting` and `nextStep` throw, and `signer-missing`,
 * `gas-balance-too-low`, `gas-price-above-limit`, `transaction-refused`, `post-unconfirmed`, `epoch-posted-differently`.
 */
export async function publishEpoch(
  ports: PublishPorts,
  epoch: number,
  options: PublishOptions,
): Promise<PublishReport> {
  await settleBefore(ports, epoch);
  const posting = await postingOf(ports, epoch);
  const settled = await settle(ports, posting, options.attestations);
  if (settled !== undefined) return settled;
  const attestations = options.attestations ?? (await collectAttestations(ports, posting)).attestations;
  if (options.broadcast) return post(ports, posting, { ...options, attestations });
  const step = await nextStep(ports, posting);
  if (step.do !== "sign" || step.replaces.length > 0) return report(posting, { state: "pending" });
  const { signer } = options;
  await options.check?.(posting);
  const checks = { posting, attestations: attestations.length, from: signer?.address };
  const solvency = await checkBeforePosting(ports.chain, checks);
  const call = postEpochCall(posting.record, attestations);
  const plan = signer === undefined ? null : await ports.chain.plan(call, { from: signer.address });
  if (signer !== undefined && plan !== null) {
    await checkGasBalance(ports.chain, { plan, from: signer.address });
  }
  return report(posting, { state: "dry", solvency, plan });
}

/** The call that posts an epoch with what attestations there are, for signing elsewhere. Throws what `postingOf` throws. */
export async function postingCall(ports: PublishPorts, epoch: number): Promise<DistributorCall> {
  const posting = await postingOf(ports, epoch);
  return postEpochCall(posting.record, (await collectAttestations(ports, posting)).attestations);
}

/**
 * Finds out what became of every post that is not yet known to be final, oldest first, and, with `broadcast`, sends
 * again what may have been lost. Begins no new post. Returns what it found.
 */
export async function resumePublish(ports: PublishPorts, options: PublishOptions): Promise<PublishReport[]> {
  const unsettled: number[] = [];
  for await (const { epoch } of listEpochs(ports.store)) {
    const journal = await readJournal(ports, epoch);
    if (journal?.posted?.final === true) break;
    unsettled.unshift(epoch);
  }
  const reports: PublishReport[] = [];
  for (const epoch of unsettled) {
    const journal = await readJournal(ports, epoch);
    const begun = openAttempts(journal).length > 0;
    if (!begun && (await ports.chain.epoch(epoch)) === undefined) break;
    reports.push(await publishEpoch(ports, epoch, { ...options, broadcast: options.broadcast && begun }));
  }
  return reports;
}

/** Notes the epochs before that somebody else posted, so that their files are written, too. */
async function settleBefore(ports: PublishPorts, epoch: number): Promise<void> {
  await requireEpoch(ports.store, epoch);
  let first = epoch;
  while (first > 1 && (await readJournal(ports, first - 1))?.posted == null) first -= 1;
  for (let before = first; before < epoch; before += 1) await settle(ports, await postingOf(ports, before));
}

/** The loop of a post: look, then sign, send or wait, until the epoch stands or the time is up. */
async function post(ports: PublishPorts, posting: Posting, options: PublishOptions): Promise<PublishReport> {
  const { waitSeconds = 120, pollMs = 1000, signal } = options;
  const taken = new Set<Hash>();
  const until = performance.now() + waitSeconds * 1000;
  for (let outbid = false; ; ) {
    signal?.throwIfAborted();
    let step = await nextStep(ports, posting);
    if (outbid && step.do === "send")
      step = { do: "sign", replaces: openAttempts(await readJournal(ports, posting.state.epoch)) };
    outbid = false;
    if (step.do === "sign")
      step = { do: "send", attempt: await sign(ports, { posting, replaces: step.replaces, options }) };
    if (step.do === "send" && !taken.has(step.attempt.hash)) {
      const { kind, reason } = await ports.chain.send(step.attempt.raw);
      if (kind === "accepted" || kind === "known") taken.add(step.attempt.hash);
      if (kind === "refused") throw transactionRefused(step.attempt, reason);
      outbid = kind === "underpriced";
    }
    const settled = await settle(ports, posting, options.attestations);
    if (settled !== undefined) return settled;
    if (performance.now() >= until) throw postUnconfirmed(posting, waitSeconds);
    await setTimeout(pollMs, undefined, signal === undefined ? {} : { signal });
  }
}

/** Signs a post, with the intent durable before and the bytes durable after. */
async function sign(
  ports: PublishPorts,
  about: { posting: Posting; replaces: readonly PostingAttempt[]; options: PublishOptions },
): Promise<PostingAttempt> {
  const { posting, replaces } = about;
  const { signer, attestations = [] } = about.options;
  const { epoch, manifestHash } = posting.state;
  if (signer === undefined) throw signerMissing(epoch);
  const from = signer.address;
  if (replaces.some((attempt) => attempt.from !== from))
    throw signerDiffers({ epoch, signer: from, begunBy: replaces[0]?.from });
  // What outbids a transaction that may still be mined changes nothing that a check could prevent.
  if (replaces.length === 0) await about.options.check?.(posting);
  await checkBeforePosting(ports.chain, { posting, attestations: attestations.length, from });
  const call = postEpochCall(posting.record, attestations);
  const plan = await ports.chain.plan(call, { from, replaces: replaces.map(planOf) });
  await checkGasBalance(ports.chain, { plan, from });
  const before = await readJournal(ports, epoch);
  const intent: PostingJournal = {
    recordHash: posting.recordHash,
    manifestHash,
    attestations: attestations.map(({ signer, signature }) => ({ signer, signature })),
    attempts: before?.attempts ?? [],
    posted: null,
  };
  await writeJournal(ports, epoch, intent);
  const attempt = attemptOf(await ports.chain.sign(call, plan, signer), posting.recordHash);
  await writeJournal(ports, epoch, { ...intent, attempts: [...intent.attempts, attempt] });
  return attempt;
}

function signerMissing(epoch: number): PayrootError {
  return new PayrootError("signer-missing", "Posting an epoch needs a key.", {
    facts: { epoch },
    next: "set ETH_PRIVATE_KEY",
    exitCode: exitCodes.usage,
  });
}

function signerDiffers(facts: { epoch: number; signer: string; begunBy: string | undefined }): PayrootError {
  return new PayrootError("signer-differs", "The post was begun with another key and may still be mined.", {
    facts,
    next: "publish with the key it was begun with, or wait until its nonce is used",
    exitCode: exitCodes.usage,
  });
}

/** The RPC's refusal of a signed transaction; the journal keeps it, so the same one is sent when the cause is gone. */
function transactionRefused({ from, hash }: PostingAttempt, reason: string): PayrootError {
  if (/insufficient funds|exceeds.*balance/i.test(reason)) return gasBalanceTooLow({ account: from, reason });
  return new PayrootError("transaction-refused", "The RPC refused the transaction.", {
    facts: { transaction: hash, reason },
    next: "remove the cause, then run the same command again: it sends the same transaction",
    retryable: true,
  });
}

function postUnconfirmed({ state }: Posting, waitSeconds: number): PayrootError {
  return new PayrootError("post-unconfirmed", "The transaction was sent and is not in the chain yet.", {
    facts: { epoch: state.epoch, waitedSeconds: waitSeconds },
    next: "run the same command again: it looks for the same transaction and never posts twice",
    retryable: true,
  });
}
