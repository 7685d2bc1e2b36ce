import type { EpochInputs } from "../../core/artifacts.ts";
import { type ClosedEpoch, closeEpoch as closeInput, type EpochInput } from "../../core/epoch.ts";
import type { EpochRecords } from "../../core/epoch-files.ts";
import type { Leaf } from "../../core/merkle/leaf.ts";
import { invariant } from "../../errors.ts";
import { cumulatives, openSums } from "../../store/keys.ts";
import { walk } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import type { Counters, Head } from "../../store/records.ts";
import { addCounters, emptyCounters } from "../ingest/apply-object.ts";
import {
  correlateWaiting,
  earliestAccepted,
  type NumberedObject,
  openObjects,
  openRejections,
  type WaitingOutcome,
} from "./open-epoch.ts";

/** The open epoch as it would be closed: its money and trees, what its files tell, and what still waits. */
export type DerivedEpoch = {
  readonly closed: ClosedEpoch;
  readonly records: EpochRecords;
  readonly inputs: EpochInputs;
  readonly waiting: WaitingOutcome;
};

/** Folds the open epoch whose close was decided in `head`; reads the store only. Undefined when nobody earned. */
export async function deriveEpoch(store: LedgerStore, head: Head): Promise<DerivedEpoch | undefined> {
  const { ruleset, closing } = head;
  const opensAt = await openingTime(store, head);
  invariant(
    ruleset !== null && closing !== null && opensAt !== undefined,
    "A close was decided for an empty epoch.",
  );
  const waiting = await correlateWaiting(store, ruleset);
  const closed = closeInput({
    epoch: head.epoch,
    chainId: closing.chainId,
    distributor: closing.distributor,
    opensAt,
    closesAt: closing.closesAt,
    previousManifest: head.previousManifest,
    ruleset,
    sums: await openSumList(store),
    pairs: waiting.pairs,
    cumulatives: await cumulativeList(store),
  });
  if (closed === undefined) return undefined;
  const objects = await Array.fromAsync(openObjects(store, head));
  const rejections = await openRejectionList(store, head, objects);
  const lines = objects.map(({ key, archiveKey, sha256, bytes, events, accepted, rejected, duplicates }) => {
    return { key, archiveKey, sha256, bytes, events, accepted, rejected, duplicates };
  });
  const { events, accepted, rejected, duplicates, late } = objects.reduce<Counters>(
    addCounters,
    emptyCounters,
  );
  const inputs = {
    objects: objects.length,
    bytes: objects.reduce((total, object) => total + object.bytes, 0),
    ...{ events, accepted, rejected, duplicates, late },
    unmatched: waiting.jobs.length,
  };
  return { closed, records: { objects: lines, rejections, waiting: waiting.jobs }, inputs, waiting };
}

/** When the open epoch opened (ms since 1970); undefined while the first epoch has no accepted event. */
export async function openingTime(store: LedgerStore, head: Head): Promise<number | undefined> {
  if (head.opensAt !== null) return head.opensAt;
  const known = firstTimes.get(store);
  if (known?.sequence === head.sequence) return known.time;
  const time = await earliestAccepted(store);
  firstTimes.set(store, { sequence: head.sequence, time });
  return time;
}

// The earliest event is found by walking all; the answer stands until the ledger moves.
const firstTimes = new WeakMap<LedgerStore, { sequence: number; time: number | undefined }>();

/** Sums of the open epoch with earned = gross − commission. */
export async function openSumList(store: LedgerStore): Promise<EpochInput["sums"][number][]> {
  const sums: EpochInput["sums"][number][] = [];
  for await (const { key, value } of walk(store, openSums)) {
    sums.push({ ...key, ...value, earnedWei: value.grossWei - value.commissionWei });
  }
  return sums;
}

/** Every account's amount as of the last close. */
export async function cumulativeList(store: LedgerStore): Promise<Leaf[]> {
  const leaves: Leaf[] = [];
  for await (const { key, value } of walk(store, cumulatives)) leaves.push({ ...key, cumulative: value });
  return leaves;
}

async function openRejectionList(
  store: LedgerStore,
  head: Head,
  objects: readonly NumberedObject[],
): Promise<EpochRecords["rejections"]> {
  const byOrdinal = new Map(objects.map((object) => [object.ordinal, object]));
  const list: EpochRecords["rejections"][number][] = [];
  for await (const { ordinal, position, id, reason, detail } of openRejections(store, head)) {
    const object = byOrdinal.get(ordinal);
    invariant(object !== undefined, "A rejection names an object outside its epoch.", { ordinal });
    list.push({ object: object.key, sha256: object.sha256, position, id, reason, detail });
  }
  return list;
}
