import { type Address, parseAddress } from "../core/address.ts";
import { exitCodes, PayrootError } from "../errors.ts";
import {
  type AiJob,
  aiJob,
  aiPartition,
  objectKey,
  resetEvent,
  ticketRedeemed,
  transcodeJob,
  transcodeJobOf,
  transcodePartitions,
} from "./pool-events.ts";
import {
  addJob,
  connectAll,
  type Draft,
  draftOf,
  emptyDraft,
  nextSerial,
  someTime,
  type Window,
  writeEvents,
} from "./window.ts";

/** The dirt of real life, each kind by what a careless reader would get wrong. */
export const dirtKinds = [
  "repeat-in-object",
  "repeat-across-objects",
  "overwritten-key",
  "late-object",
  "truncated-object",
  "repaired-object",
  "wrong-checksum",
  "conflicting-duplicate",
  "ai-job-before-receipt",
  "ai-receipt-before-job",
  "ai-job-without-receipt",
  "ticket-redeemed",
  "fees-above-2^53",
  "reset-and-connect",
] as const;

/**
 * One kind of dirt. `overwritten-key` needs a window before it, and `repaired-object` one with a truncated object; the
 * second half of a split AI job comes with the next window; everything else is in the window it is asked for.
 */
export type Dirt = (typeof dirtKinds)[number];

/** What puts each kind of dirt into a window. */
export const dirtMakers: Readonly<Record<Dirt, (window: Window) => void>> = {
  "repeat-in-object": (window) => {
    const draft = someTranscodeDraft(window);
    draft.events.push(window.state.random.pick(draft.paid));
  },
  "repeat-across-objects": (window) => {
    const draft = someTranscodeDraft(window);
    addObject(window, { ...draft, events: draft.paid.slice(0, 3) });
  },
  "overwritten-key": (window) => {
    const { state, extras } = window;
    const candidates = state.written.filter(({ crew }) => crew.partition !== aiPartition);
    if (candidates.length === 0) throw dirtImpossible("A key is overwritten when there was a window before.");
    const earlier = state.random.pick(candidates);
    state.written = state.written.filter((written) => written !== earlier);
    const draft = { ...earlier, events: [...earlier.events] };
    for (let job = 0; job < 3; job += 1) addJob(state, draft, earlier);
    extras.push({ key: earlier.key, bytes: writeEvents(draft) });
  },
  "late-object": (window) => {
    const late = window.state.random.between(2 * 3600, 6 * 3600) * 1000;
    const draft = emptyDraft(someTranscodeDraft(window).crew);
    const span = { start: window.start - late, end: window.end - late };
    for (let job = 0; job < 5; job += 1) addJob(window.state, draft, span);
    addObject(window, draft);
  },
  "truncated-object": truncateObject,
  "repaired-object": ({ state, extras, start }) => {
    const whole = state.truncated.find((object) => object.start < start);
    if (whole === undefined)
      throw dirtImpossible("An object is repaired when an earlier window truncated one.");
    state.truncated.splice(state.truncated.indexOf(whole), 1);
    extras.push(whole.object);
    whole.pay();
  },
  "wrong-checksum": (window) => {
    const draft = someTranscodeDraft(window);
    const { time, account } = someWork(window, draft);
    const job = { time, account: withWrongChecksum(account) };
    draft.events.push(transcodeJob(window.state.random, job).event);
  },
  "conflicting-duplicate": (window) => {
    const draft = someTranscodeDraft(window);
    const job = someWork(window, draft);
    const { event } = transcodeJob(window.state.random, job);
    const other = transcodeJob(window.state.random, job).event;
    draft.events.push(event, { ...other, id: event.id });
  },
  "ai-job-before-receipt": (window) => splitAiJob(window, "job"),
  "ai-receipt-before-job": (window) => splitAiJob(window, "receipt"),
  "ai-job-without-receipt": (window) => {
    const { job, requestID, feesWei } = someAiJob(window);
    draftOf(window, aiPartition).events.push(job);
    window.state.books.wait(requestID, feesWei);
  },
  "ticket-redeemed": (window) => {
    const { random } = window.state;
    someTranscodeDraft(window).events.push(ticketRedeemed(random, someTime(random, window)));
  },
  "fees-above-2^53": (window) => {
    const { random, books } = window.state;
    const draft = someTranscodeDraft(window);
    const job = someWork(window, draft);
    // An odd product above 2^53 is no double: a careless reader is off by one wei.
    const computeUnits = 9_007_199_254_741 + 2 * random.between(0, 1000);
    const { event, feesWei } = transcodeJobOf(random, { ...job, computeUnits, price: 1999 });
    draft.events.push(event);
    books.pay(job.account, feesWei);
  },
  "reset-and-connect": (window) => {
    const draft = someTranscodeDraft(window);
    const { random } = window.state;
    const time = someTime(random, window);
    draft.events.push(resetEvent(random, time));
    connectAll(random, draft, time);
  },
};

