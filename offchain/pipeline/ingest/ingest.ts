import { sha256Hex } from "../../core/hash.ts";
import {
  firstTimeOfKey,
  keyFloorAt,
  type Partition,
  partitionFolder,
  partitionName,
  partitionOfKey,
} from "../../core/partition.ts";
import type { Ruleset } from "../../core/ruleset.ts";
import { type ExitCode, exitCodes, messageOf, PayrootError } from "../../errors.ts";
import { mapOrdered } from "../../objects/concurrent.ts";
import type { ObjectInfo, ObjectStore } from "../../objects/object-store.ts";
import { archived, heads, listings, objectNumbers, within } from "../../store/keys.ts";
import { getMany, getOne, put, walk } from "../../store/keyspace.ts";
import type { LedgerStore, StoreWrite } from "../../store/ledger-store.ts";
import type { Counters, Head } from "../../store/records.ts";
import { addCounters, applyObject, emptyCounters, type ObjectReading } from "./apply-object.ts";
import { type ObjectParser, parseInTurns } from "./parser.ts";

/** What ingest works on. */
export type IngestPorts = {
  readonly store: LedgerStore;
  readonly log: ObjectStore;
  readonly archive: ObjectStore;
  /** What parses the objects; this thread when undefined. */
  readonly parse?: ObjectParser;
};

/** How one pass over the log is made. */
export type IngestOptions = {
  /** The configured rules; an epoch that already has objects keeps the rules it began with. */
  readonly ruleset: Ruleset;
  /** Only these partitions; all that are found when undefined. */
  readonly partitions: readonly Partition[] | undefined;
  /** List only objects that begin at most this long before the newest known one, in seconds; everything when undefined. */
  readonly lookBackSeconds?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: IngestReport) => void;
};

/** An object that could not be read, or not be archived: why, what to do about it, and whether that may pass by itself. */
export type Unread = {
  readonly key: string;
  readonly reason: string;
  readonly next: string;
  readonly exitCode: ExitCode;
};

/** What one pass did. What is `unread` this time is tried again in the next. */
export type IngestReport = Counters & {
  readonly listed: number;
  readonly objects: number;
  readonly unread: readonly Unread[];
};

/** A ledger that has read nothing yet. */
export const firstHead: Head = {
  format: 1,
  sequence: 0,
  epoch: 1,
  opensAt: null,
  ruleset: null,
  previousManifest: null,
  openFrom: 0,
  nextOrdinal: 0,
  closing: null,
};

/** Where the ledger stands. */
export async function readHead(store: LedgerStore): Promise<Head> {
  return (await getOne(store, heads, "head")) ?? firstHead;
}

/** The rules of what is read next: an epoch that has objects keeps those that it began with. */
export function rulesetInForce(head: Head, configured: Ruleset): Ruleset {
  return head.nextOrdinal > head.openFrom ? (head.ruleset ?? configured) : configured;
}

/**
 * One pass over the log: lists it, reads what is new or changed, copies it to the archive, and adds its effects to
 * the ledger, each object in one atomic write. Cut short anywhere, the next pass goes on where this one stopped.
 */
export async function ingest(ports: IngestPorts, options: IngestOptions): Promise<IngestReport> {
  const { signal } = options;
  let head = await readHead(ports.store);
  let listed = 0;
  let objects = 0;
  let counters = emptyCounters;
  const unread: Unread[] = [];
  const report = (): IngestReport => ({ listed, objects, unread, ...counters });
  const ruleset = rulesetInForce(head, options.ruleset);

  const wanted = unseen(ports, options, (count) => {
    listed += count;
  });
  // One object is applied at a time; the next ones are read and parsed meanwhile.
  for await (const read of mapOrdered(wanted, { concurrency: readsAtOnce }, (info) =>
    readObject(ports, info, { ruleset, signal }),
  )) {
    signal?.throwIfAborted();
    if (read === undefined) continue;
    if ("reason" in read) {
      unread.push(read);
      continue;
    }
    if (read.reading === undefined) {
      await ports.store.write(read.writes, { durable: false });
      continue;
    }
    const applied = await applyObject(ports.store, { head, ruleset }, read.reading);
    await ports.store.write([...read.writes, ...applied.writes], { durable: false });
    head = applied.head;
    objects += 1;
    counters = addCounters(counters, applied.record);
    options.onProgress?.(report());
  }
  // One durable write makes everything before it durable, too.
  if (objects > 0) await ports.store.write([put(heads, "head", head)], { durable: true });
  return report();
}

const readsAtOnce = 4;

type ReadObject = {
  /** What it says; undefined when the ledger has read this very content of this key before. */
  readonly reading: ObjectReading | undefined;
  /** What the ledger should remember of the listing and the archive. */
  readonly writes: readonly StoreWrite[];
};

/** The listed objects that are not known under their listed version. */
async function* unseen(
  ports: IngestPorts,
  options: IngestOptions,
  onPage: (count: number) => void,
): AsyncGenerator<ObjectInfo & { readonly partition: Partition }> {
  for (const partition of options.partitions ?? (await findPartitions(ports.log))) {
    const prefix = `${partitionFolder(partition)}${partition.region}-${partition.nodeType}-`;
    const startAfter = await listingStart(ports.store, partition, options.lookBackSeconds);
    const range = { prefix, ...(startAfter === undefined ? {} : { startAfter }) };
    for await (const page of ports.log.list({
      ...range,
      ...(options.signal ? { signal: options.signal } : {}),
    })) {
      const candidates = page.filter((info) => partitionOfKey(info.key) !== undefined);
      const known = await getMany(
        ports.store,
        listings,
        candidates.map((info) => info.key),
      );
      onPage(candidates.length);
      for (const [index, info] of candidates.entries()) {
        if (known[index]?.version !== info.version) yield { ...info, partition };
      }
    }
  }
}

