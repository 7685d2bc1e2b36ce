import type { ObjectStore } from "../../objects/object-store.ts";
import { audits } from "../../store/audit-keys.ts";
import { getOne, put, walk } from "../../store/keyspace.ts";
import type { LedgerStore, StoreWrite } from "../../store/ledger-store.ts";
import type { RecordedAudit } from "../../store/records.ts";
import { readHead } from "../ingest/ingest.ts";
import { checkFiles, readEntry } from "./files.ts";
import { holdsOnly } from "./objects.ts";
import { readPublished } from "./published.ts";

/** A cache, and what earlier audits found, by epoch; both go on together. */
export type AuditCache = { readonly store: LedgerStore; readonly known: Map<number, RecordedAudit> };

/** Opens a cache as it is. The store counts as another one for whoever remembers things about stores. */
async function openedCache(given: LedgerStore): Promise<AuditCache> {
  const known = new Map<number, RecordedAudit>();
  for await (const { key, value } of walk(given, audits)) known.set(key, value);
  return { store: { ...given }, known };
}

/** What an earlier audit found in an epoch. */
export function recordedAudit(store: LedgerStore, epoch: number): Promise<RecordedAudit | undefined> {
  return getOne(store, audits, epoch);
}

/** Records what an audit found, together with the writes that close the epoch in the cache. */
export async function recordAudit(
  { store, known }: AuditCache,
  epoch: number,
  audited: { readonly audit: RecordedAudit; readonly writes: readonly StoreWrite[] },
): Promise<void> {
  await store.write([...audited.writes, put(audits, epoch, audited.audit)], { durable: true });
  known.set(epoch, audited.audit);
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
): Promise<AuditCache> {
  const cache = await openedCache(given);
  const { epoch: open, openFrom, nextOrdinal } = await readHead(cache.store);
  for (const [number, audit] of cache.known) {
    const whole = number === epoch || audit.checks.some(({ ok }) => !ok);
    if (!audit.complete) return emptied(cache.store);
    if (!whole && number !== open - 1) continue;
    if (!(await isUnchanged(artifacts, { epoch: number, audit, whole }))) return emptied(cache.store);
  }
  if (openFrom === nextOrdinal) return cache;
  const next = await readPublished(artifacts, open);
  const objects = next !== undefined && "objects" in next ? next.objects : [];
  return (await holdsOnly(cache.store, objects)) ? cache : emptied(cache.store);
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

/** Empties a cache. */
export async function emptied(cache: LedgerStore): Promise<AuditCache> {
  let writes: StoreWrite[] = [];
  for await (const [key] of cache.entries({ from: Uint8Array.of(0), to: Uint8Array.of(0xff) })) {
    writes.push({ key, value: undefined });
    if (writes.length < writesAtOnce) continue;
    await cache.write(writes, { durable: false });
    writes = [];
  }
  await cache.write(writes, { durable: true });
  return openedCache(cache);
}

const writesAtOnce = 10_000;
