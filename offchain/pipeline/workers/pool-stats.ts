import { type Address, compareAddresses } from "../../core/address.ts";
import type { AssetTotals, EpochInputs, Manifest } from "../../core/artifacts.ts";
import type { Ruleset } from "../../core/ruleset.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import type { Counters, EpochState, Head } from "../../store/records.ts";
import { listEpochs, readManifest } from "../close/epochs.ts";
import { openObjects } from "../close/open-epoch.ts";
import { type OpenEpochTotals, sumOpenEpoch } from "../close/open-totals.ts";
import { addCounters, emptyCounters } from "../ingest/apply-object.ts";
import { readHead } from "../ingest/ingest.ts";
import { createKept, type Kept } from "../operate/kept.ts";
import { ledgerBusy } from "../operate/steady.ts";
import {
  type AsOf,
  type ChainTotals,
  type ChainView,
  fiveAmounts,
  readAsOf,
  type WorkerAsset,
} from "./worker.ts";

/** Counts of what was read: events = accepted + rejected + duplicates. */
export type ReadCounts = Pick<
  EpochInputs,
  "objects" | "events" | "accepted" | "rejected" | "duplicates" | "late"
>;

/** What the pool took in and owes, in the asset's smallest unit; `gross` and `commission` of all time. */
export type PoolAsset = WorkerAsset & { readonly gross: bigint; readonly commission: bigint };

/** Figures of the pool as a whole. */
export type PoolStats = {
  readonly epochs: {
    readonly closed: number;
    readonly posted: number;
    readonly active: number;
    readonly open: number;
  };
  /** Accounts with a leaf in the newest closed epoch, and those that gained something in the open one. */
  readonly workers: { readonly closed: number; readonly open: number };
  /** Of all time, the open epoch included, and of the open epoch alone. */
  readonly events: { readonly all: ReadCounts; readonly open: ReadCounts };
  readonly open: OpenEpochTotals;
  readonly assets: readonly PoolAsset[];
  readonly asOf: AsOf;
};

/** What figures of the pool are read from. */
export type StatsPorts = {
  readonly store: LedgerStore;
  readonly artifacts: ObjectStore;
  readonly chain: Pick<ChainView, "block" | "totals">;
};

/** Reads the figures of the pool, once for each state of ledger and chain. Throws `manifest-damaged`, `ledger-busy`. */
export function createPoolStats(ports: StatsPorts, configured: Ruleset): Kept<PoolStats> {
  const summaries = new Map<string, EpochSummary>();
  return createKept({
    version: async () => `${(await readHead(ports.store)).sequence} ${ports.chain.block}`,
    read: async () => {
      // Sums of a ledger that goes on reading are right; those of one that closed an epoch meanwhile are not.
      for (let tries = 0; tries < triesAtMost; tries++) {
        const head = await readHead(ports.store);
        const stats = await readStats(ports, { head, ruleset: head.ruleset ?? configured, summaries });
        if ((await readHead(ports.store)).previousManifest === head.previousManifest) return stats;
      }
      throw ledgerBusy({ tries: triesAtMost });
    },
  });
}

const triesAtMost = 5;

type EpochSummary = Pick<Manifest, "inputs" | "totals" | "leaves">;

async function readStats(
  ports: StatsPorts,
  of: { head: Head; ruleset: Ruleset; summaries: Map<string, EpochSummary> },
): Promise<PoolStats> {
  const { store, chain } = ports;
  const { head, ruleset } = of;
  const asOf = await readAsOf(store, chain);
  const closed = await closedSummaries(ports, of.summaries);
  const onChain = await chain.totals();
  const open = await sumOpenEpoch(store, ruleset);
  const counts = await openCounts(store, head);
  return {
    epochs: { closed: closed.size, posted: onChain.posted, active: onChain.active, open: head.epoch },
    workers: { closed: closed.get(head.epoch - 1)?.leaves ?? 0, open: open.accounts },
    events: { all: [...closed.values()].map(({ inputs }) => inputs).reduce(addCounts, counts), open: counts },
    open,
    assets: poolAssets(closed, { open, onChain, newest: head.epoch - 1 }),
    asOf,
  };
}

/** What is needed of each manifest, by epoch; a manifest is read once. */
async function closedSummaries(
  ports: StatsPorts,
  known: Map<string, EpochSummary>,
): Promise<Map<number, EpochSummary>> {
  const states = await Array.fromAsync(listEpochs(ports.store));
  const missing = states.filter(({ manifestHash }) => !known.has(manifestHash));
  const read = async (state: EpochState): Promise<void> => {
    const { inputs, totals, leaves } = await readManifest(ports.artifacts, state);
    known.set(state.manifestHash, { inputs, totals, leaves });
  };
  for (let at = 0; at < missing.length; at += readsAtOnce) {
    await Promise.all(missing.slice(at, at + readsAtOnce).map(read));
  }
  const summaries = states.map(({ epoch, manifestHash }) => [epoch, known.get(manifestHash)] as const);
  return new Map(summaries.flatMap(([epoch, summary]) => (summary === undefined ? [] : [[epoch, summary]])));
}

const readsAtOnce = 16;

function poolAssets(
  closed: ReadonlyMap<number, EpochSummary>,
  of: { open: OpenEpochTotals; onChain: ChainTotals; newest: number },
): PoolAsset[] {
  const { open, onChain, newest } = of;
  const sums = new Map<Address, { gross: bigint; commission: bigint }>();
  const add = (asset: Address, more: { gross: bigint; commission: bigint }): void => {
    const { gross, commission } = sums.get(asset) ?? { gross: 0n, commission: 0n };
    sums.set(asset, { gross: gross + more.gross, commission: commission + more.commission });
  };
  add(open.asset, open);
  for (const { totals } of closed.values()) {
    for (const { asset, gross, commission } of totals)
      add(asset, { gross: BigInt(gross), commission: BigInt(commission) });
  }
  const cumulativeAt = (epoch: number, asset: Address): bigint =>
    BigInt(totalOf(closed.get(epoch)?.totals, asset)?.cumulative ?? 0);
  return [...sums]
    .sort(([a], [b]) => compareAddresses(a, b))
    .map(([asset, { gross, commission }]) => {
      const accruing = asset === open.asset ? open.earned : 0n;
      const five = fiveAmounts(
        { asset, accruing, cumulative: cumulativeAt(newest, asset) },
        {
          posted: cumulativeAt(onChain.posted, asset),
          active: cumulativeAt(onChain.active, asset),
          claimed: onChain.claimed.get(asset) ?? 0n,
        },
      );
      return { ...five, gross, commission };
    });
}

function totalOf(totals: readonly AssetTotals[] | undefined, asset: Address): AssetTotals | undefined {
  return totals?.find((total) => total.asset === asset);
}

async function openCounts(store: LedgerStore, head: Head): Promise<ReadCounts> {
  let counters: Counters = emptyCounters;
  let objects = 0;
  for await (const object of openObjects(store, head)) {
    objects += 1;
    counters = addCounters(counters, object);
  }
  const { events, accepted, rejected, duplicates, late } = counters;
  return { objects, events, accepted, rejected, duplicates, late };
}

function addCounts(a: ReadCounts, b: ReadCounts): ReadCounts {
  return {
    objects: a.objects + b.objects,
    events: a.events + b.events,
    accepted: a.accepted + b.accepted,
    rejected: a.rejected + b.rejected,
    duplicates: a.duplicates + b.duplicates,
    late: a.late + b.late,
  };
}
