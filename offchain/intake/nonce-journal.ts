import { randomUUID } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, readFile, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { append } from "../core/append.ts";
import { messageOf, PayrootError } from "../errors.ts";

/** The nonce of an accepted request, and its timestamp in seconds since 1970. */
export type UsedNonce = { readonly producer: string; readonly nonce: string; readonly timestamp: number };

/** Accepted nonces on disk, so that a process that was killed and started again knows them. */
export type NonceJournal = {
  /** Those of earlier processes whose timestamps are still good. */
  readonly used: readonly UsedNonce[];
  /** The first timestamp from which on all nonces are known: after a change of the window, that of the start. */
  readonly completeFrom: number;
  /** Durable when this resolves; calls that wait together are written together. Throws `intake-journal-failed`. */
  readonly append: (entries: readonly UsedNonce[]) => Promise<void>;
  readonly close: () => Promise<void>;
};

/**
 * Opens the journal in a folder, made if missing: files of lines `timestamp producer nonce`. A file is written to for two
 * windows, then another one, and it goes away when all its timestamps are out of the window. Its name has the window, since
 * under a smaller one nonces were forgotten that a larger one would need. `now` in ms since 1970.
 */
export async function openNonceJournal(
  folder: string,
  options: { readonly windowSeconds: number; readonly now: () => number },
): Promise<NonceJournal> {
  const { windowSeconds } = options;
  const seconds = (): number => Math.floor(options.now() / 1000);
  /** The last timestamp of each file. */
  const files = new Map<string, number>();
  const start = seconds();
  const found = await readJournal(folder, files).catch((error: unknown) => {
    throw journalFailed(error);
  });
  const used = found.filter(({ timestamp }) => timestamp + windowSeconds >= start);
  const ownName = `nonces-${windowSeconds}-`;
  const changed = [...files.keys()].some((path) => !basename(path).startsWith(ownName));
  let current: { readonly handle: FileHandle; readonly path: string; readonly until: number } | undefined;
  let waiting: UsedNonce[] = [];
  let writing: Promise<void> | undefined;

  const rotate = async (now: number): Promise<NonNullable<typeof current>> => {
    if (current !== undefined && now <= current.until) return current;
    await current?.handle.close();
    current = undefined;
    for (const [path, last] of files) {
      if (last + windowSeconds >= now) continue;
      await rm(path, { force: true });
      files.delete(path);
    }
    const path = join(folder, `${ownName}${now}-${randomUUID()}.txt`);
    current = { path, handle: await createFile(folder, path), until: now + 2 * windowSeconds };
    return current;
  };
  const write = async (entries: readonly UsedNonce[]): Promise<void> => {
    try {
      const { handle, path } = await rotate(seconds());
      files.set(path, Math.max(files.get(path) ?? 0, lastOf(entries)));
      await handle.appendFile(entries.map(lineOf).join(""));
      await handle.datasync();
    } catch (error) {
      // A line may be cut short now: nothing is written after it.
      await current?.handle.close().catch(() => undefined);
      current = undefined;
      throw journalFailed(error);
    }
  };
  return {
    used,
    completeFrom: changed ? start : 0,
    async append(entries) {
      append(waiting, entries);
      // Whoever comes while a write is under way waits for the next one, which takes all of them along.
      const before = writing;
      if (before !== undefined) await before.catch(() => undefined);
      if (writing === before) {
        const taken = waiting;
        waiting = [];
        writing = write(taken);
      }
      await writing;
    },
    async close() {
      await writing?.catch(() => undefined);
      await current?.handle.close();
      current = undefined;
    },
  };
}

async function readJournal(folder: string, files: Map<string, number>): Promise<UsedNonce[]> {
  await mkdir(folder, { recursive: true });
  const used: UsedNonce[] = [];
  for (const name of await readdir(folder)) {
    if (!/^nonces-.*\.txt$/.test(name)) continue;
    const path = join(folder, name);
    const entries = (await readFile(path, "utf8")).split("\n").flatMap(readLine);
    files.set(path, lastOf(entries));
    append(used, entries);
  }
  return used;
}

/** Makes a file whose name is durable. */
async function createFile(folder: string, path: string): Promise<FileHandle> {
  const handle = await open(path, "ax", 0o600);
  const directory = await open(folder, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
  return handle;
}

function lastOf(entries: readonly UsedNonce[]): number {
  return entries.reduce((last, { timestamp }) => Math.max(last, timestamp), 0);
}

function lineOf({ timestamp, producer, nonce }: UsedNonce): string {
  return `${timestamp} ${producer} ${nonce}\n`;
}

/** The entry of a line; none of one that was cut short. */
function readLine(line: string): UsedNonce[] {
  const [, timestamp, producer = "", nonce = ""] = /^(\d{9,12}) ([\w.-]+) ([\w-]{16,64})$/.exec(line) ?? [];
  return timestamp === undefined ? [] : [{ timestamp: Number(timestamp), producer, nonce }];
}

function journalFailed(error: unknown): PayrootError {
  return new PayrootError(
    "intake-journal-failed",
    "The intake cannot write down which requests it accepts.",
    {
      facts: { reason: messageOf(error) },
      next: "free disk space or restore write access in the data directory; then send the request again, signed anew",
      retryable: true,
      cause: error,
    },
  );
}
