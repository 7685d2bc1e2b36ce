import type { DistributorChain } from "../../chain/distributor-chain.ts";
import { exitCodes, PayrootError } from "../../errors.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import type { EpochState } from "../../store/records.ts";
import { postingOf } from "../publish/epoch-record.ts";
import { nextStep, openAttempts, readJournal } from "../publish/posting.ts";
import { readManifest } from "./epochs.ts";

/**
 * That an epoch is not on chain and cannot come there any more, so that its number may be used again. Throws
 * `chain-needed`, `epoch-on-chain`, `epoch-active`, `revocation-not-final`, `post-under-way`.
 */
export async function checkTakenBack(
  ports: {
    readonly store: LedgerStore;
    readonly artifacts: ObjectStore;
    readonly chain: DistributorChain | undefined;
  },
  state: EpochState,
): Promise<void> {
  const { chain, artifacts } = ports;
  const { epoch } = state;
  const manifest = await readManifest(artifacts, state);
  if (manifest.chainId === 0) return;
  if (chain === undefined) throw chainNeeded({ epoch, chainId: manifest.chainId });
  const publishing = { ...ports, chain };
  const journal = await readJournal(publishing, epoch);
  const ours = sameDistributor(manifest, chain);
  // Closed for another distributor by mistake, and never sent there.
  if (!ours && journal === undefined) return;
  await checkNotStanding(chain, epoch);
  if (journal === undefined) return;
  if (journal.posted !== null) await checkFinal(chain, { epoch, posted: journal.posted.block });
  await nextStep(publishing, await postingOf(publishing, epoch)).catch((error: unknown) => {
    // What it notes in the journal is what is wanted; that it cannot be posted is no news.
    if (!(error instanceof PayrootError && settledCodes.includes(error.code))) throw error;
  });
  const [open] = openAttempts(await readJournal(publishing, epoch));
  if (open !== undefined) throw postUnderWay({ epoch, transaction: open.hash });
}

/** That the chain holds no epoch under this number. Throws `epoch-on-chain`, `epoch-active`. */
async function checkNotStanding(chain: DistributorChain, epoch: number): Promise<void> {
  const standing = await chain.epoch(epoch);
  if (standing === undefined) return;
  const now = (await chain.block("latest"))?.timestampSeconds ?? 0;
  if (standing.activatesAtSeconds <= now) throw epochActive(epoch);
  throw new PayrootError("epoch-on-chain", "The epoch is on chain, and only the guardian can take it back.", {
    facts: { epoch, secondsLeft: standing.activatesAtSeconds - now },
    next: `have the guardian run: payroot epoch revoke ${epoch} --broadcast`,
  });
}

/** The error for an epoch that can be claimed against: it stands for ever. */
export function epochActive(epoch: number): PayrootError {
  return new PayrootError("epoch-active", "The epoch is active: what it gives can never be taken back.", {
    facts: { epoch },
    next: "pay what is missing with events of the next epoch; money given too much cannot be recalled",
  });
}

async function checkFinal(chain: DistributorChain, about: { epoch: number; posted: number }): Promise<void> {
  const finalized = await chain.block("finalized");
  const gone = (await chain.epoch(about.epoch, "finalized")) === undefined;
  if (finalized !== undefined && finalized.number >= about.posted && gone) return;
  throw new PayrootError("revocation-not-final", "The epoch was revoked, but that can still be undone.", {
    facts: { epoch: about.epoch, "posted in block": about.posted, "final block": finalized?.number },
    next: "run the same command again when the revocation is final, in a quarter of an hour",
    retryable: true,
  });
}

function sameDistributor(
  manifest: { chainId: number; distributor: string },
  chain: Pick<DistributorChain, "chainId" | "distributor">,
): boolean {
  const { chainId, distributor } = chain;
  return manifest.chainId === chainId && manifest.distributor.toLowerCase() === distributor.toLowerCase();
}

const settledCodes = ["epoch-revoked", "post-reverted", "epoch-out-of-order"];

function chainNeeded(facts: { epoch: number; chainId: number }): PayrootError {
  return new PayrootError("chain-needed", "Whether the epoch is on chain must be known first.", {
    facts,
    next: "set CHAIN_ID, DISTRIBUTOR_ADDRESS and ETH_RPC_ENDPOINT",
    exitCode: exitCodes.usage,
  });
}

function postUnderWay(facts: { epoch: number; transaction: string }): PayrootError {
  return new PayrootError(
    "post-under-way",
    "A transaction that posts the epoch was signed and may still be mined.",
    {
      facts,
      next: `finish it with: payroot epoch publish ${facts.epoch} --broadcast; then have the guardian revoke the epoch`,
      retryable: true,
    },
  );
}
