import { append } from "../../core/append.ts";
import type { ObjectRejection, ParsedObject, PlacedEvent } from "../../core/object.ts";
import type { Ruleset } from "../../core/ruleset.ts";
import { settle, type Version } from "../../core/versions.ts";
import { invariant } from "../../errors.ts";
import { heads, objectNumbers, objects, rejections, versions } from "../../store/keys.ts";
import { getMany, getManyAt, keyOf, put } from "../../store/keyspace.ts";
import type { LedgerStore, StoreWrite } from "../../store/ledger-store.ts";
import type { Counters, Head, ObjectRecord, RecordedRejection } from "../../store/records.ts";
import { effectWrites, type LedgerChange, lastSeenWrites, rejectionWrites, sumWrites } from "./effects.ts";
import { sampleWrites } from "./samples.ts";

/** An object of the log as it was read. */
export type ObjectReading = {
  readonly key: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly archiveKey: string;
  readonly partition: string;
  readonly parsed: ParsedObject | ObjectRejection;
};

/** What one reading changes: a single batch, and the head and object record after it. */
export type AppliedObject = {
  readonly writes: StoreWrite[];
  readonly head: Head;
  readonly record: ObjectRecord;
};

/** The effects of one object on the ledger as one atomic batch, which the caller writes. Reads the store only. */
export async function applyObject(
  store: LedgerStore,
  state: { head: Head; ruleset: Ruleset },
  reading: ObjectReading,
): Promise<AppliedObject> {
  const { head, ruleset } = state;
  invariant(head.closing === null, "An object was read while a close was under way.", {
    object: reading.key,
  });
  const ordinal = head.nextOrdinal;
  const { parsed } = reading;
  const writes: StoreWrite[] = [];
  const refuse = (position: number, { id, reason, detail }: RecordedRejection): void => {
    writes.push(put(rejections, { ordinal, position }, { id, reason, detail }));
  };

  let events: readonly PlacedEvent[] = [];
  if ("reason" in parsed) refuse(-1, { id: null, ...parsed });
  else {
    for (const rejection of parsed.rejections) refuse(rejection.position, rejection);
    events = parsed.events;
  }
  const settled = await settleEvents(store, { head, ordinal, reading }, events);
  for (const { key, list } of settled.versions.values())
    writes.push({ key, value: versions.value.encode(list) });

  const fresh: ObjectRecord = {
    key: reading.key,
    sha256: reading.sha256,
    bytes: reading.bytes,
    archiveKey: reading.archiveKey,
    partition: reading.partition,
    newest: newestTime(events),
    ...emptyCounters,
    events: "reason" in parsed ? 0 : parsed.elements,
    rejected: "reason" in parsed ? 0 : parsed.rejections.length,
  };
  const records = new Map<number, ObjectRecord>([...settled.records, [ordinal, fresh]]);
  countChanges(records, settled.changes, head.opensAt);
  for (const [number, record] of records) writes.push(put(objects, number, record));
  writes.push(put(objectNumbers, reading, ordinal));

  append(writes, rejectionWrites(settled.changes));
  append(writes, effectWrites(settled.changes, records));
  append(writes, await sumWrites(store, { changes: settled.changes, records, ruleset }));
  append(writes, await lastSeenWrites(store, reading.partition, events));
  const next: Head = { ...head, ruleset, sequence: head.sequence + 1, nextOrdinal: ordinal + 1 };
  const { changes } = settled;
  const { sequence } = next;
  append(writes, await sampleWrites(store, { ordinal, events, changes, records, sequence }));
  writes.push(put(heads, "head", next));
  const record = records.get(ordinal) ?? fresh;
  invariant(
    record.events === record.accepted + record.rejected + record.duplicates,
    "An object's counters disagree.",
    {
      object: record.key,
      ...countersOf(record),
    },
  );
  return { writes, head: next, record };
}

/** Counters of nothing. */
export const emptyCounters: Counters = {
  events: 0,
  accepted: 0,
  rejected: 0,
  duplicates: 0,
  late: 0,
  zeroFee: 0,
};

