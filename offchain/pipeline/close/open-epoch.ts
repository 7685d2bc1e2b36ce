import { append } from "../../core/append.ts";
import { type AiEvent, type Correlation, correlate } from "../../core/correlation.ts";
import type { Ruleset } from "../../core/ruleset.ts";
import { objects, rejections, versions, waitingAi, within } from "../../store/keys.ts";
import { walk, walkValues } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import type { Head, ObjectRecord, RecordedRejection } from "../../store/records.ts";

/** An object of the open epoch with its number. */
export type NumberedObject = ObjectRecord & { readonly ordinal: number };

/** The objects of the open epoch, in the order in which they were read. */
export async function* openObjects(store: LedgerStore, head: Head): AsyncGenerator<NumberedObject> {
  for await (const { key, value } of walk(store, objects, { from: within.ordinal(head.openFrom) })) {
    yield { ordinal: key, ...value };
  }
}

/** The rejections of the open epoch. */
export async function* openRejections(
  store: LedgerStore,
  head: Head,
): AsyncGenerator<RecordedRejection & { readonly ordinal: number; readonly position: number }> {
  for await (const { key, value } of walk(store, rejections, { from: within.ordinal(head.openFrom) })) {
    yield { ...key, ...value };
  }
}

/** What the AI events that wait would give if the epoch closed now. */
export type WaitingOutcome = Correlation;

/** Pairs everything that waits, carried over or new. */
export async function correlateWaiting(store: LedgerStore, ruleset: Ruleset): Promise<WaitingOutcome> {
  const outcome: WaitingOutcome = { pairs: [], jobs: [], receipts: [] };
  for await (const { pairs, jobs, receipts } of waitingGroups(store, ruleset)) {
    append(outcome.pairs, pairs);
    append(outcome.jobs, jobs);
    append(outcome.receipts, receipts);
  }
  return outcome;
}

/** The pairs among what waits, one (partition, request id) after the other. */
export async function* waitingGroups(store: LedgerStore, ruleset: Ruleset): AsyncGenerator<Correlation> {
  let group: AiEvent[] = [];
  for await (const value of walkValues(store, waitingAi)) {
    const last = group[0];
    if (last !== undefined && (last.partition !== value.partition || last.requestID !== value.requestID)) {
      yield correlate(group, ruleset);
      group = [];
    }
    group.push(value);
  }
  yield correlate(group, ruleset);
}

/** The earliest time of an accepted event (ms since 1970), or undefined. Walks every event id: for the first epoch. */
export async function earliestAccepted(store: LedgerStore): Promise<number | undefined> {
  let earliest: number | undefined;
  for await (const { value } of walk(store, versions)) {
    for (const { rejected, time } of value) {
      if (!rejected && (earliest === undefined || time < earliest)) earliest = time;
    }
  }
  return earliest;
}
