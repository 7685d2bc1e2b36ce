import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, lstat, mkdir, open, realpath, rename, rm } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { PayrootError } from "../errors.ts";
import {
  directoryError,
  errorCodeOf,
  isMissing,
  keyConflict,
  notADirectory,
  throughALink,
} from "./directory-errors.ts";
import { listFolders, listPages, type Place, pathOf, versionOf } from "./directory-walk.ts";
import {
  type GetOptions,
  type ObjectStore,
  ObjectTooLargeError,
  type StoredObject,
  validateKey,
} from "./object-store.ts";

/**
 * A directory as an object store: keys are paths below `root`, with "/" between segments. Symbolic links below the root
 * are never followed, and what begins with a dot is no object. The root itself must exist.
 */
export function openDirectoryStore(root: string): ObjectStore {
  const at = async (key: string): Promise<Place> => ({ base: await resolveRoot(root), key });
  return {
    url: pathToFileURL(root).href,
    list: (options = {}) =>
      listPages(
        () => at(""),
        options,
        (error) => directoryError(error, { root }),
      ),
    listFolders: (prefix) => guarded({ root, key: prefix }, async () => listFolders(await at(prefix))),
    get: (key, options = {}) => guarded({ root, key }, async () => readObject(await at(key), options)),
    put: (key, bytes) => guarded({ root, key, writing: true }, async () => writeObject(await at(key), bytes)),
    delete: (key) => guarded({ root, key, writing: true }, async () => deleteObject(await at(key))),
  };
}

type Attempt = { readonly root: string; readonly key: string; readonly writing?: boolean };

async function guarded<Result>(attempt: Attempt, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw directoryError(error, attempt);
  }
}

async function resolveRoot(root: string): Promise<string> {
  const base = await realpath(root);
  if (!(await lstat(base)).isDirectory()) throw notADirectory(root);
  return base;
}

async function readObject(place: Place, options: GetOptions): Promise<StoredObject | undefined> {
  options.signal?.throwIfAborted();
  const handle = await openForReading(place);
  if (handle === undefined) return undefined;
  try {
    // A file that its producer is still writing changes under the reader: only a quiet read is an object.
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const before = await handle.stat({ bigint: true });
      if (!before.isFile()) return undefined;
      const info = { key: place.key, version: versionOf(before), size: Number(before.size) };
      if (options.maxBytes !== undefined && info.size > options.maxBytes) {
        throw new ObjectTooLargeError(info, options.maxBytes);
      }
      const bytes = await readWhole(handle, info.size);
      const after = await handle.stat({ bigint: true });
      if (versionOf(after) === info.version && bytes.length === info.size)
        return { bytes, version: info.version };
      options.signal?.throwIfAborted();
    }
    throw objectChanging(place.key);
  } finally {
    await handle.close();
  }
}

async function openForReading(place: Place): Promise<FileHandle | undefined> {
  const path = pathOf(place);
  if (path === undefined) return undefined;
  try {
    if ((await realpath(path)) !== path) return undefined;
    // Without O_NONBLOCK, opening a named pipe would wait for its writer.
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function readWhole(handle: FileHandle, size: number): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafeSlow(size);
  let filled = 0;
  while (filled < size) {
    const { bytesRead } = await handle.read(bytes, filled, size - filled, filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}

async function writeObject({ base, key }: Place, bytes: Uint8Array): Promise<void> {
  validateKey(key);
  const path = join(base, key);
  const folder = dirname(path);
  await makeFolder(folder, key);
  const temporary = join(folder, `.${randomUUID()}.tmp`);
  try {
    await writeDurably(temporary, bytes);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw isNameTaken(error) ? keyConflict(key) : error;
  }
  await syncFolder(folder);
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(path, "wx", 0o644);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes the folder and those above it, durably, without passing through a link. */
async function makeFolder(folder: string, key: string): Promise<void> {
  const made = await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw isNameTaken(error) ? keyConflict(key) : error;
  });
  if ((await realpath(folder)) !== folder) throw throughALink(key);
  if (made === undefined) return;
  const above = dirname(made);
  const steps = relative(above, folder).split(sep);
  for (const depth of steps.keys()) await syncFolder(join(above, ...steps.slice(0, depth)));
}

function isNameTaken(error: unknown): boolean {
  return ["ENOTDIR", "EEXIST", "EISDIR", "ENOTEMPTY"].includes(errorCodeOf(error) ?? "");
}

/** Makes the names in a folder durable, as a file's own sync does not. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function deleteObject(place: Place): Promise<void> {
  const path = pathOf(place);
  if (path === undefined) return;
  try {
    if ((await realpath(path)) !== path || !(await lstat(path)).isFile()) return;
    await rm(path, { force: true });
    await syncFolder(dirname(path));
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

function objectChanging(key: string): PayrootError {
  return new PayrootError("object-changing", "An object changed each time it was read.", {
    facts: { object: key },
    next: "nothing: it is read again; if this stays, let the producer write a temporary file and rename it",
    retryable: true,
  });
}
