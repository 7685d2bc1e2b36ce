import { type Address, addressBytes, compareAddresses } from "../core/address.ts";
import type { Ruleset } from "../core/ruleset.ts";
import { cumulatives, openSums, within } from "../store/keys.ts";
import { walk } from "../store/keyspace.ts";
import type { LedgerStore } from "../store/ledger-store.ts";
import type { Estimates } from "./worker.ts";

/** What an account earned of an asset, in its smallest unit: earned = accruing in the open epoch + all closed ones. */
export type AccountAsset = { readonly asset: Address; readonly earned: bigint; readonly accruing: bigint };

/** What an account earned, by asset. */
export type AccountEarnings = { readonly account: Address; readonly assets: readonly AccountAsset[] };

/** What pool-wide walks read from. */
export type EarningsPorts = { readonly store: LedgerStore; readonly estimates: Estimates };

/** What accounts gained in the open epoch, AI pairs included, in the order of their addresses, from `from` on. */
export async function* openEarnings(
  { store, estimates }: EarningsPorts,
  { ruleset, from }: { readonly ruleset: Ruleset; readonly from?: Address | undefined },
): AsyncGenerator<{ account: Address; accruing: bigint }> {
  const paired = [...(await estimates.paired(ruleset))]
    .filter(([account]) => from === undefined || compareAddresses(account, from) >= 0)
    .sort(([a], [b]) => compareAddresses(a, b))
    .map(([account, accruing]) => ({ account, accruing }));
  for await (const [one, other] of merged(summedOpen(store, from), fromList(paired))) {
    const accruing = (one?.accruing ?? 0n) + (other?.accruing ?? 0n);
    const account = one?.account ?? other?.account;
    if (account !== undefined && accruing > 0n) yield { account, accruing };
  }
}

/** What everyone ever earned, in the order of their addresses, from `from` on. */
export async function* allEarnings(
  ports: EarningsPorts,
  query: { readonly ruleset: Ruleset; readonly from?: Address | undefined },
): AsyncGenerator<AccountEarnings> {
  const both = merged(closedEarnings(ports.store, query.from), openEarnings(ports, query));
  for await (const [closed, open] of both) {
    const account = closed?.account ?? open?.account;
    if (account === undefined) continue;
    yield accountEarnings(account, {
      closed: closed?.assets ?? [],
      accruing: open?.accruing ?? 0n,
      asset: query.ruleset.asset,
    });
  }
}

/** What one account ever earned; no assets when it never did. */
export async function earningsOf(
  { store, estimates }: EarningsPorts,
  { ruleset, account }: { readonly ruleset: Ruleset; readonly account: Address },
): Promise<AccountEarnings> {
  const range = { within: within.account(account) };
  const closed: [Address, bigint][] = [];
  for await (const { key, value } of walk(store, cumulatives, range)) closed.push([key.asset, value]);
  let accruing = (await estimates.paired(ruleset)).get(account) ?? 0n;
  for await (const { value } of walk(store, openSums, range))
    accruing += value.grossWei - value.commissionWei;
  return accountEarnings(account, { closed, accruing, asset: ruleset.asset });
}

function accountEarnings(
  account: Address,
  of: {
    readonly closed: readonly (readonly [Address, bigint])[];
    readonly accruing: bigint;
    readonly asset: Address;
  },
): AccountEarnings {
  const amounts = new Map(of.closed);
  if (of.accruing > 0n && !amounts.has(of.asset)) amounts.set(of.asset, 0n);
  const sorted = [...amounts].sort(([a], [b]) => compareAddresses(a, b));
  const assets = sorted.map(([asset, cumulative]) => {
    const accruing = asset === of.asset ? of.accruing : 0n;
    return { asset, earned: cumulative + accruing, accruing };
  });
  return { account, assets };
}

async function* summedOpen(store: LedgerStore, from: Address | undefined) {
  let current: { account: Address; accruing: bigint } | undefined;
  for await (const { key, value } of walk(store, openSums, startingAt(from))) {
    if (current !== undefined && current.account !== key.account) {
      yield current;
      current = undefined;
    }
    current ??= { account: key.account, accruing: 0n };
    current.accruing += value.grossWei - value.commissionWei;
  }
  if (current !== undefined) yield current;
}

async function* closedEarnings(store: LedgerStore, from: Address | undefined) {
  let current: { account: Address; assets: [Address, bigint][] } | undefined;
  for await (const { key, value } of walk(store, cumulatives, startingAt(from))) {
    if (current !== undefined && current.account !== key.account) {
      yield current;
      current = undefined;
    }
    current ??= { account: key.account, assets: [] };
    current.assets.push([key.asset, value]);
  }
  if (current !== undefined) yield current;
}

function startingAt(from: Address | undefined): { from?: Uint8Array } {
  return from === undefined ? {} : { from: addressBytes(from) };
}

async function* fromList<T>(list: readonly T[]): AsyncGenerator<T> {
  yield* list;
}

/** Two lists in the order of their accounts as one: each account once, with what either says of it. */
async function* merged<A extends { account: Address }, B extends { account: Address }>(
  left: AsyncGenerator<A>,
  right: AsyncGenerator<B>,
): AsyncGenerator<[A | undefined, B | undefined]> {
  try {
    let [one, other] = [await left.next(), await right.next()];
    while (!one.done || !other.done) {
      const order = one.done ? 1 : other.done ? -1 : compareAddresses(one.value.account, other.value.account);
      yield [order <= 0 ? one.value : undefined, order >= 0 ? other.value : undefined] as [A, B];
      if (order <= 0) one = await left.next();
      if (order >= 0) other = await right.next();
    }
  } finally {
    // Whoever stops in the middle lets both walks go.
    await left.return(undefined);
    await right.return(undefined);
  }
}
