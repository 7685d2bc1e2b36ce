import type { ObjectStore } from "../objects/object-store.ts";
import { audits } from "../store/audit-keys.ts";
import { getOne, put, walk } from "../store/keyspace.ts";
import type { LedgerStore, StoreWrite } from "../store/ledger-store.ts";
import type { RecordedAudit } from "../store/records.ts";
import { checkFiles, readEntry } from "./audit-files.ts";
import { holdsOnly } from "./audit-objects.ts";
import { readPublished } from "./audit-published.ts";
import { readHead } from "./ingest.ts";

/** What an earlier audit found in an epoch. */
export function recordedAudit(cache: LedgerStore, epoch: number): Promise<RecordedAudit | undefined> {
  return getOne(cache, audits, epoch);
}

/** The write that records what an audit found. */
export function recordAudit(epoch: number, audit: RecordedAudit): StoreWrite {
  return put(audits, epoch, audit);
}

/**
 * The cache, emptied when what was published is no longer what it was made from: the newest manifest, which by its hash
 * stands for all before it; the files of epochs that were at fault, or that are asked for (`epoch`); or the objects of
 * an epoch whose audit was cut short.
 */
export async function usableCache(
  given: LedgerStore,
  artifacts: ObjectStore,
  epoch: number | undefined,
): Promise<LedgerStore> {
  // Another store for whoever remembers things about stores: this one may have been emptied since.
  const cache = { ...given };
  const { epoch: open, openFrom, nextOrdinal } = await readHead(cache);
  for await (const { key: number, value: audit } of walk(cache, audits)) {
    const whole = number === epoch || audit.checks.some(({ ok }) => !ok);
    if (!audit.complete) return emptied(cache);
    if (!whole && number !== open - 1) continue;
    if (!(await isUnchanged(artifacts, { epoch: number, audit, whole }))) return emptied(cache);
  }
  if (openFrom === nextOrdinal) return cache;
  const next = await readPublished(artifacts, open);
  const objects = next !== undefined && "objects" in next ? next.objects : [];
  return (await holdsOnly(cache, objects)) ? cache : emptied(cache);
}

/** Whether an epoch's manifest, and with `whole` all its files, are as they were when it was audited. */
async function isUnchanged(
  artifacts: ObjectStore,
  { epoch, audit, whole }: { epoch: number; audit: RecordedAudit; whole: boolean },
): Promise<boolean> {
  const published = await readPublished(artifacts, epoch);
  if (published === undefined || "fault" in published) return false;
  if (published.manifestHash !== audit.manifestHash) return false;
  if (!whole) return true;
  const files = await checkFiles(published.manifest, audit.derived.files, (name) =>
    readEntry(artifacts, { epoch, name }),
  );
  const before = audit.checks.find(({ name }) => name === files.name);
  return before?.actual === files.actual && before.ok === files.ok;
}

/** Empties a cache. The store returned counts as another one for whoever remembers things about stores. */
export async function emptied(cache: LedgerStore): Promise<LedgerStore> {
  let writes: StoreWrite[] = [];
  for await (const [key] of cache.entries({ from: Uint8Array.of(0), to: Uint8Array.of(0xff) })) {
    writes.push({ key, value: undefined });
    if (writes.length < writesAtOnce) continue;
    await cache.write(writes, { durable: false });
    writes = [];
  }
  await cache.write(writes, { durable: true });
  return { ...cache };
}

const writesAtOnce = 10_000;
