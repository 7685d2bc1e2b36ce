import { parseObject } from "../../core/object.ts";
import { parsePartitionName } from "../../core/partition.ts";
import type { Ruleset } from "../../core/ruleset.ts";
import { invariant } from "../../errors.ts";
import { objects, rejections, within } from "../../store/keys.ts";
import { del, getOne, walk } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import type { Counters, Head, ObjectRecord, RecordedRejection } from "../../store/records.ts";
import { addCounters, applyObject, emptyCounters } from "./apply-object.ts";
import { readArchived } from "./archived.ts";
import { type IngestPorts, readHead, rulesetInForce } from "./ingest.ts";

/** A rejected event, or with position −1 a rejected object; `closed` when its epoch is, so that it may be retried. */
export type Quarantined = RecordedRejection & {
  readonly object: string;
  readonly position: number;
  readonly closed: boolean;
};

/** Everything that was rejected, oldest object first. */
export async function* listQuarantine(store: LedgerStore): AsyncGenerator<Quarantined> {
  const head = await readHead(store);
  let record: { ordinal: number; value: ObjectRecord } | undefined;
  for await (const { key, value } of walk(store, rejections)) {
    if (record?.ordinal !== key.ordinal)
      record = { ordinal: key.ordinal, value: await recordAt(store, key.ordinal) };
    yield { ...value, object: record.value.key, position: key.position, closed: key.ordinal < head.openFrom };
  }
}

async function recordAt(store: LedgerStore, ordinal: number): Promise<ObjectRecord> {
  const record = await getOne(store, objects, ordinal);
  invariant(record !== undefined, "A rejection names an object that the ledger does not know.", { ordinal });
  return record;
}

/** What a retry did: objects whose outcome changed and were read again, and their counters. */
export type RetryReport = Counters & {
  readonly looked: number;
  readonly objects: number;
  readonly waiting: number;
};

/**
 * Reads the rejected objects and events of closed epochs again by the rules of the open one, and where that changes
 * the outcome, reads their object again as part of the open epoch. Those of the open epoch itself are only counted as
 * `waiting`: by the same rules their outcome is the same. Throws `archive-incomplete`.
 */
export async function retryQuarantine(ports: IngestPorts, configured: Ruleset): Promise<RetryReport> {
  let head = await readHead(ports.store);
  const ruleset = rulesetInForce(head, configured);
  let report: RetryReport = { ...emptyCounters, looked: 0, objects: 0, waiting: 0 };
  for (const [ordinal, positions] of await rejectedObjects(ports.store)) {
    if (ordinal >= head.openFrom) {
      report = { ...report, waiting: report.waiting + 1 };
      continue;
    }
    report = { ...report, looked: report.looked + 1 };
    const applied = await retryObject(ports, { head, ruleset, ordinal, positions });
    if (applied === undefined) continue;
    head = applied.head;
    report = { ...report, ...addCounters(report, applied.record), objects: report.objects + 1 };
  }
  return report;
}

/** Positions that were rejected for what they are, not for a conflict, by object number. */
async function rejectedObjects(store: LedgerStore): Promise<Map<number, number[]>> {
  const found = new Map<number, number[]>();
  for await (const { key, value } of walk(store, rejections)) {
    if (value.reason === "conflicting-duplicate") continue;
    found.set(key.ordinal, [...(found.get(key.ordinal) ?? []), key.position]);
  }
  return found;
}

/** The positions of one object that were rejected for what they are, not for a conflict. */
export async function rejectedPositions(store: LedgerStore, ordinal: number): Promise<number[]> {
  const positions: number[] = [];
  for await (const { key, value } of walk(store, rejections, { within: within.ordinal(ordinal) })) {
    if (value.reason !== "conflicting-duplicate") positions.push(key.position);
  }
  return positions;
}

/** Reads one rejected object of a closed epoch again; undefined when its outcome is the same. */
export async function retryObject(
  ports: Pick<IngestPorts, "store" | "archive">,
  retry: { head: Head; ruleset: Ruleset; ordinal: number; positions: readonly number[] },
): Promise<{ head: Head; record: Counters } | undefined> {
  const { head, ruleset, ordinal, positions } = retry;
  const { key, sha256, bytes, archiveKey, partition } = await recordAt(ports.store, ordinal);
  const content = await readArchived(ports.archive, { archiveKey, sha256 });
  const place = parsePartitionName(partition);
  invariant(place !== undefined, "An object has no partition.", { object: key, partition });
  const parsed = parseObject(content, { key, partition: place, ruleset });
  const refused = new Set(
    "reason" in parsed ? [-1] : parsed.rejections.map((rejection) => rejection.position),
  );
  if (positions.every((position) => refused.has(position))) return undefined;
  const reading = { key, sha256, bytes, archiveKey, partition, parsed };
  const applied = await applyObject(ports.store, { head, ruleset }, reading);
  const settled = positions.map((position) => del(rejections, { ordinal, position }));
  await ports.store.write([...settled, ...applied.writes], { durable: true });
  return applied;
}
