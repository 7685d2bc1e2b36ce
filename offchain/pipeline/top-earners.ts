import { type Address, compareAddresses } from "../core/address.ts";

/** What an account earned of one asset, in its smallest unit. */
export type Earner = { readonly account: Address; readonly earned: bigint };

/** The accounts that earned most, and how many earned anything. */
export type TopEarners = { readonly accounts: number; readonly top: readonly Earner[] };

/** More first; of the same amount, by address. */
export function byEarned(a: Earner, b: Earner): number {
  return a.earned === b.earned ? compareAddresses(a.account, b.account) : a.earned > b.earned ? -1 : 1;
}

/** The `most` accounts that earned most, in memory for twice as many; who earned nothing is left out. */
export async function topEarners(
  earners: AsyncIterable<Earner> | Iterable<Earner>,
  most: number,
): Promise<TopEarners> {
  let top: Earner[] = [];
  let accounts = 0;
  // What the last of the best has, once there are enough: whoever has less is none of them.
  let bar = 0n;
  for await (const earner of earners) {
    if (earner.earned === 0n) continue;
    accounts += 1;
    if (earner.earned < bar) continue;
    top.push(earner);
    if (top.length < 2 * most) continue;
    top = top.sort(byEarned).slice(0, most);
    bar = top.at(-1)?.earned ?? 0n;
  }
  return { accounts, top: top.sort(byEarned).slice(0, most) };
}
