import { accrueFee } from "../../core/accrual/per-job-fee.ts";
import type { Address } from "../../core/address.ts";
import type { Ruleset } from "../../core/ruleset.ts";
import { cumulatives, epochs, objects, within } from "../../store/keys.ts";
import { getOne, walk } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import type { Head } from "../../store/records.ts";
import { correlateWaiting } from "../close/open-epoch.ts";
import { readHead } from "../ingest/ingest.ts";

/** What look-ups of all accounts share at one state of the ledger. */
export type OpenState = {
  /** Where accounts may have sums of the open epoch; never too few. */
  readonly partitions: readonly string[];
  /** What accounts may have amounts of. */
  readonly assets: readonly Address[];
  /** The key of the newest object read. */
  readonly newest: string | null;
  /** What AI pairs would add to each account if the epoch closed now, in the asset's smallest unit. */
  readonly paired: ReadonlyMap<Address, bigint>;
};

/** Keeps the open state as the ledger moves, reading only what is new. */
export type OpenStateReader = {
  /** Where to look, as known so far: good enough to ask for, to be held against `at`. */
  readonly known: () => Pick<OpenState, "partitions" | "assets">;
  /**
   * The state at `head`; undefined when the ledger has moved on since. With `loose` its pairs may be those of an object
   * more or less of the same epoch, for a ledger that moves faster than they can be found.
   */
  readonly at: (head: Head, how: { ruleset: Ruleset; loose: boolean }) => Promise<OpenState | undefined>;
};

/** Follows the ledger of a store. */
export function createOpenStateReader(store: LedgerStore): OpenStateReader {
  let newest: Dated | undefined;
  let reading: Promise<unknown> | undefined;
  /** States up to this one were read, or have passed before they could be. */
  let passed = -1;

  const read = async (head: Head, ruleset: Ruleset): Promise<Dated | undefined> => {
    const places = await readPlaces(store, { head, ruleset, before: newest });
    const paired = await pairedEarnings(store, ruleset);
    const now = await readHead(store);
    passed = head.sequence;
    newest = sameEpochs(head, now)
      ? { head, exact: now.sequence === head.sequence, state: { ...places, paired } }
      : undefined;
    return newest;
  };
  const known = (head: Head, loose: boolean): OpenState | undefined => {
    if (newest === undefined) return undefined;
    if (newest.head.sequence === head.sequence && newest.exact) return newest.state;
    const close = sameEpochs(newest.head, head) && newest.head.nextOrdinal >= head.nextOrdinal;
    return loose && close ? newest.state : undefined;
  };
  return {
    known: () => newest?.state ?? nothingKnown,
    at: async (head, { ruleset, loose }) => {
      while (head.sequence > passed) {
        if (reading === undefined) {
          reading = read(head, ruleset).finally(() => {
            reading = undefined;
          });
        }
        await reading;
      }
      return known(head, loose);
    },
  };
}

/** A state and the head that it was read at; `exact` unless the ledger moved meanwhile. */
type Dated = { readonly head: Head; readonly exact: boolean; readonly state: OpenState };

const nothingKnown: OpenState = { partitions: [], assets: [], newest: null, paired: new Map() };

/** Whether the same epochs are closed: then numbers of objects mean the same, and there are only more of them. */
function sameEpochs(a: Head, b: Head): boolean {
  return a.previousManifest === b.previousManifest && a.openFrom === b.openFrom;
}

/** Partitions, assets and newest object at `head`, starting from what was known of the same epochs. */
async function readPlaces(
  store: LedgerStore,
  { head, ruleset, before }: { head: Head; ruleset: Ruleset; before: Dated | undefined },
): Promise<Omit<OpenState, "paired">> {
  const { openFrom, nextOrdinal } = head;
  const same =
    before !== undefined && sameEpochs(before.head, head) && before.head.nextOrdinal <= nextOrdinal;
  const known = same ? before.state : { ...nothingKnown, assets: await paidAssets(store, head) };
  const partitions = new Set(known.partitions);
  let { newest } = known;
  // From the last one before: after a close there may be none in the open epoch.
  const from = (same ? before.head.nextOrdinal : openFrom) - 1;
  if (from + 1 < nextOrdinal || !same) {
    for await (const { key, value } of walk(store, objects, { from: within.ordinal(Math.max(from, 0)) })) {
      if (key >= nextOrdinal) break;
      if (key >= openFrom) partitions.add(value.partition);
      newest = value.key;
    }
  }
  const assets = new Set([...known.assets, ruleset.asset]);
  return { partitions: [...partitions], assets: [...assets], newest };
}

/** The assets of which anybody has a leaf. */
async function paidAssets(store: LedgerStore, head: Head): Promise<readonly Address[]> {
  const closed = head.epoch === 1 ? undefined : await getOne(store, epochs, head.epoch - 1);
  if (closed?.assets !== undefined) return closed.assets;
  // Closed before epochs told.
  const assets = new Set<Address>();
  for await (const { key } of walk(store, cumulatives)) assets.add(key.asset);
  return [...assets];
}

async function pairedEarnings(store: LedgerStore, ruleset: Ruleset): Promise<ReadonlyMap<Address, bigint>> {
  const amounts = new Map<Address, bigint>();
  const { pairs } = await correlateWaiting(store, ruleset);
  for (const { job, receipt } of pairs) {
    const { earnedWei } = accrueFee(job.feesWei, ruleset);
    amounts.set(receipt.account, (amounts.get(receipt.account) ?? 0n) + earnedWei);
  }
  return amounts;
}
