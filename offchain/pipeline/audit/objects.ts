import type { ObjectLine } from "../../core/artifacts.ts";
import { canonicalJson } from "../../core/canonical.ts";
import { sha256Hex } from "../../core/hash.ts";
import { partitionOfKey } from "../../core/partition.ts";
import { PayrootError } from "../../errors.ts";
import { archived, objectNumbers, objects, within } from "../../store/keys.ts";
import { getOne, put, walk } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import type { AuditCheck } from "../../store/records.ts";
import { readHead } from "../ingest/ingest.ts";
import { type NamedObject, type ReadObject, replayObjects } from "../rebuild/replay.ts";
import type { AuditEpochPorts } from "./epoch.ts";
import { checkOf, type LineDifference } from "./lines.ts";
import type { PublishedEpoch } from "./published.ts";

/** What is wrong with the archived copy of an object, by the object's line. */
export type ObjectFaults = ReadonlyMap<ObjectLine, { readonly actual: string; readonly detail: string }>;

/**
 * Reads the published objects of an epoch into the cache, as the archive holds them: an edited one counts as it is now,
 * so that what the edit changes shows; one that is missing counts for nothing.
 */
export async function replayPublished(
  ports: AuditEpochPorts,
  { manifest, objects: lines }: PublishedEpoch,
  options: {
    readonly signal?: AbortSignal | undefined;
    readonly onObject?: ((objects: number) => void) | undefined;
  },
): Promise<ObjectFaults> {
  const { cache, archive, parse } = ports;
  const faults = new Map<ObjectLine, { actual: string; detail: string }>();
  const named = new Map<NamedObject, ObjectLine>();
  let done = 0;
  const read = async (object: NamedObject): Promise<ReadObject | undefined> => {
    const line = named.get(object);
    named.delete(object);
    const found = await readCopy(archive, object);
    if (line !== undefined && found?.sha256 !== object.sha256) {
      const detail =
        found === undefined ? "it is missing in the archive" : "it was edited after it was published";
      faults.set(line, { actual: found?.sha256 ?? "no such object", detail });
    }
    done += 1;
    options.onObject?.(done);
    return found;
  };
  const { ruleset } = manifest;
  const source = readable({ cache, lines, faults, named });
  const replaying = { store: cache, archive, ...(parse === undefined ? {} : { parse }) };
  await replayObjects(replaying, { ruleset, objects: source, read, signal: options.signal });
  await cache.write(
    lines.map(({ key, sha256 }) => put(archived, key, { sha256 })),
    { durable: false },
  );
  return faults;
}

/** The objects that are not in the cache yet; a line that can be none of an event object is a fault. */
async function* readable(from: {
  readonly cache: LedgerStore;
  readonly lines: readonly ObjectLine[];
  readonly faults: Map<ObjectLine, { actual: string; detail: string }>;
  readonly named: Map<NamedObject, ObjectLine>;
}): AsyncGenerator<NamedObject> {
  const { openFrom } = await readHead(from.cache);
  const seen = new Set<string>();
  for (const line of from.lines) {
    const fault = lineFault(line, seen);
    if (fault !== undefined) {
      from.faults.set(line, { actual: canonicalJson(line), detail: fault });
      continue;
    }
    const ordinal = await getOne(from.cache, objectNumbers, line);
    if (ordinal !== undefined && ordinal >= openFrom) continue;
    from.named.set(line, line);
    yield line;
  }
}

function lineFault({ key, archiveKey, sha256 }: ObjectLine, seen: Set<string>): string | undefined {
  if (partitionOfKey(key) === undefined) return "its key is not that of an event object";
  const names = [`archive/${key}`, `archive/${key}.${sha256.slice(0, 16)}`];
  if (!names.includes(archiveKey)) return "its archive key is not that of a copy of it";
  const identity = `${key} ${sha256}`;
  if (seen.has(identity)) return "it is named twice";
  seen.add(identity);
  return undefined;
}

async function readCopy(
  archive: AuditEpochPorts["archive"],
  { archiveKey }: NamedObject,
): Promise<ReadObject | undefined> {
  try {
    const stored = await archive.get(archiveKey, { maxBytes: largestObject });
    return stored === undefined ? undefined : { content: stored.bytes, sha256: sha256Hex(stored.bytes) };
  } catch (error) {
    // No epoch is ever made of such an object, so this is not the published one.
    if (error instanceof PayrootError && error.code === "object-too-large") return undefined;
    throw error;
  }
}

const largestObject = 1 << 30;

/** That the archive holds every object as it was published, and each came to what was published of it. */
export function checkObjects(
  { objects: lines }: PublishedEpoch,
  faults: ObjectFaults,
  difference: LineDifference | undefined,
): AuditCheck {
  const name = "objects";
  const faulty = lines.find((line) => faults.has(line));
  const fault = faulty === undefined ? undefined : faults.get(faulty);
  if (faulty !== undefined && fault !== undefined) {
    const more = faults.size > 1 ? `, and ${faults.size - 1} more objects are at fault` : "";
    const detail = `object ${faulty.key}, archived as ${faulty.archiveKey}: ${fault.detail}${more}`;
    return checkOf(name, { expected: faulty.sha256, actual: fault.actual, detail });
  }
  if (difference !== undefined) {
    const { expected, actual } = difference;
    const key = (expected ?? actual)?.row.key;
    const detail = `object ${String(key)} came to something else`;
    return checkOf(name, {
      expected: expected?.text ?? "no such line",
      actual: actual?.text ?? "no such line",
      detail,
    });
  }
  const all = `${lines.length} objects as published`;
  return checkOf(name, { expected: all, actual: all });
}

/** Whether the cache's open epoch holds nothing but some of these objects: what a cut-short audit leaves behind. */
export async function holdsOnly(cache: LedgerStore, lines: readonly ObjectLine[]): Promise<boolean> {
  const { openFrom } = await readHead(cache);
  const named = new Set(lines.map(({ key, sha256 }) => `${key} ${sha256}`));
  for await (const { value } of walk(cache, objects, { from: within.ordinal(openFrom) })) {
    if (!named.has(`${value.key} ${value.sha256}`)) return false;
  }
  return true;
}
