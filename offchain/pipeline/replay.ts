import { epochFolder, fileEntry, type Manifest, manifestHash, type ObjectLine } from "../core/artifacts.ts";
import { manifestOf } from "../core/epoch.ts";
import { epochFiles } from "../core/epoch-files.ts";
import { sha256Hex } from "../core/hash.ts";
import { parseObject } from "../core/object.ts";
import { partitionName, partitionOfKey } from "../core/partition.ts";
import type { Ruleset } from "../core/ruleset.ts";
import { parseTime } from "../core/time.ts";
import { exitCodes, PayrootError } from "../errors.ts";
import { mapOrdered } from "../objects/concurrent.ts";
import type { ObjectStore } from "../objects/object-store.ts";
import { objectNumbers, rejections } from "../store/keys.ts";
import { del, getOne } from "../store/keyspace.ts";
import type { LedgerStore, StoreWrite } from "../store/ledger-store.ts";
import type { Head } from "../store/records.ts";
import { applyObject } from "./apply-object.ts";
import { readArchived } from "./archived.ts";
import { type CloseResult, epochStateOf } from "./close-epoch.ts";
import { closingWrites } from "./closing-writes.ts";
import { deriveEpoch } from "./derive-epoch.ts";
import { readHead } from "./ingest.ts";
import { rejectedPositions } from "./quarantine.ts";

/*
 * The path from archived objects to an epoch, walked again on a ledger of its own: nothing of the one that closed it
 * is used.
 */

/** A ledger that is made again, and the archive it is made from. */
export type ReplayPorts = { readonly store: LedgerStore; readonly archive: ObjectStore };

/** An object as an epoch names it. */
export type NamedObject = Pick<ObjectLine, "key" | "sha256" | "bytes" | "archiveKey">;

/** Reads objects again, in the order given, as part of the open epoch by these rules. Throws `archive-incomplete`. */
export async function replayObjects(
  ports: ReplayPorts,
  replay: {
    readonly ruleset: Ruleset;
    readonly objects: AsyncIterable<NamedObject> | Iterable<NamedObject>;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<Head> {
  const { store, archive } = ports;
  const { ruleset, signal } = replay;
  let head = await readHead(store);
  const read = async (object: NamedObject) => ({ object, content: await readArchived(archive, object) });
  for await (const { object, content } of mapOrdered(replay.objects, { concurrency: 4 }, read)) {
    signal?.throwIfAborted();
    const { key, sha256, archiveKey } = object;
    const place = partitionOfKey(key);
    if (place === undefined) throw objectForeign(key);
    const parsed = parseObject(content, { key, partition: place, ruleset });
    const named = { key, sha256, archiveKey, bytes: content.length, partition: partitionName(place) };
    const retried = await retriedRejections(store, object);
    const applied = await applyObject(store, { head, ruleset }, { ...named, parsed });
    await store.write([...retried, ...applied.writes], { durable: false });
    head = applied.head;
  }
  return head;
}

/** An object is only ever read twice to try its rejections again: those of its first reading are settled by that. */
async function retriedRejections(store: LedgerStore, object: NamedObject): Promise<StoreWrite[]> {
  const before = await getOne(store, objectNumbers, object);
  const positions = before === undefined ? [] : await rejectedPositions(store, before);
  return positions.map((position) => del(rejections, { ordinal: before ?? 0, position }));
}

/**
 * Derives an epoch again from its objects and closes it on the replayed ledger, which must stand right before it.
 * Throws `epoch-not-rederived` when it comes out other than its manifest says, and `archive-incomplete`.
 */
export async function replayEpoch(
  ports: ReplayPorts,
  replay: {
    readonly manifest: Manifest;
    readonly objects: AsyncIterable<NamedObject> | Iterable<NamedObject>;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<CloseResult> {
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
  const state = epochStateOf(own, head);
  await store.write(await closingWrites(store, { head, state, ...derived }), { durable: false });
  return { manifest: own, state };
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
  const differs = fields.find((field) => JSON.stringify(theirs[field]) !== JSON.stringify(ours[field]));
  const text = (manifest: Manifest) => JSON.stringify(differs === undefined ? manifest : manifest[differs]);
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
