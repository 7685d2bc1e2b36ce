import { randomUUID } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, PayrootError } from "../errors.ts";

/** A nonce of an accepted request, and the second since 1970 until which its timestamp would be accepted again. */
export type UsedNonce = { readonly producer: string; readonly nonce: string; readonly expires: number };

/** Accepted nonces on disk, so that a process that was killed and started again knows them. */
export type NonceJournal = {
  /** Those of earlier processes that could still be used. */
  readonly used: readonly UsedNonce[];
  /** Durable when this resolves; calls that wait together are written together. Throws `intake-journal-failed`. */
  readonly append: (entries: readonly UsedNonce[]) => Promise<void>;
  readonly close: () => Promise<void>;
};

/**
 * Opens the journal in a folder, made if missing: files of lines `expires producer nonce`. A file is written to for
 * `fileSeconds`, then another one, and it goes away when all its nonces have expired. `now` in ms since 1970.
 */
export async function openNonceJournal(
  folder: string,
  options: { readonly fileSeconds: number; readonly now: () => number },
): Promise<NonceJournal> {
  const seconds = (): number => Math.floor(options.now() / 1000);
  /** The second in which the last nonce of a file expires. */
  const files = new Map<string, number>();
  const used = await readJournal(folder, files, seconds()).catch((error: unknown) => {
    throw journalFailed(error);
  });
  let current: { readonly handle: FileHandle; readonly path: string; readonly until: number } | undefined;
  let waiting: UsedNonce[] = [];
  let writing: Promise<void> | undefined;

  const rotate = async (now: number): Promise<NonNullable<typeof current>> => {
    if (current !== undefined && now <= current.until) return current;
    await current?.handle.close();
    current = undefined;
    for (const [path, expires] of files) {
      if (expires >= now) continue;
      await rm(path, { force: true });
      files.delete(path);
    }
    const path = join(folder, `nonces-${now}-${randomUUID()}.txt`);
    current = { path, handle: await createFile(folder, path), until: now + options.fileSeconds };
    return current;
  };
  const write = async (entries: readonly UsedNonce[]): Promise<void> => {
    try {
      const { handle, path } = await rotate(seconds());
      const last = entries.reduce((most, { expires }) => Math.max(most, expires), files.get(path) ?? 0);
      files.set(path, last);
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
    async append(entries) {
      waiting.push(...entries);
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

async function readJournal(folder: string, files: Map<string, number>, now: number): Promise<UsedNonce[]> {
  await mkdir(folder, { recursive: true });
  const used: UsedNonce[] = [];
  for (const name of await readdir(folder)) {
    if (!/^nonces-.*\.txt$/.test(name)) continue;
    const path = join(folder, name);
    const entries = (await readFile(path, "utf8")).split("\n").flatMap(readLine);
    files.set(
      path,
      entries.reduce((most, { expires }) => Math.max(most, expires), 0),
    );
    used.push(...entries.filter(({ expires }) => expires >= now));
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

function lineOf({ expires, producer, nonce }: UsedNonce): string {
  return `${expires} ${producer} ${nonce}\n`;
}

/** The entry of a line; none of one that was cut short. */
function readLine(line: string): UsedNonce[] {
  const [, expires, producer = "", nonce = ""] = /^(\d{9,12}) ([\w.-]+) ([\w-]{16,64})$/.exec(line) ?? [];
  return expires === undefined ? [] : [{ expires: Number(expires), producer, nonce }];
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
