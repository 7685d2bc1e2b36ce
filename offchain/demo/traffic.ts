import type { Address } from "../core/address.ts";
import { exitCodes, type Facts, invariant, PayrootError } from "../errors.ts";
import { type Dirt, dirtMakers } from "./dirt.ts";
import { type Expectation, openBooks } from "./expectation.ts";
import {
  aiPartition,
  connectionEvent,
  deriveWorkers,
  objectKey,
  type PoolObject,
  randomConnection,
  transcodePartitions,
} from "./pool-events.ts";
import { createRandom, type Random } from "./random.ts";
import {
  addJob,
  type Crew,
  connectAll,
  type Draft,
  draftOf,
  emptyDraft,
  type Span,
  someTime,
  type TrafficState,
  type Window,
  writeEvents,
} from "./window.ts";

/** How traffic is made: the same options and the same calls give the same bytes. */
export type TrafficOptions = {
  readonly seed: string;
  /** When the first window begins, cut to a whole second. */
  readonly start: Date;
  /** EIP-55 addresses of the workers, at least 5, or how many to derive from the seed; default 60. */
  readonly workers?: number | readonly Address[];
  /** The commission that `expected` counts, in millionths of each job's fees; default 250,000. */
  readonly commissionPpm?: bigint;
};

/** What one window holds: the jobs of each partition in that time, and which kinds of dirt among them. */
export type WindowOptions = {
  /** How long the window is, at least 10; default 60. */
  readonly seconds?: number;
  /** Jobs in each partition, at least 1; default 40. */
  readonly jobs?: number;
  readonly dirt?: readonly Dirt[];
};

/** A pool at work, one window of time after the other. */
export type Traffic = {
  readonly workers: readonly Address[];
  /**
   * The objects of the next window: one for each partition, then what the dirt adds. Keys of one window differ; a later
   * one may overwrite them, with content that says at least as much, so that it does not matter which was read.
   */
  window(options?: WindowOptions): PoolObject[];
  /** What everything written so far must come to, once all of it is read. */
  expected(): Expectation;
};

/** Makes the traffic of a pool in the five known partitions, from a seed. Throws `traffic-impossible`. */
export function createTraffic(options: TrafficOptions): Traffic {
  const { seed, workers = 60 } = options;
  const random = createRandom(`traffic ${seed}`);
  const accounts = typeof workers === "number" ? deriveWorkers(seed, workers) : workers;
  const books = openBooks(options.commissionPpm ?? 250_000n);
  const state: TrafficState = {
    random,
    books,
    crews: assignCrews(random, accounts),
    usedKeys: new Set(),
    carried: [],
    written: [],
    truncated: [],
    aiSerial: random.between(0, 2 ** 31),
  };
  let start = Math.floor(options.start.getTime() / 1000) * 1000;
  let isFirst = true;
  return {
    workers: accounts,
    window: ({ seconds = 60, jobs = 40, dirt = [] } = {}) => {
      if (seconds < 10 || jobs < 1) throw trafficImpossible("A window is too small.", { seconds, jobs });
      const window = openWindow(state, { start, end: start + (seconds - 1) * 1000 });
      fillWindow(window, { jobs, isFirst });
      for (const kind of dirt) dirtMakers[kind](window);
      start += seconds * 1000;
      isFirst = false;
      return closeWindow(window);
    },
    expected: books.expected,
  };
}

/** Each worker is in one partition, every fifth in a second one as well; each partition gets its share. */
function assignCrews(random: Random, accounts: readonly Address[]): Crew[] {
  const partitions = [aiPartition, ...transcodePartitions];
  if (accounts.length < partitions.length) {
    throw trafficImpossible("There are fewer workers than partitions.", { workers: accounts.length });
  }
  return partitions.map((partition, place) => ({
    partition,
    members: accounts
      .filter((_, n) => n % 5 === place || (n % 25 < 5 && (n + 1) % 5 === place))
      .map((account) => ({ account, connection: randomConnection(random) })),
  }));
}

function openWindow(state: TrafficState, span: Span): Window {
  return { state, ...span, drafts: state.crews.map(emptyDraft), extras: [] };
}

function fillWindow(window: Window, fill: { readonly jobs: number; readonly isFirst: boolean }): void {
  const { state, start } = window;
  for (const { event, settle } of state.carried.splice(0)) {
    draftOf(window, aiPartition).events.push(event);
    settle();
  }
  for (const draft of window.drafts) {
    if (fill.isFirst) connectAll(state.random, draft, start);
    else if (state.random.oneIn(2)) reconnectOne(window, draft);
    for (let job = 0; job < fill.jobs; job += 1) addJob(state, draft, window);
  }
}

function reconnectOne(window: Window, draft: Draft): void {
  const { random } = window.state;
  const member = random.pick(draft.crew.members);
  const time = someTime(random, window);
  draft.events.push(connectionEvent(random, { ...member, time, isConnected: false }));
  draft.events.push(connectionEvent(random, { ...member, time: time + 2000, isConnected: true }));
}

function closeWindow({ state, start, end, drafts, extras }: Window): PoolObject[] {
  state.written = drafts.map((draft) => {
    const key = objectKey(draft.crew.partition, { first: start, last: end });
    invariant(!state.usedKeys.has(key), "No extra object has the key of a window.", { key });
    state.usedKeys.add(key);
    return { ...draft, start, end, key };
  });
  return [...state.written.map((draft) => ({ key: draft.key, bytes: writeEvents(draft) })), ...extras];
}

/** The caller asked for traffic that no pool has. */
function trafficImpossible(sentence: string, facts: Facts): PayrootError {
  return new PayrootError("traffic-impossible", sentence, {
    facts,
    next: "use at least 5 workers, and windows of at least 10 seconds and 1 job",
    exitCode: exitCodes.usage,
  });
}
