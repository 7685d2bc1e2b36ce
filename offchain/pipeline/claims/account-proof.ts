import type { Address } from "../../core/address.ts";
import type { Hash } from "../../core/artifacts.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import type { EpochState } from "../../store/records.ts";
import { requireEpoch } from "../close/epochs.ts";
import { readHead } from "../ingest/ingest.ts";
import { oncePerTurn } from "../operate/per-turn.ts";
import type { ChainView, EpochStage } from "../workers/worker.ts";
import type { ProofBook } from "./proof-book.ts";

/** What an account can claim with in an epoch; `leaves` is the canonical JSON text of its leaves with their proofs. */
export type AccountProof = {
  readonly account: Address;
  readonly epoch: number;
  readonly root: Hash;
  readonly state: EpochStage;
  readonly leaves: string;
};

/** Whose proofs, and in which epoch; without a wish in the newest active one or, before any, the newest closed. */
export type ProofQuery = { readonly account: Address; readonly epoch?: number | undefined };

/** What proofs are found with. */
export type ProofPorts = {
  readonly store: LedgerStore;
  readonly chain: ChainView;
  readonly proofs: ProofBook;
};

/**
 * Finds the proofs of accounts; undefined while no epoch is closed. Which epoch is meant is asked once for all who ask in
 * one turn of the event loop. Throws `epoch-unknown` and what the book throws.
 */
export function createAccountProofs(
  ports: ProofPorts,
): (query: ProofQuery) => Promise<AccountProof | undefined> {
  const meant = oncePerTurn((epoch: number | undefined) => meantEpoch(ports, epoch));
  return async ({ account, epoch }) => {
    const found = await meant(epoch);
    if (found === undefined) return undefined;
    const { closed, state } = found;
    const own = ports.proofs.find(closed, account);
    const { text } = own instanceof Promise ? await own : own;
    return { account, epoch: closed.epoch, root: closed.root, state, leaves: text() };
  };
}

async function meantEpoch(
  { store, chain }: ProofPorts,
  wanted: number | undefined,
): Promise<{ closed: EpochState; state: EpochStage } | undefined> {
  const epoch = wanted ?? ((await chain.newestActive()) || (await readHead(store)).epoch - 1);
  if (epoch === 0) return undefined;
  const [closed, state] = await Promise.all([requireEpoch(store, epoch), chain.stageOf(epoch)]);
  return { closed, state };
}

/** Reads the files of the epochs that most will ask for, newest active and newest closed, before anybody waits for one. */
export async function readProofsAhead(
  { store, chain, proofs }: ProofPorts,
  signal: AbortSignal,
): Promise<void> {
  const newest = [await chain.newestActive(), (await readHead(store)).epoch - 1];
  for (const epoch of new Set(newest)) {
    if (epoch > 0) await proofs.load(await requireEpoch(store, epoch), signal);
  }
}
