import { zeroAddress } from "../../core/address.ts";
import type { JobSample } from "../../core/job-samples.ts";
import { parseObject } from "../../core/object.ts";
import { parsePartitionName } from "../../core/partition.ts";
import type { Ruleset } from "../../core/ruleset.ts";
import { invariant, PayrootError } from "../../errors.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import { jobSamples, lifeSums, pairedJobs } from "../../store/job-keys.ts";
import {
  accountClaims,
  chainCursors,
  claims,
  closedSums,
  heads,
  layouts,
  objects,
  versions,
} from "../../store/keys.ts";
import { getMany, getOne, put, walk } from "../../store/keyspace.ts";
import type { LedgerStore, StoreWrite } from "../../store/ledger-store.ts";
import type { ObjectRecord, OpenSum } from "../../store/records.ts";
import { listEpochs } from "../close/epochs.ts";
import { readArchived } from "../ingest/archived.ts";
import { addSums, emptySum } from "../ingest/effects.ts";
import { sampleKey, sampleWrite } from "../ingest/samples.ts";
import { closedPairs } from "../performance/job-pairs.ts";

/*
 * A data directory of an earlier version lacks entries that came later, and without them figures would be wrong. Each
 * step makes those of one layout from what is there; cut short, it is made again.
 *   1  before there was such a number
 *   2  lifetime sums, claims by account, paired jobs
 *   3  the jobs of objects, from the archive
 */
const firstLayout = 1;
const sumsLayout = 2;
const jobsLayout = 3;

/** Adds what follows from the directory alone. Throws `data-directory-newer`. */
export async function upgradeDirectory(store: LedgerStore): Promise<void> {
  const layout = await layoutOf(store);
  if (layout > jobsLayout) throw directoryNewer({ layout, known: jobsLayout });
  if (layout >= sumsLayout) return;
  const batches = [lifeSumBatches(store), claimBatches(store), pairBatches(store)];
  for (const writes of batches) {
    for await (const batch of writes) await store.write(batch, { durable: false });
  }
  await store.write([put(layouts, "layout", sumsLayout)], { durable: true });
}

/** Adds what needs the archive, too, which is read once from its beginning. Throws `archive-incomplete`. */
export async function upgradeLedger(
  { store, archive }: { readonly store: LedgerStore; readonly archive: ObjectStore },
  options: { readonly signal?: AbortSignal; readonly onProgress?: (objects: number) => void } = {},
): Promise<void> {
  await upgradeDirectory(store);
  if ((await layoutOf(store)) >= jobsLayout) return;
  let read = 0;
  for await (const { key: ordinal, value: record } of walk(store, objects)) {
    options.signal?.throwIfAborted();
    const key = sampleKey(ordinal, record);
    if (key === undefined || record.accepted === 0 || (await getOne(store, jobSamples, key)) !== undefined)
      continue;
    const jobs = await acceptedJobs({ store, archive }, { ordinal, record });
    if (jobs.length > 0) await store.write([sampleWrite(key, jobs)], { durable: false });
    read += 1;
    options.onProgress?.(read);
  }
  await store.write([put(layouts, "layout", jobsLayout)], { durable: true });
}

/** The layout of the directory; a new one gets the newest. */
async function layoutOf(store: LedgerStore): Promise<number> {
  const known = await getOne(store, layouts, "layout");
  if (known !== undefined) return known;
  const used = [await getOne(store, heads, "head"), await getOne(store, chainCursors, "cursor")];
  if (used.some((entry) => entry !== undefined)) return firstLayout;
  await store.write([put(layouts, "layout", jobsLayout)], { durable: false });
  return jobsLayout;
}

const entriesAtOnce = 1000;

/** Makes batches of writes. */
async function* inBatches(writes: AsyncIterable<StoreWrite>): AsyncGenerator<StoreWrite[]> {
  let batch: StoreWrite[] = [];
  for await (const write of writes) {
    if (batch.push(write) < entriesAtOnce) continue;
    yield batch;
    batch = [];
  }
  yield batch;
}

// Earnings of one account stand side by side, so that only its sums are in memory.
async function* lifeSumBatches(store: LedgerStore): AsyncGenerator<StoreWrite[]> {
  const sums = new Map<string, { key: Parameters<typeof lifeSums.key.encode>[0]; sum: OpenSum }>();
  let account = "";
  const flush = (): StoreWrite[] => {
    const writes = [...sums.values()].map(({ key, sum }) => put(lifeSums, key, sum));
    sums.clear();
    return writes;
  };
  for await (const { key, value } of walk(store, closedSums)) {
    if (key.account !== account) {
      yield flush();
      account = key.account;
    }
    const name = `${key.asset} ${key.partition}`;
    sums.set(name, { key, sum: addSums(sums.get(name)?.sum ?? emptySum, value) });
  }
  yield flush();
}

async function* claimBatches(store: LedgerStore): AsyncGenerator<StoreWrite[]> {
  const writes = async function* (): AsyncGenerator<StoreWrite> {
    for await (const { key, value } of walk(store, claims)) {
      yield put(accountClaims, { account: value.account, ...key }, true);
    }
  };
  yield* inBatches(writes());
}

async function* pairBatches(store: LedgerStore): AsyncGenerator<StoreWrite[]> {
  for await (const { epoch } of listEpochs(store)) {
    const pairs = await closedPairs(store, epoch);
    yield [...pairs].map(([ordinal, jobs]) => put(pairedJobs, { ordinal, epoch }, jobs));
  }
}

/** The jobs of an object that the ledger counts, read again from the archive. */
async function acceptedJobs(
  { store, archive }: { readonly store: LedgerStore; readonly archive: ObjectStore },
  { ordinal, record }: { readonly ordinal: number; readonly record: ObjectRecord },
): Promise<JobSample[]> {
  const partition = parsePartitionName(record.partition);
  invariant(partition !== undefined, "An object has no partition.", { object: record.key });
  const bytes = await readArchived(archive, record);
  const parsed = parseObject(bytes, { key: record.key, partition, ruleset: anyRules });
  if ("reason" in parsed) return [];
  const jobs = parsed.events.flatMap((event) => {
    const { effect, work, position, time, id } = event;
    if (work === undefined || (effect.kind !== "job" && effect.kind !== "ai-job")) return [];
    const account = effect.kind === "job" ? effect.account : undefined;
    return [{ id, sample: { position, time, account, feesWei: effect.feesWei, work } }];
  });
  const known = await getMany(
    store,
    versions,
    jobs.map(({ id }) => id),
  );
  return jobs.flatMap(({ sample }, index) => {
    const counts = known[index]?.some(
      (version) => version.ordinal === ordinal && version.position === sample.position && !version.rejected,
    );
    return counts === true ? [sample] : [];
  });
}

// What an event says of itself does not depend on the rules; whether it counts, the ledger knows.
const anyRules: Ruleset = {
  scheme: "per-job-fee",
  asset: zeroAddress,
  commissionPpm: 0,
  correlationWindowSeconds: 0,
  maxEventFeeWei: "9".repeat(200),
  maxObjectBytes: 2 ** 31,
};

function directoryNewer(facts: { layout: number; known: number }): PayrootError {
  return new PayrootError("data-directory-newer", "The data directory was written by a later version.", {
    facts,
    next: "use that version, or give an empty --data-dir and run: payroot ledger rebuild",
    exitCode: 2,
  });
}
