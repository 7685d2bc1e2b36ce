import type { Address } from "../../core/address.ts";
import { append } from "../../core/append.ts";
import type { Hash } from "../../core/artifacts.ts";
import type { Ruleset } from "../../core/ruleset.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import { readHead } from "../ingest/ingest.ts";
import { allEarnings } from "./pool-earnings.ts";
import { type ChainView, type Estimates, readWorker } from "./worker.ts";

/** Money of an account, in the asset's smallest unit: paid by a claim on chain, or earned and not paid yet. */
export type Reward = {
  readonly account: Address;
  readonly amount: bigint;
  /** Null while it is not paid; the time of its block is null while the chain does not tell it. */
  readonly paid: { readonly transaction: Hash; readonly time: number | null } | null;
};

/** Where a page of rewards goes on: after a claim, or after an account among those that are owed something. */
export type RewardPlace =
  | { readonly block: number; readonly logIndex: number }
  | { readonly account: Address };

/** A page of rewards, and where the next one goes on; undefined after the last. */
export type RewardPage = { readonly rewards: readonly Reward[]; readonly next: RewardPlace | undefined };

/** What rewards are read from. */
export type RewardPorts = {
  readonly store: LedgerStore;
  readonly chain: ChainView;
  readonly estimates: Estimates;
};

/** Which rewards of all are asked for; `since` in ms since 1970. Only of one asset, the pool's. */
export type RewardsQuery = {
  readonly since: number;
  readonly after: RewardPlace | undefined;
  readonly limit: number;
  readonly ruleset: Ruleset;
};

/** The payments of all since a time, newest first, then what each account is owed, by address. Throws `ledger-busy`. */
export async function allRewards(ports: RewardPorts, query: RewardsQuery): Promise<RewardPage> {
  const { since, after, limit } = query;
  const rewards: Reward[] = [];
  if (after === undefined || "block" in after) {
    const claims = await ports.chain.newestClaims({ since, before: after, limit });
    for (const { account, amount, transaction, time, asset } of claims) {
      if (asset === query.ruleset.asset) rewards.push({ account, amount, paid: { transaction, time } });
    }
    const last = claims.at(-1);
    if (claims.length === limit && last !== undefined) {
      const { block, logIndex } = last;
      return { rewards, next: { block, logIndex } };
    }
  }
  const from = after !== undefined && "account" in after ? after.account : undefined;
  const ruleset = (await readHead(ports.store)).ruleset ?? query.ruleset;
  let last = from;
  let looked = 0;
  for await (const { account } of allEarnings(ports, { ruleset, from })) {
    if (account === from) continue;
    if (rewards.length >= limit || looked === mostLooked)
      return { rewards, next: last === undefined ? undefined : { account: last } };
    append(rewards, await owed(ports, account, query.ruleset));
    last = account;
    looked += 1;
  }
  return { rewards, next: undefined };
}

// Those who have been paid everything make no row, but take their time.
const mostLooked = 5000;

/** What one account is owed, then every payment that it got, newest first. Throws `ledger-busy`. */
export async function rewardsOf(
  ports: RewardPorts,
  { account, ruleset }: { readonly account: Address; readonly ruleset: Ruleset },
): Promise<readonly Reward[]> {
  const claims = await ports.chain.claimsOf(account);
  const paid = claims.filter(({ asset }) => asset === ruleset.asset).toReversed();
  return [
    ...(await owed(ports, account, ruleset)),
    ...paid.map(({ amount, transaction, time }) => ({ account, amount, paid: { transaction, time } })),
  ];
}

/** What an account has earned and not claimed, in whatever state; nothing when that is zero. */
async function owed(ports: RewardPorts, account: Address, ruleset: Ruleset): Promise<Reward[]> {
  const { assets } = await readWorker(ports, { account, ruleset });
  return assets
    .filter(({ asset }) => asset === ruleset.asset)
    .map(({ earned, claimed }) => earned - claimed)
    .filter((amount) => amount > 0n)
    .map((amount) => ({ account, amount, paid: null }));
}
