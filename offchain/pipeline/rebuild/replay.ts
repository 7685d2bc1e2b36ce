import {
  epochFolder,
  fileEntry,
  type Manifest,
  manifestHash,
  type ObjectLine,
} from "../../core/artifacts.ts";
import { canonicalJson } from "../../core/canonical.ts";
import { manifestOf } from "../../core/epoch.ts";
import { epochFiles } from "../../core/epoch-files.ts";
import { sha256Hex } from "../../core/hash.ts";
import { partitionName, partitionOfKey } from "../../core/partition.ts";
import type { Ruleset } from "../../core/ruleset.ts";
import { parseTime } from "../../core/time.ts";
import { exitCodes, PayrootError } from "../../errors.ts";
import { mapOrdered } from "../../objects/concurrent.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import { objectNumbers, rejections } from "../../store/keys.ts";
import { del, getOne } from "../../store/keyspace.ts";
import type { LedgerStore, StoreWrite } from "../../store/ledger-store.ts";
import type { Head } from "../../store/records.ts";
import { type CloseResult, epochStateOf } from "../close/close-epoch.ts";
import { closingWrites } from "../close/closing-writes.ts";
import { type DerivedEpoch, deriveEpoch } from "../close/derive-epoch.ts";
import { applyObject, type ObjectReading } from "../ingest/apply-object.ts";
import { readArchived } from "../ingest/archived.ts";
import { readHead } from "../ingest/ingest.ts";
import { type ObjectParser, parseInTurns } from "../ingest/parser.ts";
import { rejectedPositions } from "../ingest/quarantine.ts";

/*
 * The path from archived objects to an epoch, walked again on a ledger of its own: nothing of the one that closed it
 * is used.
 */

/** A ledger that is made again, and the archive it is made from. */
export type ReplayPorts = {
  readonly store: LedgerStore;
  readonly archive: ObjectStore;
  /** Reads the bytes of objects; in this thread when left out. */
  readonly parse?: ObjectParser;
};

/** An object as an epoch names it. */
export type NamedObject = Pick<ObjectLine, "key" | "sha256" | "bytes" | "archiveKey">;

/** What an object turned out to be when it was read again. */
export type ReadObject = { readonly content: Uint8Array; readonly sha256: string };

/** How objects are read again. */
export type ReplayOptions = {
  readonly objects: AsyncIterable<NamedObject> | Iterable<NamedObject>;
  /** Reads one; undefined leaves it out. Without it, from the archive, which must hold exactly what is named. */
  readonly read?: (object: NamedObject) => Promise<ReadObject | undefined>;
  readonly onRead?: (reading: ObjectReading) => void;
  readonly signal?: AbortSignal | undefined;
};

/** Reads objects again, in the order given, as part of the open epoch by these rules. Throws `archive-incomplete`. */
export async function replayObjects(
  ports: ReplayPorts,
  replay: ReplayOptions & { readonly ruleset: Ruleset },
): Promise<Head> {
  const { store } = ports;
  const { ruleset, signal } = replay;
  let head = await readHead(store);
  // As in ingest, one object is applied at a time; the next ones are read and parsed meanwhile.
  for await (const reading of mapOrdered(replay.objects, { concurrency: 4 }, (object) =>
    readAgain(ports, object, replay),
  )) {
    signal?.throwIfAborted();
    if (reading === undefined) continue;
    const retried = await retriedRejections(store, reading);
    const applied = await applyObject(store, { head, ruleset }, reading);
    await store.write([...retried, ...applied.writes], { durable: false });
    head = applied.head;
    replay.onRead?.(reading);
  }
  return head;
}

async function readAgain(
  { archive, parse = parseInTurns }: ReplayPorts,
  object: NamedObject,
  { ruleset, read }: ReplayOptions & { readonly ruleset: Ruleset },
): Promise<ObjectReading | undefined> {
  const { key, archiveKey } = object;
  const partition = partitionOfKey(key);
  if (partition === undefined) throw objectForeign(key);
  const found =
    read === undefined
      ? { content: await readArchived(archive, object), sha256: object.sha256 }
      : await read(object);
  if (found === undefined) return undefined;
  const { content, sha256 } = found;
  // A parser in another thread takes the content away.
  const bytes = content.length;
  const parsed = await parse(content, { key, partition, ruleset });
  return { key, sha256, archiveKey, bytes, partition: partitionName(partition), parsed };
}

/** An object is only ever read twice to try its rejections again: those of its first reading are settled by that. */
async function retriedRejections(
  store: LedgerStore,
  object: Pick<NamedObject, "key" | "sha256">,
): Promise<StoreWrite[]> {
  const before = await getOne(store, objectNumbers, object);
  const positions = before === undefined ? [] : await rejectedPositions(store, before);
  return positions.map((position) => del(rejections, { ordinal: before ?? 0, position }));
}

