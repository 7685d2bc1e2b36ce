import type { AiPair } from "../../core/correlation.ts";
import { decodeSamples, encodeSamples, type JobSample } from "../../core/job-samples.ts";
import type { PlacedEvent } from "../../core/object.ts";
import { invariant } from "../../errors.ts";
import { jobSamples, type PairedJob, pairedJobs, type SampleKey } from "../../store/job-keys.ts";
import { del, getOne, put } from "../../store/keyspace.ts";
import type { LedgerStore, StoreWrite } from "../../store/ledger-store.ts";
import type { ObjectRecord } from "../../store/records.ts";
import type { LedgerChange } from "./effects.ts";

/** An object as it is applied: its number, its events in their order, and the ledger's sequence after it. */
export type SampledObject = {
  readonly ordinal: number;
  readonly events: readonly PlacedEvent[];
  readonly changes: readonly LedgerChange[];
  readonly records: ReadonlyMap<number, ObjectRecord>;
  readonly sequence: number;
};

/** Keeps the accepted jobs of an object, and takes those that it makes uncounted out of earlier objects of the epoch. */
export async function sampleWrites(store: LedgerStore, object: SampledObject): Promise<StoreWrite[]> {
  const { ordinal, events, changes, records } = object;
  const withdrawn = new Map<number, Set<number>>();
  const accepted: JobSample[] = [];
  let at = 0;
  for (const { type, version } of changes) {
    if (version.effect.kind !== "job" && version.effect.kind !== "ai-job") continue;
    if (type === "withdraw") {
      const places = withdrawn.get(version.ordinal) ?? new Set();
      withdrawn.set(version.ordinal, places.add(version.position));
    } else if (type === "accept") {
      // Only events of this object are ever accepted, and in their order.
      while (at < events.length && events[at]?.position !== version.position) at += 1;
      const work = events[at]?.work;
      invariant(work !== undefined, "A job was accepted that is not of its object.", { ordinal });
      const { effect, position, time } = version;
      const account = effect.kind === "job" ? effect.account : undefined;
      accepted.push({ position, time, account, feesWei: effect.feesWei, work });
    }
  }
  const writes: StoreWrite[] = [];
  for (const [number, places] of withdrawn) {
    const key = sampleKey(number, records.get(number));
    if (number === ordinal || key === undefined) continue;
    rewritten.set(store, object.sequence);
    const kept = decodeSamples((await getOne(store, jobSamples, key)) ?? encodeSamples([]));
    writes.push(sampleWrite(key, without(kept, places)));
  }
  const kept = without(accepted, withdrawn.get(ordinal));
  const key = sampleKey(ordinal, records.get(ordinal));
  if (key !== undefined && kept.length > 0) writes.push(sampleWrite(key, kept));
  return writes;
}

/** Where the jobs of an object are; undefined for one without events. */
export function sampleKey(
  ordinal: number,
  record: Pick<ObjectRecord, "partition" | "newest"> | undefined,
): SampleKey | undefined {
  if (record === undefined || record.newest === null) return undefined;
  return { partition: record.partition, newest: record.newest, ordinal };
}

/** The write that makes these the jobs of an object. */
export function sampleWrite(key: SampleKey, jobs: readonly JobSample[]): StoreWrite {
  return jobs.length === 0 ? del(jobSamples, key) : put(jobSamples, key, encodeSamples(jobs));
}

/** The sequence of the last object that took jobs out of earlier ones in this process; 0 before any. */
export function rewrittenAt(store: LedgerStore): number {
  return rewritten.get(store) ?? 0;
}

// What a reader of many objects must know: whether one of them changed while it read.
const rewritten = new WeakMap<LedgerStore, number>();

function without(jobs: readonly JobSample[], places: ReadonlySet<number> | undefined): readonly JobSample[] {
  return places === undefined ? jobs : jobs.filter(({ position }) => !places.has(position));
}

/** What a close remembers of the pairs it makes, for the jobs that they pay. */
export function pairedJobWrites(epoch: number, pairs: readonly AiPair[]): StoreWrite[] {
  const byObject = new Map<number, PairedJob[]>();
  for (const { job, receipt } of pairs) {
    const { ordinal, position } = job;
    const jobs = byObject.get(ordinal) ?? [];
    byObject.set(ordinal, jobs);
    jobs.push({ position, account: receipt.account });
  }
  return [...byObject].map(([ordinal, jobs]) =>
    put(
      pairedJobs,
      { ordinal, epoch },
      jobs.sort((a, b) => a.position - b.position),
    ),
  );
}
