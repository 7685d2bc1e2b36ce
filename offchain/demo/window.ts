import type { Address } from "../core/address.ts";
import type { Partition } from "../core/partition.ts";
import { invariant } from "../errors.ts";
import type { Books } from "./expectation.ts";
import {
  aiJob,
  aiPartition,
  connectionEvent,
  formatEvents,
  type PoolEvent,
  type PoolObject,
  transcodeJob,
} from "./pool-events.ts";
import type { Random } from "./random.ts";

/** What goes on from window to window. */
export type TrafficState = {
  readonly random: Random;
  readonly books: Books;
  readonly crews: readonly Crew[];
  readonly usedKeys: Set<string>;
  /** Second halves of AI jobs, written into the next window; `settle` then enters them in the books. */
  readonly carried: { readonly event: PoolEvent; readonly settle: () => void }[];
  /** The objects of the window before, none of them overwritten since. */
  written: readonly WrittenDraft[];
  /** Objects that were cut off and not written whole since; `pay` enters their jobs in the books. */
  readonly truncated: { readonly object: PoolObject; readonly start: number; readonly pay: () => void }[];
  aiSerial: number;
};

/** The workers of a partition, each with its connection. */
export type Crew = { readonly partition: Partition; readonly members: readonly Member[] };

/** A worker as one partition knows it. */
export type Member = { readonly account: Address; readonly connection: string };

/** An object being written; `paid` are those of its jobs that nothing is wrong with. */
export type Draft = { readonly crew: Crew; readonly events: PoolEvent[]; readonly paid: PoolEvent[] };

/** An object that was written, and the time it covers. */
export type WrittenDraft = Draft & Span & { readonly key: string };

/** First and last second, in ms since 1970. */
export type Span = { readonly start: number; readonly end: number };

/** One window being written: a draft for each partition, and the objects that dirt adds. */
export type Window = Span & {
  readonly state: TrafficState;
  readonly drafts: readonly Draft[];
  readonly extras: PoolObject[];
};

/** A draft without events. */
export function emptyDraft(crew: Crew): Draft {
  return { crew, events: [], paid: [] };
}

/** The window's object of a partition. */
export function draftOf({ drafts }: Window, partition: Partition): Draft {
  const draft = drafts.find(({ crew }) => crew.partition === partition);
  invariant(draft !== undefined, "A window has a draft for each partition.", { region: partition.region });
  return draft;
}

/** A time three seconds before the end at the latest, when an AI job that begins then is done. */
export function someTime(random: Random, { start, end }: Span): number {
  return start + random.between(0, (end - start) / 1000 - 3) * 1000;
}

/** Adds one paid job of some worker of the draft's partition, within a span of time. */
export function addJob(state: TrafficState, draft: Draft, span: Span): void {
  const { random, books } = state;
  const about = { time: someTime(random, span), account: random.pick(draft.crew.members).account };
  if (draft.crew.partition === aiPartition) {
    const { receipt, job, feesWei } = aiJob(random, { ...about, serial: nextSerial(state) });
    draft.events.push(receipt, job);
    draft.paid.push(job);
    books.pay(about.account, feesWei);
  } else {
    const { event, feesWei } = transcodeJob(random, about);
    draft.events.push(event);
    draft.paid.push(event);
    books.pay(about.account, feesWei);
  }
}

/** A number that no other AI job of this traffic has. */
export function nextSerial(state: TrafficState): number {
  state.aiSerial += 1;
  return state.aiSerial;
}

/** Connects every worker of a partition at one time. */
export function connectAll(random: Random, draft: Draft, time: number): void {
  for (const member of draft.crew.members) {
    draft.events.push(connectionEvent(random, { ...member, time, isConnected: true }));
  }
}

/** The bytes of a draft, whose events are put in the order of their times. */
export function writeEvents({ crew, events }: Draft): Uint8Array {
  // Sorting is stable: what happened in one second stays in the order in which it was added.
  events.sort((left, right) => left.time - right.time);
  return formatEvents(crew.partition, events);
}
