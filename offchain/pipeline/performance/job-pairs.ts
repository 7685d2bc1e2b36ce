import type { Ruleset } from "../../core/ruleset.ts";
import { jobsWithin, type PairedJob, pairedJobs } from "../../store/job-keys.ts";
import { madePairs, within } from "../../store/keys.ts";
import { walk } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import { waitingGroups } from "../close/open-epoch.ts";
import { readHead, rulesetInForce } from "../ingest/ingest.ts";

/** AI jobs with the workers that their receipts name, by the number of their object, in the order of positions. */
export type PairsByObject = ReadonlyMap<number, readonly PairedJob[]>;

/** Who did the AI jobs that wait for the close of the open epoch, as far as their receipts have come. */
export async function waitingPairs(store: LedgerStore, ruleset: Ruleset): Promise<PairsByObject> {
  const found = new Map<number, PairedJob[]>();
  for await (const { pairs } of waitingGroups(store, ruleset)) {
    for (const { job, receipt } of pairs) add(found, job, receipt);
  }
  return ordered(found);
}

/** Who did the AI jobs that the close of an epoch paid. */
export async function closedPairs(store: LedgerStore, epoch: number): Promise<PairsByObject> {
  const found = new Map<number, PairedJob[]>();
  for await (const { key, value } of walk(store, madePairs, { within: within.epoch(epoch) })) {
    add(found, value.job, key);
  }
  return ordered(found);
}

/** Who did the AI jobs of an object that any close paid, read ahead: for many objects of about the same age. */
export function createPairBook(store: LedgerStore): (ordinal: number) => Promise<readonly PairedJob[]> {
  const known = new Map<number, readonly PairedJob[]>();
  let from = Number.POSITIVE_INFINITY;
  return async (ordinal) => {
    if (ordinal < from) {
      const entries = walk(store, pairedJobs, { from: jobsWithin.ordinal(ordinal) });
      for await (const { key, value } of entries) {
        if (key.ordinal >= from) break;
        known.set(key.ordinal, merged(known.get(key.ordinal), value));
      }
      from = ordinal;
    }
    return known.get(ordinal) ?? none;
  };
}

/** Who did the AI jobs of one object that any close paid. */
export async function pairsOfObject(store: LedgerStore, ordinal: number): Promise<readonly PairedJob[]> {
  let found = none;
  const entries = walk(store, pairedJobs, { within: jobsWithin.ordinal(ordinal) });
  for await (const { value } of entries) found = merged(found, value);
  return found;
}

/** `waitingPairs` as of some seconds ago at most, or of now when the ledger stood still: for lists, not for figures. */
export async function recentPairs(store: LedgerStore, configured: Ruleset): Promise<PairsByObject> {
  const head = await readHead(store);
  const now = performance.now();
  const known = recent.get(store);
  if (known !== undefined && (known.sequence === head.sequence || now - known.readAt < staleMs))
    return known.pairs;
  const pairs = waitingPairs(store, rulesetInForce(head, configured));
  recent.set(store, { sequence: head.sequence, readAt: now, pairs });
  pairs.catch(() => recent.delete(store));
  return pairs;
}

const staleMs = 10_000;
const recent = new WeakMap<
  LedgerStore,
  { readonly sequence: number; readonly readAt: number; readonly pairs: Promise<PairsByObject> }
>();

const none: readonly PairedJob[] = [];

function add(
  found: Map<number, PairedJob[]>,
  { ordinal, position }: { readonly ordinal: number; readonly position: number },
  { account }: Pick<PairedJob, "account">,
): void {
  const jobs = found.get(ordinal) ?? [];
  found.set(ordinal, jobs);
  jobs.push({ position, account });
}

function ordered(found: ReadonlyMap<number, PairedJob[]>): PairsByObject {
  for (const jobs of found.values()) jobs.sort(byPosition);
  return found;
}

function merged(jobs: readonly PairedJob[] = none, more: readonly PairedJob[]): readonly PairedJob[] {
  return jobs.length === 0 ? more : [...jobs, ...more].sort(byPosition);
}

function byPosition(a: PairedJob, b: PairedJob): number {
  return a.position - b.position;
}
