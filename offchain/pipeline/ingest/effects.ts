import { accrueFee } from "../../core/accrual/per-job-fee.ts";
import type { Address } from "../../core/address.ts";
import type { PlacedEvent } from "../../core/object.ts";
import type { Ruleset } from "../../core/ruleset.ts";
import type { Change, Version } from "../../core/versions.ts";
import { invariant } from "../../errors.ts";
import { connections, lastSeen, openSums, rejections, resets, waitingAi } from "../../store/keys.ts";
import { del, getMany, put } from "../../store/keyspace.ts";
import type { LedgerStore, StoreWrite } from "../../store/ledger-store.ts";
import type { ObjectRecord, OpenSum } from "../../store/records.ts";

/** A change of the ledger and the event id that it is about. */
export type LedgerChange = Change & { readonly id: string };

/** The objects that changes may name, by number. */
type Records = ReadonlyMap<number, ObjectRecord>;

/** Records and removes the rejections of conflicting versions. */
export function rejectionWrites(changes: readonly LedgerChange[]): StoreWrite[] {
  const writes: StoreWrite[] = [];
  for (const { type, version, id } of changes) {
    const place = { ordinal: version.ordinal, position: version.position };
    if (type === "unreject") writes.push(del(rejections, place));
    if (type === "reject") {
      const detail = "another event with this ID has other contents";
      writes.push(put(rejections, place, { id, reason: "conflicting-duplicate", detail }));
    }
  }
  return writes;
}

/** Adds and removes AI events, connection changes and resets. */
export function effectWrites(changes: readonly LedgerChange[], records: Records): StoreWrite[] {
  const writes: StoreWrite[] = [];
  for (const change of changes) {
    if (change.type !== "accept" && change.type !== "withdraw") continue;
    const write = effectWrite(change, records);
    if (write !== undefined)
      writes.push(change.type === "accept" ? write : { key: write.key, value: undefined });
  }
  return writes;
}

function effectWrite({ id, version }: LedgerChange, records: Records): StoreWrite | undefined {
  const { effect, time, ordinal, position } = version;
  if (effect.kind === "none" || effect.kind === "job") return undefined;
  const { key: objectKey, partition } = recordOf(records, version);
  const ai = { id, time, partition, ordinal, position };
  switch (effect.kind) {
    case "reset":
      return put(resets, { partition, time, objectKey, position, id }, true);
    case "connected":
    case "disconnected": {
      const { account, connection } = effect;
      const place = { time, objectKey, position, id };
      return put(connections, { partition, account, connection, ...place }, effect.kind);
    }
    case "ai-job": {
      const { requestID, feesWei } = effect;
      return put(waitingAi, { partition, requestID, id }, { kind: "job", requestID, feesWei, ...ai });
    }
    case "ai-receipt": {
      const { requestID, account } = effect;
      return put(waitingAi, { partition, requestID, id }, { kind: "receipt", requestID, account, ...ai });
    }
  }
}

/** Moves the sums of the open epoch by the jobs that need no partner. */
export async function sumWrites(
  store: LedgerStore,
  context: { changes: readonly LedgerChange[]; records: Records; ruleset: Ruleset },
): Promise<StoreWrite[]> {
  const moved = new Map<string, Map<Address, MovedSum>>();
  for (const { type, version } of context.changes) {
    const { effect } = version;
    if ((type !== "accept" && type !== "withdraw") || effect.kind !== "job" || effect.feesWei === 0n)
      continue;
    const { partition } = recordOf(context.records, version);
    const { account, feesWei } = effect;
    const { by } = movedSum(moved, { partition, account });
    const { grossWei, commissionWei } = accrueFee(feesWei, context.ruleset);
    by.events += type === "accept" ? 1 : -1;
    by.grossWei += type === "accept" ? grossWei : -grossWei;
    by.commissionWei += type === "accept" ? commissionWei : -commissionWei;
  }
  const entries = [...moved.values()].flatMap((accounts) => [...accounts.values()]);
  const before = await getMany(store, openSums, entries);
  return entries.map((entry, index) => {
    const sum = addSums(before[index] ?? emptySum, entry.by);
    invariant(
      sum.events >= 0 && sum.grossWei >= 0n && sum.commissionWei >= 0n,
      "A sum of the open epoch fell below zero.",
      {
        account: entry.account,
        partition: entry.partition,
        ...sum,
      },
    );
    return sum.events === 0 ? del(openSums, entry) : put(openSums, entry, sum);
  });
}

type MovedSum = {
  readonly account: Address;
  readonly partition: string;
  readonly by: Mutable<OpenSum>;
};

function movedSum(
  moved: Map<string, Map<Address, MovedSum>>,
  { partition, account }: { partition: string; account: Address },
): MovedSum {
  const accounts = moved.get(partition) ?? new Map<Address, MovedSum>();
  moved.set(partition, accounts);
  let sum = accounts.get(account);
  if (sum === undefined) {
    sum = { account, partition, by: { events: 0, grossWei: 0n, commissionWei: 0n } };
    accounts.set(account, sum);
  }
  return sum;
}

/** The sum of nothing. */
export const emptySum: OpenSum = { events: 0, grossWei: 0n, commissionWei: 0n };

/** Two sums of the open epoch together. */
export function addSums(a: OpenSum, b: OpenSum): OpenSum {
  return {
    events: a.events + b.events,
    grossWei: a.grossWei + b.grossWei,
    commissionWei: a.commissionWei + b.commissionWei,
  };
}

/** Raises the time at which each worker that an object names was last seen. */
export async function lastSeenWrites(
  store: LedgerStore,
  partition: string,
  events: readonly PlacedEvent[],
): Promise<StoreWrite[]> {
  const newest = new Map<Address, number>();
  for (const { effect, time } of events) {
    if (!("account" in effect)) continue;
    const seen = newest.get(effect.account);
    if (seen === undefined || time > seen) newest.set(effect.account, time);
  }
  const keys = [...newest.keys()].map((account) => ({ account, partition }));
  const before = await getMany(store, lastSeen, keys);
  return keys.flatMap((key, index) => {
    const time = newest.get(key.account) ?? 0;
    const known = before[index];
    return known !== undefined && known >= time ? [] : [put(lastSeen, key, time)];
  });
}

type Mutable<T> = { -readonly [name in keyof T]: T[name] };

function recordOf(records: Records, version: Version): ObjectRecord {
  const record = records.get(version.ordinal);
  invariant(record !== undefined, "A change names an object that was not read.", {
    ordinal: version.ordinal,
  });
  return record;
}
