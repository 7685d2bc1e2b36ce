import type { Address } from "../../core/address.ts";
import type { Hash } from "../../core/artifacts.ts";
import { leafHash } from "../../core/merkle/leaf.ts";
import { verifyProof } from "../../core/merkle/proof.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import { listEpochs, requireEpoch } from "../close/epochs.ts";
import { readHead } from "../ingest/ingest.ts";
import { createKept } from "../operate/kept.ts";
import type { ChainView, EpochStage } from "../workers/worker.ts";

/** What somebody says that an account is entitled to, and the proof; against a root, or the root of an epoch. */
export type Statement = {
  readonly root?: Hash | undefined;
  readonly epoch?: number | undefined;
  readonly account: Address;
  readonly asset: Address;
  readonly cumulative: bigint;
  readonly proof: readonly Hash[];
};

/** Whether the proof leads from the leaf to the root, and what is known here of that root. */
export type Verification = {
  readonly valid: boolean;
  readonly leaf: Hash;
  readonly root: Hash;
  /** The closed epochs of this pool with this root. */
  readonly epochs: readonly {
    readonly epoch: number;
    readonly state: EpochStage;
    readonly manifestHash: Hash;
  }[];
  /** Whether the chain holds one of them. */
  readonly onChain: boolean;
};

/** Checks a proof. Throws `epoch-unknown`, `amount-out-of-range`. */
export type Verifier = (statement: Statement) => Promise<Verification>;

/** Checks proofs, and looks the roots of closed epochs up. */
export function createVerifier(ports: { readonly store: LedgerStore; readonly chain: ChainView }): Verifier {
  const { store, chain } = ports;
  const roots = createKept({
    version: async () => (await readHead(store)).previousManifest,
    read: async () => {
      const byRoot = new Map<Hash, { epoch: number; manifestHash: Hash }[]>();
      for await (const { epoch, root, manifestHash } of listEpochs(store)) {
        byRoot.set(root, [...(byRoot.get(root) ?? []), { epoch, manifestHash }]);
      }
      return byRoot;
    },
  });
  return async ({ account, asset, cumulative, proof, ...against }) => {
    const root = against.root ?? (await requireEpoch(store, against.epoch ?? 0)).root;
    const leaf = leafHash({ account, asset, cumulative });
    const epochs = [];
    for (const one of (await roots()).get(root) ?? []) {
      epochs.push({ ...one, state: await chain.stageOf(one.epoch) });
    }
    const onChain = epochs.some(({ state }) => state !== "closed");
    return { valid: verifyProof({ root, leaf, proof }), leaf, root, epochs, onChain };
  };
}
