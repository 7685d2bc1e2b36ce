import { type Accrual, accrueFee } from "./accrual/per-job-fee.ts";
import type { Address } from "./address.ts";
import { type Event, type EventRejection, eventRules, parseEvent } from "./event.ts";
import { isJsonObject, type Json } from "./json.ts";
import { decodeElements, type ObjectContext } from "./object.ts";
import type { Ruleset } from "./ruleset.ts";
import { formatTime } from "./time.ts";

/** A paid event behind an amount; amounts in wei. `late`: older than the opening of the epoch in which it was read. */
export type ExplainedEvent = {
  readonly id: string;
  /** RFC 3339 UTC. */
  readonly DT: string;
  readonly partition: string;
  readonly object: string;
  readonly position: number;
  readonly gross: bigint;
  readonly commission: bigint;
  readonly earned: bigint;
  readonly late: boolean;
};

/**
 * An event that names the account and earned it nothing: rejected, with its rejection reason; or counted, not paid:
 * `duplicate` (counted where it stood first), `zero-fee`, `unmatched` (an AI receipt without its job).
 */
export type ExcludedEvent = {
  readonly id: string | null;
  readonly object: string;
  readonly position: number;
  readonly reason: EventRejection["reason"] | "duplicate" | "zero-fee" | "unmatched";
};

/** What an account gained of an asset, in its smallest unit. */
export type AssetSum = {
  readonly asset: Address;
  readonly gross: bigint;
  readonly commission: bigint;
  readonly earned: bigint;
};

/** Every event behind what an account gained in an epoch, oldest first, and every one left out, by place. */
export type Explanation = {
  readonly account: Address;
  readonly epoch: number;
  readonly assets: readonly AssetSum[];
  readonly events: readonly ExplainedEvent[];
  readonly excluded: readonly ExcludedEvent[];
};

/** An element of an object that names an account, and what the rules make of it. */
export type NamedElement = { readonly position: number; readonly parsed: Event | EventRejection };

/**
 * The elements of an object, as stored, whose payload names the account, in whatever case it is written: an address
 * with a wrong checksum names it, too. None for an object that is rejected whole.
 */
export function elementsNaming(
  account: Address,
  object: ObjectContext & { readonly bytes: Uint8Array },
): NamedElement[] {
  const { bytes, key, partition, ruleset } = object;
  if (!mayName(account, bytes)) return [];
  const elements = decodeElements(bytes, { key, maxBytes: ruleset.maxObjectBytes });
  if (!Array.isArray(elements)) return [];
  const context = { partition, rules: eventRules(ruleset) };
  const wanted = account.toLowerCase();
  return elements.flatMap((element, position) =>
    names(element, wanted) ? [{ position, parsed: parseEvent(element, context) }] : [],
  );
}

/** A job that pays the account, as far as it is known before the rules are applied; time in ms since 1970. */
export type PaidJob = Omit<ExplainedEvent, "DT" | keyof AssetSum> & {
  readonly time: number;
  readonly feesWei: bigint;
};

/** What the rules make of paid jobs, oldest first; those of one time by object, position, id. */
export function explainJobs(jobs: readonly PaidJob[], ruleset: Ruleset): ExplainedEvent[] {
  return jobs.toSorted(byTimeAndPlace).map(({ id, time, partition, object, position, feesWei, late }) => {
    const { grossWei: gross, commissionWei: commission, earnedWei: earned } = accrueFee(feesWei, ruleset);
    return {
      ...{ id, DT: formatTime(time), partition, object, position },
      ...{ gross, commission, earned, late },
    };
  });
}

/** What was gained in one partition; `events` counts paid jobs. */
export type PartitionSum = Accrual & { readonly partition: string; readonly events: number };

/** An explained event as a sum of one. */
export function sumOfEvent({ partition, gross, commission, earned }: ExplainedEvent): PartitionSum {
  return { partition, events: 1, grossWei: gross, commissionWei: commission, earnedWei: earned };
}

/** One sum for each partition, by its name. */
export function sumPartitions(sums: Iterable<PartitionSum>): Map<string, PartitionSum> {
  const total = new Map<string, PartitionSum>();
  for (const sum of sums) {
    const known = total.get(sum.partition);
    total.set(sum.partition, known === undefined ? sum : addSum(known, sum));
  }
  return total;
}

/** The total of an asset over partitions; zeros over none. */
export function sumOfAsset(asset: Address, sums: Iterable<Accrual>): AssetSum {
  const total = { asset, gross: 0n, commission: 0n, earned: 0n };
  for (const { grossWei, commissionWei, earnedWei } of sums) {
    total.gross += grossWei;
    total.commission += commissionWei;
    total.earned += earnedWei;
  }
  return total;
}

function addSum(a: PartitionSum, b: PartitionSum): PartitionSum {
  return {
    partition: a.partition,
    events: a.events + b.events,
    grossWei: a.grossWei + b.grossWei,
    commissionWei: a.commissionWei + b.commissionWei,
    earnedWei: a.earnedWei + b.earnedWei,
  };
}

/** Excluded events in the order of their places. */
export function sortExcluded(excluded: readonly ExcludedEvent[]): ExcludedEvent[] {
  return excluded.toSorted((a, b) => compare(a.object, b.object) || a.position - b.position);
}

// Most accounts are in a few objects only, and looking for one takes a tenth of the time of decoding.
function mayName(account: Address, bytes: Uint8Array): boolean {
  const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  // Compressed, or with letters spelled as escapes: only decoding tells.
  if (content[0] === 0x1f || content.includes("\\u")) return true;
  return new RegExp(account, "i").test(content.toString("latin1"));
}

function names(element: Json, wanted: string): boolean {
  if (!isJsonObject(element) || !isJsonObject(element.Payload)) return false;
  const { ethAddress } = element.Payload;
  return (
    typeof ethAddress === "string" &&
    ethAddress.length === wanted.length &&
    ethAddress.toLowerCase() === wanted
  );
}

function byTimeAndPlace(a: PaidJob, b: PaidJob): number {
  return a.time - b.time || compare(a.object, b.object) || a.position - b.position || compare(a.id, b.id);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
