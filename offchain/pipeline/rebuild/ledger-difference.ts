import { jobSamples, lifeSums, pairedJobs } from "../../store/job-keys.ts";
import {
  closedSums,
  connections,
  cumulatives,
  epochs,
  lastSeen,
  madePairs,
  objectNumbers,
  objects,
  openSums,
  rejections,
  resets,
  versions,
  waitingAi,
} from "../../store/keys.ts";
import type { LedgerStore, StoreRange, StoreWrite } from "../../store/ledger-store.ts";

/**
 * The first bytes of the keys that follow from the objects and closes alone. The head is not among them, nor what is
 * known of the log, the archive and the chain.
 */
export const derivedPrefixes: readonly number[] = [
  ...[versions, objects, objectNumbers, rejections, openSums, waitingAi, connections, resets],
  ...[lastSeen, cumulatives, epochs, closedSums, madePairs, jobSamples, pairedJobs, lifeSums],
].map(({ prefix }) => prefix);

/** The writes that make one ledger equal to another in everything that follows from objects and closes. */
export async function differences(ledgers: {
  readonly from: LedgerStore;
  readonly to: LedgerStore;
}): Promise<StoreWrite[]> {
  const writes: StoreWrite[] = [];
  for (const prefix of derivedPrefixes) {
    const range = { from: Uint8Array.of(prefix), to: Uint8Array.of(prefix + 1) };
    for await (const write of rangeDifferences(ledgers, range)) writes.push(write);
  }
  return writes;
}

async function* rangeDifferences(
  { from, to }: { from: LedgerStore; to: LedgerStore },
  range: StoreRange,
): AsyncGenerator<StoreWrite> {
  const [before, after] = [from, to].map((store) => store.entries(range)[Symbol.asyncIterator]());
  if (before === undefined || after === undefined) return;
  try {
    let [old, wanted] = [await before.next(), await after.next()];
    while (old.done !== true || wanted.done !== true) {
      const order = compareKeys(old.value, wanted.value);
      const key: Uint8Array = (order <= 0 ? old : wanted).value[0];
      const value: Uint8Array | undefined = order >= 0 ? wanted.value[1] : undefined;
      if (order !== 0 || Buffer.compare(old.value[1], wanted.value[1]) !== 0) yield { key, value };
      if (order <= 0) old = await before.next();
      if (order >= 0) wanted = await after.next();
    }
  } finally {
    await Promise.all([before.return?.(), after.return?.()]);
  }
}

type Entry = readonly [Uint8Array, Uint8Array];

// An iteration that has ended comes after every key.
function compareKeys(left: Entry | undefined, right: Entry | undefined): number {
  if (left === undefined || right === undefined) return left === right ? 0 : left === undefined ? 1 : -1;
  return Buffer.compare(left[0], right[0]);
}
