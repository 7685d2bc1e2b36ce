import type { Address } from "../core/address.ts";
import type { Hash } from "../core/artifacts.ts";
import type { LedgerStore } from "../store/ledger-store.ts";
import { requireEpoch } from "./epochs.ts";
import { readHead } from "./ingest.ts";
import type { ProofBook } from "./proof-book.ts";
import type { ChainView, EpochStage } from "./worker.ts";

/** What an account can claim with in an epoch; `leaves` is the canonical JSON text of its leaves with their proofs. */
export type AccountProof = {
  readonly account: Address;
  readonly epoch: number;
  readonly root: Hash;
  readonly state: EpochStage;
  readonly leaves: string;
};

/**
 * The proofs of an account in an epoch; without a wish in the newest active one or, before there is one, in the newest
 * closed; undefined before any. Throws `epoch-unknown` and what the book throws.
 */
export async function readAccountProof(
  ports: { readonly store: LedgerStore; readonly chain: ChainView; readonly proofs: ProofBook },
  { account, epoch: wanted }: { readonly account: Address; readonly epoch?: number | undefined },
): Promise<AccountProof | undefined> {
  const { store, chain, proofs } = ports;
  const epoch = wanted ?? ((await chain.newestActive()) || (await readHead(store)).epoch - 1);
  if (epoch === 0) return undefined;
  const [closed, state] = await Promise.all([requireEpoch(store, epoch), chain.stageOf(epoch)]);
  const found = await proofs.find(closed, account);
  return { account, epoch, root: closed.root, state, leaves: found.text() };
}
