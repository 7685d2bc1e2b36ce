import type { Address } from "../../core/address.ts";
import { isRejection } from "../../core/event.ts";
import {
  type ExcludedEvent,
  type ExplainedEvent,
  elementsNaming,
  explainJobs,
  type NamedElement,
  type PaidJob,
  sortExcluded,
} from "../../core/explanation.ts";
import { parsePartitionName } from "../../core/partition.ts";
import type { Ruleset } from "../../core/ruleset.ts";
import { parseTime } from "../../core/time.ts";
import { invariant } from "../../errors.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import { madePairs, objects, rejections, versions, within } from "../../store/keys.ts";
import { getMany, walk } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import type { EpochState, MadePair } from "../../store/records.ts";
import { madePair } from "../close/closing-writes.ts";
import { listEpochs } from "../close/epochs.ts";
import { waitingGroups } from "../close/open-epoch.ts";
import { readArchived } from "../ingest/archived.ts";

/** What tracing works on. */
export type TracePorts = { readonly store: LedgerStore; readonly archive: ObjectStore };

/** Whose events, by the rules of the epoch that they were read in. */
export type TraceQuery = { readonly account: Address; readonly ruleset: Ruleset };

/** The objects of an epoch, by number, and when it opened (ms since 1970); null when nothing can be late. */
export type TracedEpoch = {
  readonly epoch: number;
  readonly openFrom: number;
  readonly nextOrdinal: number;
  readonly opensAt: number | null;
};

/** An element that names the account, in its object. */
export type PlacedElement = NamedElement & {
  readonly ordinal: number;
  readonly object: string;
  readonly partition: string;
};

/** An AI pair that pays the account, with the id of its job. */
export type TracedPair = Omit<MadePair, "feesWei"> & { readonly id: string; readonly feesWei: bigint };

/** Every event behind what the account gained in an epoch, and every one left out. */
export type Trace = {
  readonly events: readonly ExplainedEvent[];
  readonly excluded: readonly ExcludedEvent[];
};

/** A closed epoch as `traceEpoch` takes it. */
export function tracedEpoch(state: EpochState): TracedEpoch {
  return { ...state, opensAt: parseTime(state.opensAt) ?? null };
}

/**
 * Traces an account through a closed epoch: its archived objects are read again, one at a time, and the ledger says
 * which events own their ids. Throws `archive-incomplete`.
 */
export async function traceClosedEpoch(
  ports: TracePorts,
  query: TraceQuery & { readonly epoch: TracedEpoch },
): Promise<Trace> {
  const { openFrom, nextOrdinal } = query.epoch;
  const elements = await Array.fromAsync(
    elementsOfObjects(ports, { ...query, from: openFrom, to: nextOrdinal }),
  );
  const pairs = await closedPairs(ports.store, query);
  return judge(ports.store, { ...query, elements, pairs });
}

/** The elements that name the account in the objects numbered `from` up to, not including, `to`. */
export async function* elementsOfObjects(
  { store, archive }: TracePorts,
  query: TraceQuery & { readonly from: number; readonly to: number },
): AsyncGenerator<PlacedElement> {
  const { account, ruleset, from, to } = query;
  for await (const { key: ordinal, value: record } of walk(store, objects, { from: within.ordinal(from) })) {
    if (ordinal >= to) return;
    const { key, partition: name } = record;
    const partition = parsePartitionName(name);
    invariant(partition !== undefined, "An object has no partition.", { object: key, partition: name });
    const bytes = await readArchived(archive, record);
    for (const element of elementsNaming(account, { bytes, key, partition, ruleset })) {
      yield { ...element, ordinal, object: key, partition: name };
    }
  }
}

/** The AI pairs of the account that the epoch's close made. */
async function closedPairs(
  store: LedgerStore,
  { account, epoch: { epoch } }: { account: Address; epoch: TracedEpoch },
): Promise<TracedPair[]> {
  const entries = walk(store, madePairs, { within: within.epochAccount(epoch, account) });
  return Array.fromAsync(entries, ({ key, value }) => tracedPair(key.id, value));
}

/** The AI pairs of the account that a close would make now. */
export async function openPairs(store: LedgerStore, { account, ruleset }: TraceQuery): Promise<TracedPair[]> {
  const own: TracedPair[] = [];
  for await (const { pairs } of waitingGroups(store, ruleset)) {
    for (const pair of pairs) {
      if (pair.receipt.account === account) own.push(tracedPair(pair.job.id, madePair(pair)));
    }
  }
  return own;
}

