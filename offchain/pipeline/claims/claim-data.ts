import { claimCall } from "../../chain/calls.ts";
import type { Address } from "../../core/address.ts";
import type { Hash, ProofEntry } from "../../core/artifacts.ts";
import { PayrootError } from "../../errors.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import { requireEpoch } from "../close/epochs.ts";
import { type AsOf, type ChainView, readAsOf } from "../workers/worker.ts";
import type { ProofBook } from "./proof-book.ts";

/** A leaf with something to claim: `amount` is what the call pays, in the asset's smallest unit. */
export type ClaimableLeaf = ProofEntry & {
  readonly claimed: bigint;
  readonly amount: bigint;
  readonly data: `0x${string}`;
};

/** The transaction that claims what an account has coming; `data` is null where there is nothing, for that `reason`. */
export type ClaimData = {
  readonly account: Address;
  readonly epoch: number | null;
  readonly root: Hash | null;
  readonly chainId: number;
  readonly distributor: Address;
  readonly to: Address;
  readonly data: `0x${string}` | null;
  readonly value: "0";
  readonly reason: "no-active-epoch" | "nothing-earned" | "everything-claimed" | null;
  readonly leaves: readonly ClaimableLeaf[];
  readonly asOf: AsOf;
};

/**
 * What an account can claim by the newest active epoch, as calls of the distributor: one for each asset that has
 * something, `data` being the first of them. Throws `chain-not-configured`, `proof-mismatch`, `proof-missing`.
 */
export async function readClaimData(
  ports: { readonly store: LedgerStore; readonly proofs: ProofBook; readonly chain: ChainView },
  query: {
    readonly account: Address;
    readonly identity: { readonly chainId: number; readonly distributor: Address };
  },
): Promise<ClaimData> {
  const { store, proofs, chain } = ports;
  const { account, identity } = query;
  const { chainId, distributor } = identity;
  if (chainId === 0) throw chainNotConfigured();
  const asOf = await readAsOf(store, chain);
  const active = await chain.newestActive();
  const call = { chainId, distributor, to: distributor, value: "0" as const };
  const nothing = { account, ...call, data: null, leaves: [], asOf };
  if (active === 0) return { ...nothing, epoch: null, root: null, reason: "no-active-epoch" };
  const state = await requireEpoch(store, active);
  const { epoch, root } = state;
  const entries = (await proofs.find(state, account)).entries();
  if (entries.length === 0) return { ...nothing, epoch, root, reason: "nothing-earned" };
  const leaves: ClaimableLeaf[] = [];
  for (const entry of entries) {
    const { claimed } = await chain.amountsOf(account, entry.asset);
    const cumulative = BigInt(entry.cumulative);
    if (cumulative <= claimed) continue;
    const { data } = claimCall({
      epoch,
      leaf: { account, asset: entry.asset, cumulative },
      proof: entry.proof,
    });
    leaves.push({ ...entry, claimed, amount: cumulative - claimed, data });
  }
  const [first] = leaves;
  if (first === undefined) return { ...nothing, epoch, root, reason: "everything-claimed" };
  return { account, epoch, root, ...call, data: first.data, reason: null, leaves, asOf };
}

function chainNotConfigured(): PayrootError {
  return new PayrootError("chain-not-configured", "This pool has no chain to claim on.", {
    next: "ask the operator, who sets CHAIN_ID and DISTRIBUTOR_ADDRESS",
  });
}
