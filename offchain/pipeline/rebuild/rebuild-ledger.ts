import { epochFolder, type Hash } from "../../core/artifacts.ts";
import { sha256Hex } from "../../core/hash.ts";
import { partitionOfKey } from "../../core/partition.ts";
import type { RecordFile } from "../../core/record-file.ts";
import type { Ruleset } from "../../core/ruleset.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import { heads, objectNumbers, objects, postings, within } from "../../store/keys.ts";
import { getOne, put, walk } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import type { PostingJournal } from "../../store/records.ts";
import { finishClose } from "../close/close-epoch.ts";
import { readHead, rulesetInForce } from "../ingest/ingest.ts";
import type { RebuildPorts } from "./rebuild-epoch.ts";
import { confirmEpoch, readArchivedEpoch, unreadObjects } from "./rebuild-replay.ts";
import { type NamedObject, replayEpoch, replayObjects } from "./replay.ts";

/** What rebuilding a ledger works on: the ledger itself, empty or behind, in the place of a scratch one. */
export type RebuildLedgerPorts = Omit<RebuildPorts, "scratch"> & { readonly store: LedgerStore };

/** What was made again: closed epochs, those of them on chain, and objects of the open epoch. */
export type RebuildLedgerReport = {
  readonly epochs: number;
  readonly posted: number;
  readonly openObjects: number;
};

/** How it is made again; `ruleset` are the rules of the open epoch, which only the lost ledger remembered. */
export type RebuildLedgerOptions = {
  readonly ruleset: Ruleset;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly epoch: number; readonly objects: number }) => void;
};

/**
 * Makes a ledger again from the archive: every closed epoch, checked against its archived manifest and the chain, then
 * what was read into the open one. Cut short anywhere, the next call goes on where this one stopped; on a ledger that
 * lacks nothing it does nothing. Throws `archive-incomplete`, `epoch-not-rederived`, `epoch-differs-from-chain`.
 */
export async function rebuildLedger(
  ports: RebuildLedgerPorts,
  options: RebuildLedgerOptions,
): Promise<RebuildLedgerReport> {
  const { store, archive } = ports;
  const { signal } = options;
  await finishClose(ports);
  const first = await readHead(store);
  const report = { epochs: 0, posted: 0, openObjects: 0 };
  let previous: Hash | undefined;
  for (let epoch = 1; ; epoch += 1) {
    const archived = await readArchivedEpoch(archive, epoch);
    if (archived === undefined) break;
    const { manifest } = archived;
    if (epoch >= first.epoch) {
      let read = 0;
      const onRead = (): void => {
        read += 1;
        options.onProgress?.({ epoch, objects: read });
      };
      const left = unreadObjects(store, archived.objects);
      await replayEpoch(ports, { manifest, objects: left, signal, onRead });
      report.epochs += 1;
    }
    const { posted, recordHash } = await confirmEpoch(ports.chain, { manifest, previous });
    if (posted) await restoreJournal(ports, { epoch, recordHash });
    if (posted) report.posted += 1;
    previous = recordHash;
  }
  const head = await readHead(store);
  const ruleset = rulesetInForce(head, options.ruleset);
  const onRead = (): void => {
    report.openObjects += 1;
    options.onProgress?.({ epoch: head.epoch, objects: report.openObjects });
  };
  const last = await replayObjects(ports, { ruleset, objects: unclosedObjects(ports), signal, onRead });
  // One durable write makes everything before it durable, too.
  await store.write([put(heads, "head", last)], { durable: true });
  return report;
}

/**
 * The archived objects that the ledger does not know: read into the epoch that was open. They are not all in the log any
 * more, since a key of the log can have been overwritten.
 */
async function* unclosedObjects({ store, archive }: RebuildLedgerPorts): AsyncGenerator<NamedObject> {
  for await (const page of archive.list({ prefix: archivePrefix })) {
    for (const { key: archiveKey } of page) {
      const key = objectKeyOf(archiveKey);
      if (key === undefined || (await isKnown(store, { key, archiveKey }))) continue;
      const stored = await archive.get(archiveKey);
      if (stored === undefined) continue;
      const object = { key, archiveKey, sha256: sha256Hex(stored.bytes), bytes: stored.bytes.length };
      if ((await getOne(store, objectNumbers, object)) === undefined) yield object;
    }
  }
}

const archivePrefix = "archive/";

/** The key of the event object that an archived one is a copy of; undefined for everything else. */
function objectKeyOf(archiveKey: string): string | undefined {
  const name = archiveKey.slice(archivePrefix.length);
  const plain = name.replace(/\.[0-9a-f]{16}$/, "");
  return [name, plain].find((key) => partitionOfKey(key) !== undefined);
}

async function isKnown(
  store: LedgerStore,
  { key, archiveKey }: { readonly key: string; readonly archiveKey: string },
): Promise<boolean> {
  for await (const { value: ordinal } of walk(store, objectNumbers, { within: within.textPrefix(key) })) {
    if ((await getOne(store, objects, ordinal))?.archiveKey === archiveKey) return true;
  }
  return false;
}

/** Brings back who attested the record of an epoch on chain, which no log tells, from `record.json` if it is there. */
async function restoreJournal(
  { store, artifacts }: { readonly store: LedgerStore; readonly artifacts: ObjectStore },
  { epoch, recordHash }: { readonly epoch: number; readonly recordHash: Hash },
): Promise<void> {
  if ((await getOne(store, postings, epoch)) !== undefined) return;
  const stored = await artifacts.get(`${epochFolder(epoch)}record.json`);
  if (stored === undefined) return;
  const file = JSON.parse(new TextDecoder().decode(stored.bytes)) as RecordFile;
  if (file.recordHash !== recordHash) return;
  const { manifestHash } = file.record;
  const { attestations } = file;
  const journal: PostingJournal = { recordHash, manifestHash, attestations, attempts: [], posted: null };
  await store.write([put(postings, epoch, journal)], { durable: false });
}