/** The partitions that the folders of the log show, in key order. */
export async function findPartitions(log: ObjectStore): Promise<Partition[]> {
  const found: Partition[] = [];
  for (const region of await log.listFolders("")) {
    for (const folder of await log.listFolders(region)) {
      const partition = partitionOfKey(`${folder}${folder.slice(0, -1).replace("/", "-")}-.json`);
      if (partition !== undefined) found.push(partition);
    }
  }
  return found;
}

async function listingStart(
  store: LedgerStore,
  partition: Partition,
  lookBackSeconds: number | undefined,
): Promise<string | undefined> {
  if (lookBackSeconds === undefined) return undefined;
  const newest = walk(store, listings, {
    within: within.textPrefix(partitionFolder(partition)),
    reverse: true,
  });
  for await (const { key } of newest) {
    const time = firstTimeOfKey(key);
    if (time !== undefined) return keyFloorAt(partition, time - lookBackSeconds * 1000);
  }
  return undefined;
}

async function readObject(
  ports: IngestPorts,
  info: ObjectInfo & { readonly partition: Partition },
  context: { ruleset: Ruleset; signal: AbortSignal | undefined },
): Promise<ReadObject | Unread | undefined> {
  const fetched = await fetchObject(ports, info, context.signal);
  if (fetched === undefined || "reason" in fetched) return fetched;
  const { content, archiveKey, sha256, writes } = fetched;
  if (archiveKey === undefined) return { writes, reading: undefined };
  const { key, partition } = info;
  const named = { key, sha256, bytes: content.length, archiveKey, partition: partitionName(partition) };
  const parse = ports.parse ?? parseInTurns;
  const parsed = await parse(content, { key, partition, ruleset: context.ruleset });
  return { writes, reading: { ...named, parsed } };
}

type Fetched = {
  readonly sha256: string;
  readonly content: Uint8Array;
  readonly archiveKey: string | undefined;
  readonly writes: readonly StoreWrite[];
};

async function fetchObject(
  ports: IngestPorts,
  { key }: ObjectInfo,
  signal: AbortSignal | undefined,
): Promise<Fetched | Unread | undefined> {
  try {
    const stored = await ports.log.get(key, { maxBytes: largestRead, ...(signal ? { signal } : {}) });
    if (stored === undefined) return undefined;
    const sha256 = await sha256Elsewhere(stored.bytes);
    const listing = put(listings, key, { version: stored.version, sha256 });
    const object = { key, sha256, content: stored.bytes };
    const known = await getOne(ports.store, objectNumbers, object);
    if (known !== undefined) return { ...object, archiveKey: undefined, writes: [listing] };
    const archiving = await archiveObject(ports, object);
    return { ...object, archiveKey: archiving.archiveKey, writes: [listing, ...archiving.writes] };
  } catch (error) {
    signal?.throwIfAborted();
    return unreadBecause(error, key);
  }
}

/** `sha256Hex` by a thread of the pool, so that this one can go on with the ledger. */
export async function sha256Elsewhere(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>);
  return Buffer.from(digest).toString("hex");
}

// An object above the ruleset's limit is still read, so that its hash can be published with its rejection; one above
// this size would not fit into memory and holds a close up until it is removed.
const largestRead = 1 << 30;

/**
 * Copies an object to the archive, before the ledger learns of it: under its plain name, or, when that holds other
 * content, under a name that ends in its hash.
 */
async function archiveObject(
  ports: IngestPorts,
  object: { key: string; sha256: string; content: Uint8Array },
): Promise<{ archiveKey: string; writes: StoreWrite[] }> {
  const { key, sha256, content } = object;
  const plainName = `archive/${key}`;
  const ownName = `${plainName}.${sha256.slice(0, 16)}`;
  let held = (await getOne(ports.store, archived, key))?.sha256;
  if (held === undefined) {
    const present = await ports.archive.get(plainName);
    if (present === undefined) await ports.archive.put(plainName, content);
    held = present === undefined ? sha256 : sha256Hex(present.bytes);
  }
  const writes = [put(archived, key, { sha256: held })];
  if (held === sha256) return { archiveKey: plainName, writes };
  await ports.archive.put(ownName, content);
  return { archiveKey: ownName, writes };
}

function unreadBecause(error: unknown, key: string): Unread {
  const known = error instanceof PayrootError ? error : undefined;
  const facts = Object.entries(known?.facts ?? {}).filter(([, value]) => value !== undefined);
  const place = facts.map(([name, value]) => `${name} ${String(value)}`).join(", ");
  return {
    key,
    reason: `${messageOf(error)}${place && ` (${place})`}`,
    next: known?.next ?? "make the object readable",
    exitCode: known?.exitCode ?? exitCodes.temporary,
  };
}

/** The error of a pass that left objects out. */
export function objectsUnread({ objects, events, unread }: IngestReport): PayrootError {
  const [first] = unread;
  return new PayrootError("objects-unread", "Some objects could not be read and archived; all others were.", {
    facts: { read: objects, events, unread: unread.length, first: first?.key, reason: first?.reason },
    next: `${first?.next}; the next pass reads only what is missing`,
    ...outlookOf(unread),
  });
}

/** Whether a pass that left objects out may come to its end when it is only made again. */
export function outlookOf(unread: readonly Unread[]): { retryable: boolean; exitCode: ExitCode } {
  const lasting = unread.find(({ exitCode }) => exitCode !== exitCodes.temporary);
  return { retryable: lasting === undefined, exitCode: lasting?.exitCode ?? exitCodes.temporary };
}
