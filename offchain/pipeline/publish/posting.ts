import { postEpochCall } from "../../chain/calls.ts";
import type { Block, SignedTransaction, TransactionPlan } from "../../chain/distributor-chain.ts";
import { PayrootError } from "../../errors.ts";
import { postings } from "../../store/keys.ts";
import { getOne, put } from "../../store/keyspace.ts";
import type { PostingAttempt, PostingJournal } from "../../store/records.ts";
import type { Posting, PublishPorts } from "./epoch-record.ts";
import { rpcLagging } from "./find-posting.ts";

/*
 * The journal is what makes one post an epoch certain. Before anything is signed it holds the record hash; before
 * anything is sent it holds the bytes. A transaction that may still be mined is only ever sent again as it is, or
 * outbid under its own nonce, so that at most one of them is mined.
 */

/** The journal of an epoch's posting, or undefined before the first attempt. */
export function readJournal(ports: PublishPorts, epoch: number): Promise<PostingJournal | undefined> {
  return getOne(ports.store, postings, epoch);
}

/** Makes a journal durable. */
export function writeJournal(ports: PublishPorts, epoch: number, journal: PostingJournal): Promise<void> {
  return ports.store.write([put(postings, epoch, journal)], { durable: true });
}

/** The attempts that may still be mined, newest last. */
export function openAttempts(journal: PostingJournal | undefined): PostingAttempt[] {
  return journal?.attempts.filter(({ outcome }) => outcome === null) ?? [];
}

/** What can be done next for an epoch that does not stand on chain. */
export type NextStep =
  | { readonly do: "sign"; readonly replaces: readonly PostingAttempt[] }
  | { readonly do: "send"; readonly attempt: PostingAttempt }
  | { readonly do: "wait" };

/**
 * Finds out what became of the attempts, notes what is certain, and says what can be done. Throws `post-reverted`,
 * `epoch-revoked`, `rpc-lagging`.
 */
export async function nextStep(ports: PublishPorts, posting: Posting): Promise<NextStep> {
  const { chain } = ports;
  const { epoch } = posting.state;
  const journal = await readJournal(ports, epoch);
  const latest = await requireBlock(ports, "latest");
  if (journal?.posted != null) await checkRevoked(ports, { posting, journal, latest });
  for (const attempt of openAttempts(journal)) {
    const receipt = await chain.receipt(attempt.hash);
    // Mined, but what the RPC says of the epoch is not of that block yet; or it was revoked, which finality will tell.
    if (receipt?.ok === true)
      return (await isGone(ports, { posting, attempt })) ? retry(ports, posting) : wait;
    if (receipt !== undefined) {
      await settleAttempts(ports, epoch, ({ nonce, from }) => {
        if (nonce !== attempt.nonce || from !== attempt.from) return undefined;
        return "reverted";
      });
      const call = postEpochCall(posting.record, journal?.attestations ?? []);
      const reason = await chain.revertReason(call, { from: attempt.from, block: receipt.block });
      throw postReverted({ epoch, transaction: attempt.hash, block: receipt.block, reason });
    }
  }
  const open = openAttempts(await readJournal(ports, epoch));
  const last = open.at(-1);
  if (last === undefined) return { do: "sign", replaces: [] };
  if ((await chain.transactionCount(last.from, "latest")) > last.nonce) {
    return (await isGone(ports, { posting, attempt: last })) ? retry(ports, posting) : wait;
  }
  const outdated = last.recordHash !== posting.recordHash || BigInt(last.maxFeePerGasWei) < latest.baseFeeWei;
  return outdated ? { do: "sign", replaces: open } : { do: "send", attempt: last };
}

/** Notes an outcome for every open attempt that `outcomeOf` gives one for. */
export async function settleAttempts(
  ports: PublishPorts,
  epoch: number,
  outcomeOf: (attempt: PostingAttempt) => PostingAttempt["outcome"] | undefined,
): Promise<void> {
  const journal = await readJournal(ports, epoch);
  if (journal === undefined) return;
  const attempts = journal.attempts.map((attempt) => {
    if (attempt.outcome !== null) return attempt;
    return { ...attempt, outcome: outcomeOf(attempt) ?? null };
  });
  await writeJournal(ports, epoch, { ...journal, attempts });
}

