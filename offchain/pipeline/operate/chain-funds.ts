import type { DistributorChain } from "../../chain/distributor-chain.ts";
import type { Address } from "../../core/address.ts";
import { postings } from "../../store/keys.ts";
import { getOne, put, walk } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import { spentGas } from "../../store/ops-keys.ts";

/** The pool's money on chain, in the smallest unit of each asset; the publisher's in wei. */
export type ChainFunds = {
  /** What the distributor holds. */
  readonly held: { readonly asset: Address; readonly amount: bigint };
  /** What the account that signs has for gas; null when nobody signs. */
  readonly publisherWei: bigint | null;
  /** What posting epochs and paying workers has cost so far. */
  readonly spentWei: bigint;
};

/** What a transaction cost, in wei; no transaction when nothing was sent. */
export type Cost = { readonly transaction: string | null; readonly feeWei: bigint };

/** The chain's side of the pool's money, as of the last look. */
export type FundsWatch = {
  readonly funds: () => ChainFunds | undefined;
  readonly look: () => Promise<void>;
  /** Notes what an own transaction cost; kept with the next look. */
  readonly spent: (sent: Cost) => void;
};

/** Watches the pool's money on chain; the costs of posts are asked for once, then remembered by the ledger. */
export function createFundsWatch(
  { store, chain }: { readonly store: LedgerStore; readonly chain: DistributorChain },
  { asset, publisher }: { readonly asset: Address; readonly publisher: Address | undefined },
): FundsWatch {
  let known: ChainFunds | undefined;
  const noted: Cost[] = [];
  const keepCosts = async (): Promise<void> => {
    for await (const { value } of walk(store, postings, { reverse: true })) {
      const { posted, attempts } = value;
      if (posted === null || !posted.final) continue;
      const { transaction } = posted;
      // From here on down it was done before, and what somebody else posted cost us nothing.
      if ((await getOne(store, spentGas, transaction)) !== undefined) break;
      if (!attempts.some(({ hash }) => hash === transaction)) continue;
      const receipt = await chain.receipt(transaction);
      if (receipt !== undefined) noted.push({ transaction, feeWei: receipt.feeWei });
    }
    const costs = [...noted];
    const writes = costs.flatMap(({ transaction, feeWei }) =>
      transaction === null ? [] : [put(spentGas, transaction, feeWei)],
    );
    if (writes.length > 0) await store.write(writes, { durable: false });
    noted.splice(0, costs.length);
  };
  return {
    funds: () => known,
    spent: (sent) => void noted.push(sent),
    look: async () => {
      await keepCosts();
      let spentWei = 0n;
      for await (const { value } of walk(store, spentGas)) spentWei += value;
      const held = { asset, amount: (await chain.asset(asset)).held };
      known = { held, spentWei, publisherWei: publisher ? await chain.balanceWei(publisher) : null };
    },
  };
}
