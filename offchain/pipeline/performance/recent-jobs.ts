import type { Address } from "../../core/address.ts";
import { append } from "../../core/append.ts";
import { type JobSample, SampleReader } from "../../core/job-samples.ts";
import type { Ruleset } from "../../core/ruleset.ts";
import { jobSamples } from "../../store/job-keys.ts";
import { within } from "../../store/keys.ts";
import { walk } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import { type PairsByObject, pairsOfObject, recentPairs } from "./job-pairs.ts";
import { type ObjectSamples, samplePartitions } from "./sample-walk.ts";

/** Where a job stands among all: by time (ms since 1970), then object number, then position. */
export type JobPlace = { readonly time: number; readonly ordinal: number; readonly position: number };

/** An accepted job. Its account is null while the receipt of an AI job has not come. */
export type RecentJob = Omit<JobSample, "account"> &
  JobPlace & { readonly partition: string; readonly account: Address | null };

/** Which jobs are asked for; times in ms since 1970. */
export type RecentJobsQuery = {
  readonly since: number;
  readonly until?: number;
  readonly account?: Address | undefined;
  /** Only jobs of this kind of node. */
  readonly nodeType?: string;
  /** Only those older than this one: the last that was seen. */
  readonly before?: JobPlace | undefined;
  readonly limit: number;
  /** The configured rules. */
  readonly ruleset: Ruleset;
};

/** The accepted jobs since a time, newest first, at most `limit`. Who did an AI job is known some seconds late. */
export async function recentJobs(
  { store }: { readonly store: LedgerStore },
  query: RecentJobsQuery,
): Promise<RecentJob[]> {
  const { limit } = query;
  const waiting = await recentPairs(store, query.ruleset);
  let found: RecentJob[] = [];
  for await (const { object, nextNewest } of newestObjects(store, query)) {
    append(found, await jobsOf(store, { object, waiting }, query));
    if (found.length < limit) continue;
    found = found.sort(newestFirst).slice(0, limit);
    // What the objects to come hold is at most as new as the newest event of the next.
    const last = found.at(-1);
    if (last === undefined || last.time > nextNewest) break;
  }
  return found.sort(newestFirst).slice(0, limit);
}

/** The objects of all partitions with an event since then, by their newest event, newest first. */
async function* newestObjects(
  store: LedgerStore,
  { since, nodeType }: RecentJobsQuery,
): AsyncGenerator<{ object: ObjectSamples; nextNewest: number }> {
  const wanted = (partition: string) => nodeType === undefined || partition.startsWith(`${nodeType}|`);
  const partitions = (await samplePartitions(store)).filter(wanted);
  const walks = partitions.map((partition) =>
    walk(store, jobSamples, { within: within.partition(partition), reverse: true }),
  );
  try {
    const heads = await Promise.all(walks.map((objects) => objects.next()));
    for (;;) {
      const open = heads.flatMap((head, at) => (head.done === true ? [] : [{ at, object: head.value }]));
      const [first, second] = open.sort((a, b) => b.object.key.newest - a.object.key.newest);
      if (first === undefined || first.object.key.newest < since) return;
      const next = await walks[first.at]?.next();
      if (next !== undefined) heads[first.at] = next;
      const after = next?.done === false ? next.value.key.newest : since - 1;
      const other = second?.object.key.newest ?? since - 1;
      yield { object: first.object, nextNewest: Math.max(after, other) };
    }
  } finally {
    await Promise.all(walks.map((objects) => objects.return(undefined)));
  }
}

async function jobsOf(
  store: LedgerStore,
  { object, waiting }: { readonly object: ObjectSamples; readonly waiting: PairsByObject },
  query: RecentJobsQuery,
): Promise<RecentJob[]> {
  const { partition, ordinal } = object.key;
  const { since, until = Number.POSITIVE_INFINITY, account, before } = query;
  const reader = new SampleReader(object.value);
  const own = account === undefined ? undefined : reader.numberOf(account);
  let workers: ReadonlyMap<number, Address> | undefined;
  const jobs: RecentJob[] = [];
  while (reader.next()) {
    const { time, position } = reader;
    if (time < since || time > until) continue;
    if (own !== undefined && reader.account >= 0 && reader.account !== own) continue;
    if (before !== undefined && newestFirst({ time, ordinal, position }, before) <= 0) continue;
    if (reader.account < 0) workers ??= await workersOf(store, { ordinal, waiting });
    const sample = reader.sample();
    const who = sample.account ?? workers?.get(position) ?? null;
    if (account === undefined || who === account) jobs.push({ ...sample, partition, ordinal, account: who });
  }
  return jobs;
}

/** Who did the AI jobs of an object, by position. */
async function workersOf(
  store: LedgerStore,
  { ordinal, waiting }: { readonly ordinal: number; readonly waiting: PairsByObject },
): Promise<ReadonlyMap<number, Address>> {
  const pairs = [...(await pairsOfObject(store, ordinal)), ...(waiting.get(ordinal) ?? [])];
  return new Map(pairs.map(({ position, account }) => [position, account]));
}

/** Orders jobs by their places, the newest first. */
function newestFirst(a: JobPlace, b: JobPlace): number {
  return b.time - a.time || b.ordinal - a.ordinal || b.position - a.position;
}
