import { lastTimeOfKey, type Partition, partitionFolder, partitionOfKey } from "../../core/partition.ts";
import { parseTime } from "../../core/time.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import { archived, epochs } from "../../store/keys.ts";
import { getMany, walk } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import type { AuditCheck } from "../../store/records.ts";
import { checkOf } from "./lines.ts";

/** Objects of the log that no manifest names although an epoch closed after their last event. */
export type Withheld = { readonly count: number; readonly first: string };

/**
 * Lists the log and finds what is withheld, by the first epoch that could have named it. An object may take a quarter of
 * an hour to be written, so one that ends that shortly before the newest close is given the time of the next epoch.
 */
export async function findWithheld(
  cache: LedgerStore,
  log: ObjectStore,
  options: {
    readonly partitions: readonly Partition[] | undefined;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<Map<number, Withheld>> {
  const closings: { epoch: number; closesAt: number }[] = [];
  for await (const { value } of walk(cache, epochs)) {
    closings.push({ epoch: value.epoch, closesAt: parseTime(value.closesAt) ?? 0 });
  }
  const found = new Map<number, Withheld>();
  const prefixes = options.partitions?.map(partitionFolder) ?? [""];
  const { signal } = options;
  for (const prefix of prefixes) {
    for await (const page of log.list({ prefix, ...(signal === undefined ? {} : { signal }) })) {
      const keys = page.map(({ key }) => key).filter((key) => partitionOfKey(key) !== undefined);
      const named = await getMany(cache, archived, keys);
      for (const [index, key] of keys.entries()) {
        const epoch = named[index] === undefined ? dueEpoch(key, closings) : undefined;
        if (epoch === undefined) continue;
        const known = found.get(epoch);
        found.set(epoch, { count: (known?.count ?? 0) + 1, first: known?.first ?? key });
      }
    }
  }
  return found;
}

const writingTimeMs = 15 * 60_000;

/** The first epoch that closed after the last event of an object; the newest for a name without times. */
function dueEpoch(key: string, closings: readonly { epoch: number; closesAt: number }[]): number | undefined {
  const newest = closings.at(-1);
  const last = lastTimeOfKey(key);
  if (last === undefined || newest === undefined) return newest?.epoch;
  if (last >= newest.closesAt - writingTimeMs) return undefined;
  return closings.find(({ closesAt }) => last < closesAt)?.epoch;
}

/** That the log holds nothing that was kept out of the epochs. */
export function checkWithheld(withheld: Withheld | undefined): AuditCheck {
  const expected = "0 objects of the log left out";
  if (withheld === undefined) return checkOf("withheld objects", { expected, actual: expected });
  const { count, first } = withheld;
  const more = count > 1 ? `, the first of ${count},` : "";
  const detail = `object ${first}${more} ended before the close and no manifest names it; unless it was written after the close, it is withheld`;
  return checkOf("withheld objects", { expected, actual: `${count} objects of the log left out`, detail });
}
