import type { Address } from "../../core/address.ts";
import type { Ruleset } from "../../core/ruleset.ts";
import { claims, cumulatives, within } from "../../store/keys.ts";
import { walk } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import { openingTime } from "../close/derive-epoch.ts";
import { correlateWaiting } from "../close/open-epoch.ts";
import { readHead } from "../ingest/ingest.ts";
import type { ChainTotals, ChainView } from "../workers/worker.ts";
import { sumByAsset } from "./asset-sums.ts";
import { createKept } from "./kept.ts";
import { createLedgerTotals, type LedgerTotals } from "./ledger-totals.ts";

/** What a pool is watched by; amounts in the smallest unit of their asset, times in ms since 1970. */
export type Figures = LedgerTotals & {
  /** AI jobs without their receipt. */
  readonly unmatched: number;
  readonly opensAt: number | null;
  /** The newest closed epoch; 0 before the first. */
  readonly closed: number;
  readonly onChain: ChainTotals;
  /** Final claims ever. */
  readonly claims: number;
  /** By asset, what closed epochs have given to workers and these have not received: the pool's debt. */
  readonly owed: ReadonlyMap<Address, bigint>;
};

/**
 * Reads the figures of a pool, all from the ledger. They are read once for each state of the ledger and the chain,
 * however often they are asked for.
 */
export function createFigures(
  { store, chain }: { readonly store: LedgerStore; readonly chain: ChainView },
  configured: Ruleset,
): () => Promise<Figures> {
  const totals = createLedgerTotals(store);
  const countClaims = createClaimCounter(store);
  const earned = createKept({
    version: async () => (await readHead(store)).epoch,
    read: () => sumByAsset(store, cumulatives),
  });
  return createKept({
    version: async () => `${(await readHead(store)).sequence} ${chain.block}`,
    read: async () => {
      const head = await readHead(store);
      const onChain = await chain.totals();
      const { jobs } = await correlateWaiting(store, head.ruleset ?? configured);
      const owed = [...(await earned())].map(([asset, amount]) => {
        return [asset, amount - (onChain.claimed.get(asset) ?? 0n)] as const;
      });
      return {
        ...(await totals()),
        ...{ unmatched: jobs.length, onChain, closed: head.epoch - 1 },
        opensAt: (await openingTime(store, head)) ?? null,
        claims: await countClaims(),
        owed: new Map(owed),
      };
    },
  });
}

/** Counts final claims; each is walked once, since they stand in the order of the chain. */
function createClaimCounter(store: LedgerStore): () => Promise<number> {
  let known = { count: 0, block: 0, inBlock: 0 };
  return async () => {
    // Walks begin at a block, so the newest one that was counted is counted again.
    let { count, block, inBlock } = { ...known, count: known.count - known.inBlock, inBlock: 0 };
    for await (const { key } of walk(store, claims, { from: within.ordinal(known.block) })) {
      inBlock = key.block === block ? inBlock + 1 : 1;
      block = key.block;
      count += 1;
    }
    known = { count, block, inBlock };
    return count;
  };
}
