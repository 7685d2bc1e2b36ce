import { type Address, requireAddress } from "../../core/address.ts";

/** What an account, an address in lower case, earned of one asset, in its smallest unit. */
export type Earner = { readonly account: string; readonly earned: bigint };

/** One of the best, spelled as usual. */
export type TopEarner = { readonly account: Address; readonly earned: bigint };

/** The accounts that earned most, and how many earned anything. */
export type TopEarners = { readonly accounts: number; readonly top: readonly TopEarner[] };

/** More first; of the same amount, by address. */
export function byEarned(a: Earner, b: Earner): number {
  if (a.earned !== b.earned) return a.earned > b.earned ? -1 : 1;
  return a.account < b.account ? -1 : 1;
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
  top = top.sort(byEarned).slice(0, most);
  const spelled = top.map(({ account, earned }) => ({ account: requireAddress(account), earned }));
  return { accounts, top: spelled };
}