function someTranscodeDraft(window: Window): Draft {
  return draftOf(window, window.state.random.pick(transcodePartitions));
}

function someWork(
  { state, ...span }: Window,
  draft: Draft,
): { readonly time: number; readonly account: Address } {
  return { time: someTime(state.random, span), account: state.random.pick(draft.crew.members).account };
}

/** Writes an object of its own, under a key that no object had before. */
function addObject(window: Window, draft: Draft): void {
  const bytes = writeEvents(draft);
  window.extras.push({ key: freeKey(window, draft), bytes });
}

function freeKey({ state, start, end }: Window, { crew, events }: Draft): string {
  let first = events[0]?.time ?? start;
  const last = events.at(-1)?.time ?? end;
  // A window's own key begins and ends with the window: one second earlier is another's.
  while (first === start || state.usedKeys.has(objectKey(crew.partition, { first, last }))) first -= 1000;
  const key = objectKey(crew.partition, { first, last });
  state.usedKeys.add(key);
  return key;
}

function truncateObject(window: Window): void {
  const { random, books, truncated } = window.state;
  const draft = emptyDraft(someTranscodeDraft(window).crew);
  const jobs = Array.from({ length: 5 }, () => {
    const job = someWork(window, draft);
    return { account: job.account, ...transcodeJob(random, job) };
  });
  for (const { event } of jobs) draft.events.push(event);
  const bytes = writeEvents(draft);
  const key = freeKey(window, draft);
  const length = random.between(Math.ceil(bytes.length / 2), bytes.length - 2);
  window.extras.push({ key, bytes: bytes.subarray(0, length) });
  truncated.push({
    object: { key, bytes },
    start: window.start,
    pay: () => {
      for (const { account, feesWei } of jobs) books.pay(account, feesWei);
    },
  });
}

function someAiJob(window: Window): AiJob & { readonly account: Address } {
  const work = someWork(window, draftOf(window, aiPartition));
  return {
    account: work.account,
    ...aiJob(window.state.random, { ...work, serial: nextSerial(window.state) }),
  };
}

function splitAiJob(window: Window, first: "job" | "receipt"): void {
  const { books, carried } = window.state;
  const { account, receipt, job, requestID, feesWei } = someAiJob(window);
  const events = draftOf(window, aiPartition).events;
  if (first === "job") {
    events.push(job);
    books.wait(requestID, feesWei);
    carried.push({ event: receipt, settle: () => books.settle(requestID, account) });
  } else {
    events.push(receipt);
    carried.push({ event: job, settle: () => books.pay(account, feesWei) });
  }
}

/** An address with the case of one letter turned, so that EIP-55 refuses it. */
function withWrongChecksum(account: Address): string {
  for (let at = 2; at < account.length; at += 1) {
    const letter = account[at] ?? "";
    const turned = letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase();
    const address = `${account.slice(0, at)}${turned}${account.slice(at + 1)}`;
    if (parseAddress(address) === undefined) return address;
  }
  // All digits, or a single letter: one address in billions.
  return `${account.slice(0, -1)}g`;
}

function dirtImpossible(sentence: string): PayrootError {
  return new PayrootError("dirt-impossible", sentence, {
    next: "ask for this kind of dirt in a later window",
    exitCode: exitCodes.usage,
  });
}
