import type { Address } from "../../core/address.ts";
import type { ExportedPayment } from "../../core/export-files.ts";
import { type PartitionAmount, splitClaim } from "../../core/payment-split.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import { closedRows } from "../workers/account-rows.ts";
import type { ChainView, WorkerClaim } from "../workers/worker.ts";

/** What an account was paid, by partition: its part of every claim, oldest first. */
export type PaymentsByPartition = ReadonlyMap<string, readonly ExportedPayment[]>;

/** An account, and its partitions, of which there is at least one. */
export type PaymentsQuery = { readonly account: Address; readonly partitions: readonly string[] };

/** What payments are read from. */
export type PaymentPorts = {
  readonly store: LedgerStore;
  readonly chain: Pick<ChainView, "claimsOf" | "totals">;
};

/** What accounts were paid; remembers what cannot have changed. */
export type Payments = {
  /** In the order of the questions. */
  readonly of: (asset: Address, accounts: readonly PaymentsQuery[]) => Promise<PaymentsByPartition[]>;
};

/** Reads payments anew for whoever may have claimed since. */
export function createPayments(ports: PaymentPorts): Payments {
  const known = new Map<Address, { readonly mark: string; readonly payments: PaymentsByPartition }>();
  let claimedBefore: bigint | undefined;
  return {
    async of(asset, accounts) {
      const claimed = (await ports.chain.totals()).claimed.get(asset) ?? 0n;
      const found: PaymentsByPartition[] = [];
      for (const query of accounts) {
        const before = known.get(query.account);
        if (before !== undefined && claimed === claimedBefore) {
          found.push(before.payments);
          continue;
        }
        const claims = await ports.chain.claimsOf(query.account);
        const own = claims.filter((claim) => claim.asset === asset);
        const mark = `${own.length} ${own.at(-1)?.transaction} ${own.at(-1)?.time}`;
        const payments =
          before?.mark === mark
            ? before.payments
            : await splitClaims(ports.store, { ...query, asset, claims: own });
        // A claim whose time is not known yet is looked at again.
        if (own.every(({ time }) => time !== null)) known.set(query.account, { mark, payments });
        found.push(payments);
      }
      claimedBefore = claimed;
      return found;
    },
  };
}

/**
 * The claims of an account in the partitions that earned them: each is split by what its partitions had earned up to its
 * epoch and not yet got by the claims before it.
 */
async function splitClaims(
  store: LedgerStore,
  of: PaymentsQuery & { readonly asset: Address; readonly claims: readonly WorkerClaim[] },
): Promise<PaymentsByPartition> {
  const { account, partitions, asset, claims } = of;
  if (claims.length === 0) return new Map();
  const rows = await Array.fromAsync(closedRows(store, { account }));
  const earnings = rows.filter((row) => row.asset === asset).sort((a, b) => a.epoch - b.epoch);
  const unclaimed = new Map<string, bigint>(partitions.map((partition) => [partition, 0n]));
  const payments = new Map<string, ExportedPayment[]>();
  const seen = new Map<string, number>();
  let next = 0;
  for (const claim of claims) {
    for (let row = earnings[next]; row !== undefined && row.epoch <= claim.epoch; row = earnings[++next]) {
      unclaimed.set(row.partition, (unclaimed.get(row.partition) ?? 0n) + row.earnedWei);
    }
    const number = seen.get(claim.transaction) ?? 0;
    seen.set(claim.transaction, number + 1);
    for (const { partition, amount } of splitClaim(claim.amount, positive(unclaimed))) {
      if (amount === 0n) continue;
      unclaimed.set(partition, (unclaimed.get(partition) ?? 0n) - amount);
      const list = payments.get(partition) ?? [];
      payments.set(partition, list);
      list.push(paymentOf(claim, { partition, number, amount }));
    }
  }
  return payments;
}

/** What is left unclaimed; a partition that got more than it earned, when a chain knows more than the ledger, has nothing. */
function positive(unclaimed: ReadonlyMap<string, bigint>): PartitionAmount[] {
  return [...unclaimed].map(([partition, amount]) => ({ partition, amount: amount > 0n ? amount : 0n }));
}

// The same claim has a part in several partitions; pages that put them together must not take them for one.
function paymentOf(
  { transaction, time }: WorkerClaim,
  { partition, number, amount }: { partition: string; number: number; amount: bigint },
): ExportedPayment {
  return { id: `${transaction}-${number}-${partition}`, amount, time, transaction };
}