/** A signed transaction as the journal keeps it. */
export function attemptOf(
  signed: SignedTransaction,
  recordHash: PostingAttempt["recordHash"],
): PostingAttempt {
  const { hash, raw, from, nonce } = signed;
  return {
    ...{ recordHash, hash, raw, from, nonce },
    gas: signed.gas.toString(),
    maxFeePerGasWei: signed.maxFeePerGasWei.toString(),
    maxPriorityFeePerGasWei: signed.maxPriorityFeePerGasWei.toString(),
    outcome: null,
  };
}

/** What an attempt used and offered. */
export function planOf(attempt: PostingAttempt): TransactionPlan {
  return {
    nonce: attempt.nonce,
    gas: BigInt(attempt.gas),
    maxFeePerGasWei: BigInt(attempt.maxFeePerGasWei),
    maxPriorityFeePerGasWei: BigInt(attempt.maxPriorityFeePerGasWei),
  };
}

const wait: NextStep = { do: "wait" };

/**
 * Whether an attempt's nonce is used up and the epoch does not stand, both at one final block: then no attempt with
 * that nonce can ever be mined again. Notes it: `revoked` when one was mined, `dead` when none was.
 */
async function isGone(
  ports: PublishPorts,
  { posting, attempt }: { posting: Posting; attempt: PostingAttempt },
): Promise<boolean> {
  const { chain } = ports;
  const { epoch } = posting.state;
  const { number } = await requireBlock(ports, "finalized");
  if ((await chain.transactionCount(attempt.from, number)) <= attempt.nonce) return false;
  if ((await chain.epoch(epoch, number)) !== undefined) return false;
  const mined = new Map<string, boolean>();
  for (const { hash } of openAttempts(await readJournal(ports, epoch))) {
    mined.set(hash, (await chain.receipt(hash))?.ok === true);
  }
  await settleAttempts(ports, epoch, ({ hash, nonce, from }) => {
    if (mined.get(hash) === true) return "revoked";
    return nonce === attempt.nonce && from === attempt.from ? "dead" : undefined;
  });
  return true;
}

/** Looks again, now that something was noted. A record that was taken back is not posted a second time by itself. */
async function retry(ports: PublishPorts, posting: Posting): Promise<NextStep> {
  const journal = await readJournal(ports, posting.state.epoch);
  const revoked = journal?.attempts.find(
    ({ outcome, recordHash }) => outcome === "revoked" && recordHash === posting.recordHash,
  );
  if (revoked !== undefined) throw epochRevoked({ epoch: posting.state.epoch, transaction: revoked.hash });
  return nextStep(ports, posting);
}

/** The journal says that the epoch was posted, the chain that it does not stand: revoked, undone, or the RPC lags. */
async function checkRevoked(
  ports: PublishPorts,
  about: { posting: Posting; journal: PostingJournal; latest: Block },
): Promise<void> {
  const { posting, journal, latest } = about;
  const { epoch } = posting.state;
  const { posted } = journal;
  if (posted === null) return;
  if (latest.number < posted.block) throw rpcLagging({ block: posted.block, latest: latest.number });
  if (posted.final) {
    if ((await ports.chain.epoch(epoch, "finalized")) !== undefined) throw rpcLagging({ epoch });
    if (journal.recordHash === posting.recordHash) {
      throw epochRevoked({ epoch, transaction: posted.transaction });
    }
  }
  await writeJournal(ports, epoch, { ...journal, posted: null });
}

async function requireBlock(ports: PublishPorts, tag: "latest" | "finalized"): Promise<Block> {
  const block = await ports.chain.block(tag);
  if (block === undefined) throw rpcLagging({});
  return block;
}

function postReverted(facts: {
  epoch: number;
  transaction: string;
  block: number;
  reason: string;
}): PayrootError {
  return new PayrootError("post-reverted", "The transaction that posts the epoch was mined and refused.", {
    facts,
    next: "correct what the reason names, then publish again",
  });
}

function epochRevoked(facts: { epoch: number; transaction: string }): PayrootError {
  return new PayrootError("epoch-revoked", "This very record was posted and then revoked by the guardian.", {
    facts,
    next: "reopen the epoch, correct what was wrong, close it and publish it again",
  });
}