function tracedPair(id: string, pair: MadePair): TracedPair {
  return { ...pair, id, feesWei: BigInt(pair.feesWei) };
}

/** What became of each element and pair, as the ledger stands. */
export async function judge(
  store: LedgerStore,
  query: {
    readonly ruleset: Ruleset;
    readonly epoch: TracedEpoch;
    readonly elements: readonly PlacedElement[];
    readonly pairs: readonly TracedPair[];
  },
): Promise<Trace> {
  const { ruleset, epoch, elements, pairs } = query;
  const jobs = await pairedJobs(store, { epoch, pairs });
  const excluded: ExcludedEvent[] = [];
  const matched = new Set(pairs.map(({ receipt }) => placeName(receipt)));
  for (let start = 0; start < elements.length; start += lookUpsAtOnce) {
    const batch = elements.slice(start, start + lookUpsAtOnce);
    const fates = await fatesOf(store, batch);
    for (const [index, { parsed, ordinal, object, position, partition }] of batch.entries()) {
      const reason = isRejection(parsed) ? parsed.reason : fates[index];
      if (reason !== undefined) excluded.push({ id: parsed.id, object, position, reason });
      if (isRejection(parsed) || reason !== undefined) continue;
      const { id, time, effect } = parsed;
      if (effect.kind === "job") {
        const { feesWei } = effect;
        jobs.push({ id, time, partition, object, position, feesWei, late: isLate(time, epoch.opensAt) });
      } else if (effect.kind === "ai-receipt" && !matched.has(placeName({ ordinal, position }))) {
        excluded.push({ id, object, position, reason: "unmatched" });
      }
    }
  }
  for (const { id, object, position, feesWei } of jobs) {
    if (feesWei === 0n) excluded.push({ id, object, position, reason: "zero-fee" });
  }
  const paid = jobs.filter(({ feesWei }) => feesWei > 0n);
  return { events: explainJobs(paid, ruleset), excluded: sortExcluded(excluded) };
}

const lookUpsAtOnce = 1000;

/** Why a well-formed event does not count; undefined when it does, being the one that owns its id. */
async function fatesOf(
  store: LedgerStore,
  elements: readonly PlacedElement[],
): Promise<("conflicting-duplicate" | "duplicate" | undefined)[]> {
  const known = await getMany(
    store,
    versions,
    elements.map(({ parsed }) => parsed.id ?? ""),
  );
  // A conflict of a closed epoch leaves no version behind, but its rejection stays.
  const conflicts = await getMany(store, rejections, elements);
  return elements.map(({ ordinal, position }, index) => {
    const owned = known[index]?.find((version) => {
      return version.ordinal === ordinal && version.position === position;
    });
    if (owned?.rejected === false) return undefined;
    return conflicts[index] === undefined ? "duplicate" : "conflicting-duplicate";
  });
}

async function pairedJobs(
  store: LedgerStore,
  { epoch, pairs }: { epoch: TracedEpoch; pairs: readonly TracedPair[] },
): Promise<PaidJob[]> {
  const ordinals = pairs.map(({ job }) => job.ordinal);
  const records = await getMany(store, objects, ordinals);
  const first = ordinals.reduce((least, ordinal) => Math.min(least, ordinal), Number.POSITIVE_INFINITY);
  const openings = await openingsOf(store, epoch, first);
  return pairs.map(({ id, partition, time, feesWei, job: { ordinal, position } }, index) => {
    const object = records[index]?.key;
    invariant(object !== undefined, "An AI job belongs to an object that the ledger does not know.", {
      ordinal,
    });
    // A job that waited is not late by having waited: what counts is the epoch in which it was read.
    const opensAt = openings.find(({ openFrom }) => openFrom <= ordinal)?.opensAt ?? null;
    return { id, time, partition, object, position, feesWei, late: isLate(time, opensAt) };
  });
}

/** The epoch and those before it, newest first, as far back as the object number `first`. */
async function openingsOf(store: LedgerStore, epoch: TracedEpoch, first: number): Promise<TracedEpoch[]> {
  const openings = [epoch];
  if (first >= epoch.openFrom) return openings;
  for await (const state of listEpochs(store, epoch.epoch)) {
    openings.push(tracedEpoch(state));
    if (state.openFrom <= first) break;
  }
  return openings;
}

function isLate(time: number, opensAt: number | null): boolean {
  return opensAt !== null && time < opensAt;
}

function placeName({ ordinal, position }: { ordinal: number; position: number }): string {
  return `${ordinal} ${position}`;
}
