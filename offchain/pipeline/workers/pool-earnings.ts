import { type Address, addressBytes, addressFromBytes, compareAddresses } from "../../core/address.ts";
import type { Ruleset } from "../../core/ruleset.ts";
import { cumulatives, openSums, within } from "../../store/keys.ts";
import { type Codec, walk } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import type { Earner } from "./top-earners.ts";
import type { Estimates } from "./worker.ts";

/** What an account earned of an asset, in its smallest unit: earned = accruing in the open epoch + all closed ones. */
export type AccountAsset = { readonly asset: Address; readonly earned: bigint; readonly accruing: bigint };

/** What an account earned, by asset. */
export type AccountEarnings = { readonly account: Address; readonly assets: readonly AccountAsset[] };

/** What pool-wide walks read from. */
export type EarningsPorts = { readonly store: LedgerStore; readonly estimates: Estimates };

/** The rules of the open epoch, and whom a walk begins with. */
export type EarningsQuery = { readonly ruleset: Ruleset; readonly from?: Address | undefined };

/** What everyone ever earned, in the order of their addresses, from `from` on. */
export async function* allEarnings(
  ports: EarningsPorts,
  query: EarningsQuery,
): AsyncGenerator<AccountEarnings> {
  for await (const [closed, open] of walkEarnings(ports, query)) {
    const closedAssets = (closed?.assets ?? []).map(([asset, amount]) => [spelled(asset), amount] as const);
    yield accountEarnings(spelled(closed?.account ?? open?.account ?? ""), {
      closed: closedAssets,
      accruing: open?.accruing ?? 0n,
      asset: query.ruleset.asset,
    });
  }
}

/** What everyone ever earned of the pool's asset, as `topEarners` takes it. */
export async function* allEarners(ports: EarningsPorts, query: EarningsQuery): AsyncGenerator<Earner> {
  const own = query.ruleset.asset.toLowerCase();
  for await (const [closed, open] of walkEarnings(ports, query)) {
    let earned = open?.accruing ?? 0n;
    for (const [asset, amount] of closed?.assets ?? []) if (`0x${asset}` === own) earned += amount;
    yield { account: `0x${closed?.account ?? open?.account ?? ""}`, earned };
  }
}

/** What everyone gained in the open epoch, AI pairs included, as `topEarners` takes it. */
export async function* openEarners(ports: EarningsPorts, query: EarningsQuery): AsyncGenerator<Earner> {
  for await (const { account, accruing } of walkOpen(ports, query)) {
    yield { account: `0x${account}`, earned: accruing };
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

// Below, an address is its 40 digits in lower case: to spell one with its checksum takes ten times as long as to read
// the entry that it is in, and of a million only some are shown.

type Open = { readonly account: string; accruing: bigint };
type Closed = { readonly account: string; readonly assets: [string, bigint][] };

const asIs: Codec<Uint8Array> = { encode: (bytes) => bytes, decode: (bytes) => bytes };

function walkEarnings(ports: EarningsPorts, query: EarningsQuery) {
  return merged(walkClosed(ports.store, query), walkOpen(ports, query));
}

async function* walkOpen({ store, estimates }: EarningsPorts, query: EarningsQuery): AsyncGenerator<Open> {
  const least = query.from === undefined ? "" : digits(query.from);
  const paired = [...(await estimates.paired(query.ruleset))]
    .map(([account, accruing]) => ({ account: digits(account), accruing }))
    .filter(({ account }) => account >= least)
    .sort((a, b) => (a.account < b.account ? -1 : 1));
  for await (const [one, other] of merged(walkSums(store, query), fromList(paired))) {
    const accruing = (one?.accruing ?? 0n) + (other?.accruing ?? 0n);
    if (accruing > 0n) yield { account: one?.account ?? other?.account ?? "", accruing };
  }
}

async function* walkSums(store: LedgerStore, query: EarningsQuery): AsyncGenerator<Open> {
  let current: Open | undefined;
  for await (const { key, value } of walk(store, { ...openSums, key: asIs }, startingAt(query))) {
    const account = digitsAt(key, 0);
    if (current !== undefined && current.account !== account) {
      yield current;
      current = undefined;
    }
    current ??= { account, accruing: 0n };
    current.accruing += value.grossWei - value.commissionWei;
  }
  if (current !== undefined) yield current;
}

async function* walkClosed(store: LedgerStore, query: EarningsQuery): AsyncGenerator<Closed> {
  let current: Closed | undefined;
  for await (const { key, value } of walk(store, { ...cumulatives, key: asIs }, startingAt(query))) {
    const account = digitsAt(key, 0);
    if (current !== undefined && current.account !== account) {
      yield current;
      current = undefined;
    }
    current ??= { account, assets: [] };
    current.assets.push([digitsAt(key, 20), value]);
  }
  if (current !== undefined) yield current;
}

function startingAt({ from }: EarningsQuery): { from?: Uint8Array } {
  return from === undefined ? {} : { from: addressBytes(from) };
}

function digits(address: Address): string {
  return address.slice(2).toLowerCase();
}

function digitsAt(key: Uint8Array, start: number): string {
  return Buffer.from(key.buffer, key.byteOffset + start, 20).toString("hex");
}

function spelled(lower: string): Address {
  return addressFromBytes(Buffer.from(lower, "hex"));
}

async function* fromList<T>(list: readonly T[]): AsyncGenerator<T> {
  yield* list;
}

/** Two lists in the order of their accounts as one: each account once, with what either says of it. */
async function* merged<A extends { account: string }, B extends { account: string }>(
  left: AsyncGenerator<A>,
  right: AsyncGenerator<B>,
): AsyncGenerator<[A | undefined, B | undefined]> {
  try {
    let [one, other] = [await left.next(), await right.next()];
    while (!one.done || !other.done) {
      const takeOne = !one.done && (other.done || one.value.account <= other.value.account);
      const takeOther = !other.done && (one.done || other.value.account <= one.value.account);
      yield [takeOne ? one.value : undefined, takeOther ? other.value : undefined];
      if (takeOne) one = await left.next();
      if (takeOther) other = await right.next();
    }
  } finally {
    // Whoever stops in the middle lets both walks go.
    await left.return(undefined);
    await right.return(undefined);
  }
}
