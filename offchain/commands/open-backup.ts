import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { formatTime } from "../core/time.ts";
import { exitCodes, messageOf, PayrootError } from "../errors.ts";
import { type BackupSummary, backupInvalid, backupOf, readBackup } from "../pipeline/rebuild/backup.ts";
import type { LedgerStore, StoreWrite } from "../store/ledger-store.ts";
import { openLevelStore } from "../store/level.ts";
import type { Context } from "./command.ts";
import { askControl, listenForControl } from "./control.ts";
import type { DaemonLog } from "./daemon-log.ts";
import { openDataDirectory } from "./open.ts";

/** A backup as a file. */
export type BackupFile = BackupSummary & { readonly file: string };

/** Lets `payroot backup` reach this daemon; without a socket that is told, and everything else goes on. */
export async function serveBackups(context: Context, store: LedgerStore, tell: DaemonLog): Promise<void> {
  try {
    const control = await listenForControl(context.config.dataDir, {
      backup: (response) => pipeline(compressed(store), response),
    });
    context.defer(control.close);
  } catch (error) {
    tell.failed("backups need the daemon stopped", error);
  }
}

/**
 * Writes a backup of the data directory, through the process that holds it if there is one, and reads it back to the
 * end before it has its name. Throws `data-directory-missing`, `backup-exists`, `backup-unwritable`, `backup-invalid`.
 */
export async function writeBackup(context: Context, target: string): Promise<BackupFile> {
  const { dataDir } = context.config;
  if (!(await isFilled(join(dataDir, "ledger")))) throw dataDirectoryMissing(dataDir);
  const file = await fileFor(target);
  const part = `${file}.part`;
  const source = await openSource(context);
  try {
    const { signal } = context;
    await pipeline(source, createWriteStream(part, { mode: 0o600, flush: true }), { signal });
    const summary = await readWhole(part, async () => {});
    await rename(part, file);
    return { file, ...summary };
  } catch (error) {
    await rm(part, { force: true });
    context.signal.throwIfAborted();
    throw error instanceof PayrootError ? error : backupUnwritable(file, error);
  }
}

/**
 * Puts a backup into an empty data directory, once it was read to its end and is whole. Throws `backup-unreadable`,
 * `backup-invalid`, `data-directory-not-empty`.
 */
export async function restoreBackup({ config, out }: Context, source: string): Promise<BackupFile> {
  const { dataDir } = config;
  const file = resolve(source);
  const ledger = join(dataDir, "ledger");
  if (await isFilled(ledger)) throw dataDirectoryNotEmpty(dataDir);
  const aside = join(dataDir, "ledger.restoring");
  await rm(aside, { recursive: true, force: true });
  await mkdir(dataDir, { recursive: true });
  const store = await openLevelStore(aside);
  try {
    let count = 0;
    const summary = await readWhole(file, async (writes) => {
      await store.write(writes, { durable: false });
      count += writes.length;
      out.progress(`${count} entries`);
    });
    // One durable write makes everything before it durable, too.
    await store.write([], { durable: true });
    await store.close();
    await rm(ledger, { recursive: true, force: true });
    await rename(aside, ledger);
    return { file, ...summary };
  } catch (error) {
    await store.close();
    await rm(aside, { recursive: true, force: true });
    throw error;
  }
}

/** The bytes of a backup: from the store itself, or from the process that holds it. */
async function openSource(context: Context): Promise<NodeJS.ReadableStream> {
  try {
    return compressed(await openDataDirectory(context));
  } catch (error) {
    if (!(error instanceof PayrootError) || error.code !== "data-directory-locked") throw error;
    const answer = await askControl(context.config.dataDir, "backup");
    if (answer === undefined) throw error;
    return answer;
  }
}

function compressed(store: LedgerStore): NodeJS.ReadableStream {
  const bytes = Readable.from(backupOf(store, Date.now()), { objectMode: false });
  const gzip = createGzip({ level: 1 });
  // What fails before it fails behind it.
  pipeline(bytes, gzip).catch(() => undefined);
  return gzip;
}

async function readWhole(
  file: string,
  take: (writes: readonly StoreWrite[]) => Promise<void>,
): Promise<BackupSummary> {
  const bytes = createReadStream(file);
  const gunzip = createGunzip();
  const reading = pipeline(bytes, gunzip);
  // What the pipeline throws is what the reader throws.
  reading.catch(() => undefined);
  try {
    return await readBackup(gunzip as AsyncIterable<Uint8Array>, take);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (code.startsWith("Z_")) throw backupInvalid(messageOf(error));
    if (error instanceof PayrootError || !code.startsWith("E")) throw error;
    throw backupUnreadable(file, error);
  } finally {
    bytes.destroy();
  }
}

async function fileFor(target: string): Promise<string> {
  const path = resolve(target);
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return path;
  if (!found.isDirectory()) throw backupExists(path);
  return join(path, `payroot-${formatTime(Date.now()).replace(/[-:]|\.\d+/g, "")}.backup`);
}

async function isFilled(directory: string): Promise<boolean> {
  return (await readdir(directory).catch(() => [])).length > 0;
}

function dataDirectoryMissing(directory: string): PayrootError {
  return new PayrootError("data-directory-missing", "There is no ledger in the data directory.", {
    facts: { directory },
    next: "give the right --data-dir",
    exitCode: exitCodes.usage,
  });
}

function dataDirectoryNotEmpty(directory: string): PayrootError {
  return new PayrootError(
    "data-directory-not-empty",
    "The data directory has a ledger, which was left as it is.",
    {
      facts: { directory },
      next: "give another --data-dir, or move its folder ledger away",
      exitCode: exitCodes.usage,
    },
  );
}

function backupExists(file: string): PayrootError {
  return new PayrootError(
    "backup-exists",
    "There is a file of this name already, and it was left as it is.",
    {
      facts: { file },
      next: "give the name of a file that does not exist, or a directory",
      exitCode: exitCodes.usage,
    },
  );
}

function backupUnwritable(file: string, error: unknown): PayrootError {
  return new PayrootError("backup-unwritable", "The backup could not be written.", {
    facts: { file, reason: messageOf(error) },
    next: "give a directory that this user may write to, with room for it, then run the same command again",
    cause: error,
    retryable: true,
  });
}

function backupUnreadable(file: string, error: unknown): PayrootError {
  return new PayrootError("backup-unreadable", "The backup cannot be read.", {
    facts: { file, reason: messageOf(error) },
    next: "check the path, and that this user may read the file",
    cause: error,
    exitCode: exitCodes.usage,
  });
}