/** An epoch derived again: equal to its manifest, and not yet closed on the replayed ledger. */
export type RederivedEpoch = {
  readonly head: Head;
  readonly manifest: Manifest;
  readonly derived: DerivedEpoch;
};

/**
 * Derives an epoch again from its objects, on a ledger that must stand right before it. Throws `epoch-not-rederived`
 * when it comes out other than its manifest says, and `archive-incomplete`.
 */
export async function rederiveEpoch(
  ports: ReplayPorts,
  replay: ReplayOptions & { readonly manifest: Manifest },
): Promise<RederivedEpoch> {
  const { store } = ports;
  const { manifest } = replay;
  const opened = await readHead(store);
  const { ruleset, chainId, distributor } = manifest;
  const head = await replayObjects(ports, { ...replay, ruleset });
  const closesAt = parseTime(manifest.closesAt);
  const empty = head.nextOrdinal === opened.openFrom;
  const closing = { closesAt: closesAt ?? Number.NaN, chainId, distributor };
  const derived =
    empty || closesAt === undefined ? undefined : await deriveEpoch(store, { ...head, closing });
  if (derived === undefined) {
    throw notRederived({
      epoch: manifest.epoch,
      differs: "objects",
      expected: manifest.inputs.objects,
      found: 0,
    });
  }
  const files = Array.from(epochFiles(derived.closed, derived.records), ({ name, bytes }) =>
    fileEntry(name, bytes),
  );
  const own = manifestOf(derived.closed, { inputs: derived.inputs, files });
  if (manifestHash(own) !== manifestHash(manifest)) throw firstDifference(manifest, own);
  return { head, manifest: own, derived };
}

/** Derives an epoch again and closes it on the replayed ledger; throws as `rederiveEpoch` does. */
export async function replayEpoch(
  ports: ReplayPorts,
  replay: ReplayOptions & { readonly manifest: Manifest },
): Promise<CloseResult> {
  const { head, manifest, derived } = await rederiveEpoch(ports, replay);
  const state = epochStateOf(manifest, head);
  const { store } = ports;
  await store.write(await closingWrites(store, { head, state, ...derived }), { durable: false });
  return { manifest, state };
}

/** The lines of an epoch's `objects.ndjson`, checked against its manifest. Throws `epoch-not-rederived`. */
export async function readObjectLines(artifacts: ObjectStore, manifest: Manifest): Promise<ObjectLine[]> {
  const name = "objects.ndjson";
  const stored = await artifacts.get(`${epochFolder(manifest.epoch)}${name}`);
  const expected = manifest.files.find((file) => file.name === name)?.sha256 ?? "no such file";
  const found = stored === undefined ? "no such object" : sha256Hex(stored.bytes);
  if (stored === undefined || found !== expected) {
    throw notRederived({ epoch: manifest.epoch, differs: name, expected, found });
  }
  const lines = new TextDecoder().decode(stored.bytes).split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as ObjectLine);
}

type Difference = {
  readonly epoch: number;
  readonly differs: string;
  readonly expected: string | number;
  readonly found: string | number;
};

// The first field that differs tells most; files are compared one by one, since their list alone says little.
function firstDifference(theirs: Manifest, ours: Manifest): PayrootError {
  const { epoch } = theirs;
  const hashOf = (manifest: Manifest, name: string) =>
    manifest.files.find((file) => file.name === name)?.sha256 ?? "no such file";
  for (const name of new Set([...theirs.files, ...ours.files].map((file) => file.name))) {
    const [expected, found] = [hashOf(theirs, name), hashOf(ours, name)];
    if (expected !== found) return notRederived({ epoch, differs: name, expected, found });
  }
  const fields = Object.keys(ours) as (keyof Manifest)[];
  const textOf = (value: unknown) => (value === undefined ? "nothing" : canonicalJson(value));
  const differs = fields.find((field) => textOf(theirs[field]) !== textOf(ours[field]));
  const text = (manifest: Manifest) => textOf(differs === undefined ? manifest : manifest[differs]);
  return notRederived({ epoch, differs: differs ?? "manifest", expected: text(theirs), found: text(ours) });
}

function notRederived(facts: Difference): PayrootError {
  return new PayrootError("epoch-not-rederived", "The archive gives another epoch than the published one.", {
    facts,
    next: "see every difference with: payroot audit",
    exitCode: exitCodes.discrepancy,
  });
}

function objectForeign(key: string): PayrootError {
  return new PayrootError("object-foreign", "An epoch names an object that cannot be of the event log.", {
    facts: { object: key, expected: "a key {region}/{nodeType}/{region}-{nodeType}-….json" },
    next: "see every difference with: payroot audit",
    exitCode: exitCodes.discrepancy,
  });
}
