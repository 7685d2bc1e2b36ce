import type { Address } from "../../core/address.ts";
import { isJsonObject, type Json, type JsonObject } from "../../core/json.ts";
import { decodeElements } from "../../core/object.ts";
import { isIntakeKey } from "../../core/partition.ts";
import type { Ruleset } from "../../core/ruleset.ts";
import { mapOrdered } from "../../objects/concurrent.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import { objects } from "../../store/keys.ts";
import { getMany } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import type { ObjectRecord } from "../../store/records.ts";
import { readArchived } from "../ingest/archived.ts";
import { type JobPlace, type RecentJob, recentJobs } from "./recent-jobs.ts";

/** A job with what a client of an earlier pool wrote of it; `time` and `durationMs` in ms. */
export type RecordedJobRow = JobPlace & {
  readonly account: Address;
  readonly feesWei: bigint;
  readonly computeUnits: number | null;
  readonly durationMs: number | null;
  readonly profiles: number | bigint | null;
  readonly roundJob: number | bigint | null;
  readonly txHash: string | null;
};

/** Which jobs are asked for; `since` in ms since 1970. */
export type RecordedJobsQuery = {
  readonly since: number;
  readonly account: Address | undefined;
  readonly before: JobPlace | undefined;
  readonly limit: number;
  readonly ruleset: Ruleset;
};

/** The transcode jobs since a time, newest first, at most `limit`. Throws `archive-incomplete`. */
export async function recordedJobs(
  ports: { readonly store: LedgerStore; readonly archive: ObjectStore },
  query: RecordedJobsQuery,
): Promise<RecordedJobRow[]> {
  const jobs = await recentJobs(ports, { ...query, nodeType: "transcode" });
  const ordinals = [...new Set(jobs.map(({ ordinal }) => ordinal))];
  const records = await getMany(ports.store, objects, ordinals);
  const payloads = new Map<string, JsonObject>();
  // Only an intake writes these columns, and its objects are small.
  const own = records.flatMap((record, index) => {
    const ordinal = ordinals[index];
    return record !== undefined && ordinal !== undefined && isIntakeKey(record.key)
      ? [{ record, ordinal }]
      : [];
  });
  const wanted = new Set(jobs.map(placeName));
  for await (const { ordinal, elements } of mapOrdered(
    own,
    { concurrency: 8 },
    async ({ record, ordinal }) => ({
      ordinal,
      elements: await readElements(ports.archive, record),
    }),
  )) {
    for (const [position, element] of elements.entries()) {
      const name = placeName({ ordinal, position });
      if (wanted.has(name) && isJsonObject(element) && isJsonObject(element.Payload))
        payloads.set(name, element.Payload);
    }
  }
  return jobs.flatMap((job) => rowOf(job, payloads.get(placeName(job))));
}

async function readElements(archive: ObjectStore, record: ObjectRecord): Promise<readonly Json[]> {
  const bytes = await readArchived(archive, record);
  const elements = decodeElements(bytes, { key: record.key, maxBytes: largestObject });
  return Array.isArray(elements) ? elements : [];
}

// More than an intake puts into one.
const largestObject = 1 << 28;

function placeName({ ordinal, position }: { ordinal: number; position: number }): string {
  return `${ordinal} ${position}`;
}

function rowOf(job: RecentJob, payload: JsonObject = {}): RecordedJobRow[] {
  const { time, ordinal, position, account, feesWei, work } = job;
  const { profiles, roundJob, txHash } = payload;
  if (account === null) return [];
  return [
    {
      ...{ time, ordinal, position, account, feesWei },
      computeUnits: work.computeUnits ?? null,
      durationMs: work.durationMs ?? null,
      profiles: integerOf(profiles),
      roundJob: integerOf(roundJob),
      txHash: typeof txHash === "string" ? txHash : null,
    },
  ];
}

function integerOf(value: Json | undefined): number | bigint | null {
  return typeof value === "number" || typeof value === "bigint" ? value : null;
}
