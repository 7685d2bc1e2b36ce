import { lastTimeOfKey, type Partition, partitionFolder, partitionOfKey } from "../../core/partition.ts";
import { parseTime } from "../../core/time.ts";
import { PayrootError } from "../../errors.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import { listings } from "../../store/keys.ts";
import { getMany } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import { readManifest } from "../close/epochs.ts";
import { findPartitions } from "../ingest/ingest.ts";
import { checkAnomalies } from "./anomaly.ts";
import type { Posting } from "./epoch-record.ts";

/** What the belt looks at. */
export type BeltPorts = {
  readonly store: LedgerStore;
  readonly artifacts: ObjectStore;
  readonly log: ObjectStore;
};

/** How strict it is: `anomalyFactor` 0 lets every amount pass. */
export type BeltOptions = {
  readonly anomalyFactor: number;
  /** Only these partitions are read; all when undefined. */
  readonly partitions: readonly Partition[] | undefined;
  readonly signal?: AbortSignal | undefined;
};

/**
 * What must hold of a closed epoch before it is posted, beside what the contract asks for. Give it to `publishEpoch` as
 * `check`. Throws `epoch-anomalous`, `log-incomplete`.
 */
export function createBelt(ports: BeltPorts, options: BeltOptions): (posting: Posting) => Promise<void> {
  return async ({ state }) => {
    const manifest = await readManifest(ports.artifacts, state);
    await checkAnomalies(ports, manifest, options.anomalyFactor);
    await checkLogRead(ports, { epoch: state.epoch, closesAt: parseTime(state.closesAt) ?? 0, ...options });
  };
}

/** That every object of the log whose events end before the close was read, in this epoch or a later one. */
async function checkLogRead(
  { store, log }: BeltPorts,
  about: Omit<BeltOptions, "anomalyFactor"> & { readonly epoch: number; readonly closesAt: number },
): Promise<void> {
  const { epoch, closesAt, signal } = about;
  const unread: string[] = [];
  for (const partition of about.partitions ?? (await findPartitions(log))) {
    const prefix = partitionFolder(partition);
    for await (const page of log.list({ prefix, ...(signal === undefined ? {} : { signal }) })) {
      // An object whose name has no time counts as old: reading it is all that is asked for.
      const old = page.filter(
        ({ key }) => partitionOfKey(key) !== undefined && (lastTimeOfKey(key) ?? 0) <= closesAt,
      );
      const known = await getMany(
        store,
        listings,
        old.map(({ key }) => key),
      );
      const missed = old.filter(({ version }, at) => known[at]?.version !== version);
      for (const { key } of missed) unread.push(key);
    }
  }
  if (unread.length > 0) throw logIncomplete({ epoch, unread: unread.length, first: unread[0] });
}

function logIncomplete(facts: { epoch: number; unread: number; first: string | undefined }): PayrootError {
  return new PayrootError(
    "log-incomplete",
    "The log holds objects older than the close that were not read.",
    {
      facts,
      next:
        "read them into the open epoch with: payroot ingest --once; or, if they belong into this one, run: " +
        `payroot epoch reopen ${facts.epoch}, and close it again`,
      retryable: true,
    },
  );
}
