import type { Address } from "../../core/address.ts";
import { chainCursors, heads } from "../../store/keys.ts";
import { getOne, keyOf } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import type { ChainCursor, EpochState, Head } from "../../store/records.ts";
import { firstHead } from "../ingest/ingest.ts";
import { newestOnChain } from "./on-chain.ts";
import { type ChainOverlay, mergedOverlay } from "./watch-claims.ts";

/** Where ledger and chain stood at one moment. */
export type Moment = { readonly head: Head; readonly cursor: ChainCursor | undefined };

/** The keys of a moment, to be read together with whatever else is wanted as of it. */
export const momentKeys: readonly Uint8Array[] = [keyOf(heads, "head"), keyOf(chainCursors, "cursor")];

/** The moment that the values of `momentKeys` tell of. */
export function momentOf([head, cursor]: readonly (Uint8Array | undefined)[]): Moment {
  return {
    head: head === undefined ? firstHead : heads.value.decode(head),
    cursor: cursor && chainCursors.value.decode(cursor),
  };
}

/** What follows for everyone from the closed epochs and one look at the chain. */
export type Standing = {
  /** The newest of our epochs that stands on chain, and the newest that is active. */
  readonly posted: EpochState | undefined;
  readonly active: EpochState | undefined;
  /** Σ of what an account received of an asset that is not final yet, in its smallest unit. */
  readonly unsettled: (of: { readonly account: Address; readonly asset: Address }) => bigint;
};

/** Finds how things stand at a moment; undefined when ledger or chain have been read on since. */
export type Standings = (moment: Moment) => Promise<Standing | undefined>;

/** What was seen of the chain: another object whenever a look begins or ends, between which final blocks only grow. */
export type Seen = { readonly overlay: ChainOverlay | undefined };

/** Finds each standing once: it changes with the closed epochs, the final blocks read, and what was seen. */
export function createStandings(store: LedgerStore, seenNow: () => Seen): Standings {
  type Known = Pick<Head, "previousManifest"> & {
    readonly seen: Seen;
    readonly block: number | undefined;
    readonly standing: Promise<Standing | undefined>;
  };
  let known: Known | undefined;
  return ({ head: { previousManifest }, cursor }) => {
    const seen = seenNow();
    const { overlay } = seen;
    const block = cursor?.block;
    const same = known?.previousManifest === previousManifest && known?.block === block;
    if (known !== undefined && same && known.seen === seen) return known.standing;
    // What became final since the moment is in the overlay no more.
    if (overlay !== undefined && block !== undefined && overlay.cursor.block > block) {
      return Promise.resolve(undefined);
    }
    const merged = cursor === undefined ? undefined : mergedOverlay(overlay, cursor);
    const finding = find(store, merged).then(async (standing) => {
      const [head, now] = [await getOne(store, heads, "head"), await getOne(store, chainCursors, "cursor")];
      const still = (head ?? firstHead).previousManifest === previousManifest && now?.block === block;
      return still && seenNow() === seen ? standing : undefined;
    });
    const finds: Known = { previousManifest, block, seen, standing: finding };
    known = finds;
    const forget = (): void => {
      if (known === finds) known = undefined;
    };
    finding.then((standing) => standing === undefined && forget(), forget);
    return finding;
  };
}

async function find(store: LedgerStore, overlay: ChainOverlay | undefined): Promise<Standing> {
  const { posted, active } = await newestOnChain(store, overlay);
  const sums = new Map<string, bigint>();
  for (const log of overlay?.logs ?? []) {
    if (log.kind !== "claimed") continue;
    const name = `${log.account} ${log.asset}`;
    sums.set(name, (sums.get(name) ?? 0n) + log.amount);
  }
  return { posted, active, unsettled: ({ account, asset }) => sums.get(`${account} ${asset}`) ?? 0n };
}