/** Only the counters of a record. */
export function countersOf(record: Counters): Counters {
  const { events, accepted, rejected, duplicates, late, zeroFee } = record;
  return { events, accepted, rejected, duplicates, late, zeroFee };
}

/** The sum of two sets of counters. */
export function addCounters(a: Counters, b: Counters): Counters {
  return {
    events: a.events + b.events,
    accepted: a.accepted + b.accepted,
    rejected: a.rejected + b.rejected,
    duplicates: a.duplicates + b.duplicates,
    late: a.late + b.late,
    zeroFee: a.zeroFee + b.zeroFee,
  };
}

type Settled = {
  /** By event id: its key in the store and the versions it has from now on. */
  readonly versions: ReadonlyMap<string, SettledId>;
  readonly changes: readonly LedgerChange[];
  readonly records: ReadonlyMap<number, ObjectRecord>;
};

type SettledId = { readonly key: Uint8Array; readonly list: readonly Version[] };

async function settleEvents(
  store: LedgerStore,
  context: { head: Head; ordinal: number; reading: ObjectReading },
  events: readonly PlacedEvent[],
): Promise<Settled> {
  const { head, ordinal, reading } = context;
  const keys = events.map((event) => keyOf(versions, event.id));
  const known = await getManyAt(store, versions, keys);
  const owners = new Set<number>();
  for (const list of known)
    for (const version of list ?? []) if (version.ordinal >= head.openFrom) owners.add(version.ordinal);
  const numbers = [...owners];
  const found = await getMany(store, objects, numbers);
  const records = new Map(numbers.map((number, index) => [number, ownerRecord(found[index], number)]));

  const changed = new Map<string, SettledId>();
  const changes: LedgerChange[] = [];
  const placeOf = (number: number) =>
    number === ordinal ? reading : ownerRecord(records.get(number), number);
  for (let i = 0; i < events.length; i++) {
    const { id, position, time, digest, effect } = events[i] as PlacedEvent;
    const before = changed.get(id)?.list ?? known[i] ?? noVersions;
    const version: Version = { ordinal, position, rejected: false, time, digest, effect };
    const settlement = settle(before, version, { openFrom: head.openFrom, placeOf });
    if (settlement.versions !== undefined)
      changed.set(id, { key: keys[i] as Uint8Array, list: settlement.versions });
    for (const { type, version } of settlement.changes) changes.push({ type, version, id });
  }
  return { versions: changed, changes, records };
}

const noVersions: readonly Version[] = [];

function ownerRecord(record: ObjectRecord | undefined, ordinal: number): ObjectRecord {
  invariant(record !== undefined, "An event belongs to an object that the ledger does not know.", {
    ordinal,
  });
  return record;
}

function countChanges(
  records: Map<number, ObjectRecord>,
  changes: readonly LedgerChange[],
  opensAt: number | null,
): void {
  const counts = new Map<number, { -readonly [name in keyof Counters]: number }>();
  for (const { type, version } of changes) {
    let count = counts.get(version.ordinal);
    if (count === undefined) {
      count = countersOf(ownerRecord(records.get(version.ordinal), version.ordinal));
      counts.set(version.ordinal, count);
    }
    const step = type === "withdraw" || type === "unreject" ? -1 : 1;
    if (type === "duplicate") count.duplicates += 1;
    else if (type === "reject" || type === "unreject") count.rejected += step;
    else {
      count.accepted += step;
      if (opensAt !== null && version.time < opensAt) count.late += step;
      if ("feesWei" in version.effect && version.effect.feesWei === 0n) count.zeroFee += step;
    }
  }
  for (const [ordinal, count] of counts) {
    records.set(ordinal, { ...ownerRecord(records.get(ordinal), ordinal), ...count });
  }
}

function newestTime(events: readonly PlacedEvent[]): number | null {
  let newest: number | null = null;
  for (const event of events) if (newest === null || event.time > newest) newest = event.time;
  return newest;
}
