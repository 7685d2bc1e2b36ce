import { mkdir } from "node:fs/promises";
import { endianness } from "node:os";
import { Level } from "level";
import { messageOf, PayrootError } from "../errors.ts";
import { joinReads } from "./joined-reads.ts";
import type { LedgerStore, StoreWrite } from "./ledger-store.ts";
import { createMendingWriter } from "./mending.ts";

/** Opens the LevelDB database in `directory`, made if missing. Throws `data-directory-locked`, `data-directory-unusable`, `data-directory-write-failed`. */
export async function openLevelStore(directory: string): Promise<LedgerStore> {
  await mkdir(directory, { recursive: true }).catch((error: unknown) => {
    throw unusable(directory, error);
  });
  const database = new Level<Uint8Array, Uint8Array>(directory, {
    keyEncoding: "view",
    valueEncoding: "view",
    cacheSize: 64 * 1024 * 1024,
    writeBufferSize: 32 * 1024 * 1024,
    maxFileSize: 16 * 1024 * 1024,
    // Ids, digests and accounts are random bytes: compression saves an eighth of the disk for a twentieth of the time.
    compression: false,
  });
  await database.open().catch((error: unknown) => {
    throw openFault(directory, error);
  });
  const mendingWrite = createMendingWriter(database, directory);
  return {
    getMany: joinReads(async (keys) => {
      const { wanted, places } = distinctKeys(keys);
      const found = await database.getMany(wanted).catch((error: unknown) => {
        throw readFault(directory, error);
      });
      return Array.from(places, (place) => found[place]);
    }),
    write: (writes, { durable }) =>
      mendingWrite(async () => {
        // A chained batch costs half of an array of operations, whose properties are read one by one.
        const batch = database.batch();
        for (const place of nearKeyOrder(writes.map(({ key }) => key))) {
          const { key, value } = writes[place] as StoreWrite;
          if (value === undefined) batch.del(key);
          else batch.put(key, value);
        }
        await batch.write({ sync: durable });
      }).catch((error: unknown) => {
        throw writeFault(directory, error);
      }),
    entries: ({ from, to }, options = {}) =>
      walkPages(directory, () => database.iterator({ gte: from, lt: to, reverse: options.reverse ?? false })),
    close: () => database.close(),
  };
}

type Walk = {
  nextv(size: number): Promise<[Uint8Array, Uint8Array][]>;
  close(): Promise<void>;
};

async function* walkPages(
  directory: string,
  open: () => Walk,
): AsyncGenerator<readonly [Uint8Array, Uint8Array]> {
  let iterator: Walk | undefined;
  try {
    iterator = open();
    for (let page = await iterator.nextv(pageSize); page.length > 0; page = await iterator.nextv(pageSize)) {
      yield* page;
    }
  } catch (error) {
    throw readFault(directory, error);
  } finally {
    await iterator?.close();
  }
}

const pageSize = 1000;

/**
 * The places of keys, ordered by the first four bytes of each; equal ones, and so equal keys, stay as they were.
 * LevelDB looks up and writes near neighbours in turn twice as fast as random keys, because what it walks through to
 * find the one is still in the processor's cache for the next.
 */
function nearKeyOrder(keys: readonly Uint8Array[]): Uint32Array {
  const ranks = new BigUint64Array(keys.length);
  const halves = new Uint32Array(ranks.buffer);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as Uint8Array;
    const high = ((key[0] ?? 0) << 8) | (key[1] ?? 0);
    const low = ((key[2] ?? 0) << 8) | (key[3] ?? 0);
    halves[2 * i + highHalf] = (high << 16) | low;
    halves[2 * i + 1 - highHalf] = i;
  }
  ranks.sort();
  const order = new Uint32Array(keys.length);
  for (let i = 0; i < keys.length; i++) order[i] = halves[2 * i + 1 - highHalf] ?? 0;
  return order;
}

const highHalf = endianness() === "LE" ? 1 : 0;

/** The keys near each other and, as far as that shows it, each once; `places` says where among them each key is. */
function distinctKeys(keys: readonly Uint8Array[]): { wanted: Uint8Array[]; places: Uint32Array } {
  const wanted: Uint8Array[] = [];
  const places = new Uint32Array(keys.length);
  for (const index of nearKeyOrder(keys)) {
    const key = keys[index] as Uint8Array;
    const last = wanted.at(-1);
    if (last === undefined || !sameBytes(last, key)) wanted.push(key);
    places[index] = wanted.length - 1;
  }
  return { wanted, places };
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function openFault(directory: string, error: unknown): PayrootError {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code === "LEVEL_LOCKED") {
    return new PayrootError("data-directory-locked", "Another process holds the data directory.", {
      facts: { directory },
      next: "ask the running process instead, stop it first, or give another --data-dir",
      cause: error,
      retryable: true,
    });
  }
  return unusable(directory, cause ?? error);
}

function unusable(directory: string, error: unknown): PayrootError {
  // LevelDB gives a full disk by its message alone.
  if (/no space left|file too large|quota exceeded/i.test(messageOf(error)))
    return writeFault(directory, error);
  return new PayrootError("data-directory-unusable", "The data directory cannot be opened.", {
    facts: { directory, reason: messageOf(error) },
    next: "check that the path is a directory this user may write to, or give another --data-dir",
    cause: error,
    exitCode: 2,
  });
}

function writeFault(directory: string, error: unknown): PayrootError {
  return new PayrootError(
    "data-directory-write-failed",
    "A write to the data directory failed; nothing of it was kept.",
    {
      facts: { directory, reason: messageOf(error) },
      next: "free disk space or restore write access, then run the same command again: it goes on where it stopped",
      cause: error,
      retryable: true,
    },
  );
}

// A database that is being mended has no iterators, and for a moment is closed.
function readFault(directory: string, error: unknown): unknown {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (!/^LEVEL_(DATABASE|ITERATOR)_NOT_OPEN$/.test(code)) return error;
  return new PayrootError(
    "data-directory-reopening",
    "The data directory is opened again after a failed write.",
    {
      facts: { directory },
      next: "ask again in a moment; if this stays, free disk space",
      cause: error,
      retryable: true,
    },
  );
}
