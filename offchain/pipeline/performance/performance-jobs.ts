import type { Ruleset } from "../../core/ruleset.ts";
import { jobSamples, type PairedJob, type SampleKey } from "../../store/job-keys.ts";
import { objects, within } from "../../store/keys.ts";
import { getMany, walk } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import type { Head } from "../../store/records.ts";
import { requireEpoch } from "../close/epochs.ts";
import { rulesetInForce } from "../ingest/ingest.ts";
import { sampleKey } from "../ingest/samples.ts";
import { closedPairs, createPairBook, type PairsByObject, waitingPairs } from "./job-pairs.ts";
import { samplePartitions, samplesFrom } from "./sample-walk.ts";

/** Which jobs figures are about: those that an epoch pays, the open one or a closed one, or those of a time, in ms since 1970. */
export type JobSpan = { readonly epoch: number } | { readonly from: number; readonly until: number };

/** The jobs of an object of a span. */
export type SpannedObject = {
  readonly samples: Uint8Array;
  /** Who did its AI jobs that name no worker. */
  readonly pairs: readonly PairedJob[];
  /** Whether only those of `pairs` count: the others were paid in an earlier epoch. */
  readonly onlyPairs: boolean;
};

/** The jobs of a span, one partition after the other, as of `head`. */
export async function* spannedObjects(
  store: LedgerStore,
  span: JobSpan,
  context: { readonly head: Head; readonly configured: Ruleset },
): AsyncGenerator<{ partition: string; objects: AsyncIterable<SpannedObject> }> {
  if ("epoch" in span) {
    yield* epochObjects(store, { ...context, epoch: span.epoch });
    return;
  }
  const waiting = await waitingPairs(store, rulesetInForce(context.head, context.configured));
  for (const partition of await samplePartitions(store)) {
    const newest = span.from;
    yield { partition, objects: timedObjects(store, { partition, newest, waiting, head: context.head }) };
  }
}

async function* timedObjects(
  store: LedgerStore,
  of: Pick<SampleKey, "partition" | "newest"> & { readonly waiting: PairsByObject; readonly head: Head },
): AsyncGenerator<SpannedObject> {
  const closed = createPairBook(store);
  for await (const { key, value } of samplesFrom(store, of)) {
    if (key.ordinal >= of.head.nextOrdinal) continue;
    const known = key.ordinal < of.head.openFrom ? await closed(key.ordinal) : none;
    const pairs = joined(known, of.waiting.get(key.ordinal));
    yield { samples: value, pairs, onlyPairs: false };
  }
}

const none: readonly PairedJob[] = [];

function joined(known: readonly PairedJob[], more: readonly PairedJob[] = none): readonly PairedJob[] {
  if (known.length === 0 || more.length === 0) return known.length === 0 ? more : known;
  return [...known, ...more].sort((a, b) => a.position - b.position);
}

async function* epochObjects(
  store: LedgerStore,
  of: { readonly epoch: number; readonly head: Head; readonly configured: Ruleset },
): AsyncGenerator<{ partition: string; objects: AsyncIterable<SpannedObject> }> {
  const { epoch, head, configured } = of;
  const open = epoch === head.epoch;
  const { openFrom, nextOrdinal } = open ? head : await requireEpoch(store, epoch);
  const pairs = open
    ? await waitingPairs(store, rulesetInForce(head, configured))
    : await closedPairs(store, epoch);
  const keys: SampleKey[] = [];
  for await (const { key, value } of walk(store, objects, { from: within.ordinal(openFrom) })) {
    if (key >= nextOrdinal) break;
    const place = sampleKey(key, value);
    if (place !== undefined) keys.push(place);
  }
  const carried = [...pairs.keys()].filter((ordinal) => ordinal < openFrom);
  const records = await getMany(store, objects, carried);
  for (const [index, ordinal] of carried.entries()) {
    const place = sampleKey(ordinal, records[index]);
    if (place !== undefined) keys.push(place);
  }
  const byPartition = Map.groupBy(keys, ({ partition }) => partition);
  for (const [partition, own] of [...byPartition].sort(([a], [b]) => (a < b ? -1 : 1))) {
    yield { partition, objects: keyedObjects(store, { keys: own, pairs, openFrom }) };
  }
}

async function* keyedObjects(
  store: LedgerStore,
  of: { readonly keys: readonly SampleKey[]; readonly pairs: PairsByObject; readonly openFrom: number },
): AsyncGenerator<SpannedObject> {
  for (let start = 0; start < of.keys.length; start += objectsAtOnce) {
    const keys = of.keys.slice(start, start + objectsAtOnce);
    for (const [index, samples] of (await getMany(store, jobSamples, keys)).entries()) {
      const { ordinal } = keys[index] ?? { ordinal: 0 };
      if (samples === undefined) continue;
      yield { samples, pairs: of.pairs.get(ordinal) ?? none, onlyPairs: ordinal < of.openFrom };
    }
  }
}

// Of ten thousand jobs each they are a few MB.
const objectsAtOnce = 16;
