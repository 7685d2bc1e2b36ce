import { jobSamples, jobsWithin, type SampleKey } from "../../store/job-keys.ts";
import { walk } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";

/** The accepted jobs of an object as they are kept; `SampleReader` reads them. */
export type ObjectSamples = { readonly key: SampleKey; readonly value: Uint8Array };

/** The partitions of which any job was accepted, in the order of their names. */
export async function samplePartitions(store: LedgerStore): Promise<string[]> {
  const names: string[] = [];
  let from: Uint8Array = new Uint8Array(0);
  for (;;) {
    const first = await walk(store, jobSamples, { from }).next();
    if (first.done === true) return names;
    const { partition } = first.value.key;
    names.push(partition);
    from = jobsWithin.afterPartition(partition);
  }
}

/** The objects of a partition whose newest event is at `newest` (ms since 1970) or later, oldest first. */
export async function* samplesFrom(
  store: LedgerStore,
  { partition, newest }: Pick<SampleKey, "partition" | "newest">,
): AsyncGenerator<ObjectSamples> {
  for await (const entry of walk(store, jobSamples, { from: jobsWithin.partitionFrom(partition, newest) })) {
    if (entry.key.partition !== partition) return;
    yield entry;
  }
}
