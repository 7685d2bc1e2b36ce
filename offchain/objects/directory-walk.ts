import { lstat, opendir, realpath } from "node:fs/promises";
import { join } from "node:path";
import { isMissing } from "./directory-errors.ts";
import { compareKeys, isObjectKey, type ListOptions, type ObjectInfo, pageSize } from "./object-store.ts";

/** An object's place, or that of a folder when `key` is empty or ends in "/"; `base` is a root without links in it. */
export type Place = { readonly base: string; readonly key: string };

/** The path of a place; undefined for a key that leaves the root or that no object here can have. */
export function pathOf({ base, key }: Place): string | undefined {
  if (key === "") return base;
  const name = key.endsWith("/") ? key.slice(0, -1) : key;
  return isObjectKey(name) && !name.includes("\0") ? join(base, name) : undefined;
}

/** Changes whenever the content of a file may have changed. */
export function versionOf(stat: {
  readonly size: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly ino: bigint;
}): string {
  return `${stat.size}-${stat.mtimeNs}-${stat.ctimeNs}-${stat.ino}`;
}

/** `ObjectStore.list` of a directory; `failed` turns what a system call threw into what is thrown. */
export async function* listPages(
  root: () => Promise<Place>,
  { prefix = "", startAfter = "", signal }: ListOptions,
  failed: (error: unknown) => unknown,
): AsyncGenerator<readonly ObjectInfo[], void, undefined> {
  try {
    const { base } = await root();
    let keys: string[] = [];
    for await (const key of walk({ base, key: folderOf(prefix) }, { prefix, startAfter })) {
      signal?.throwIfAborted();
      keys.push(key);
      if (keys.length < pageSize) continue;
      yield* pageOf(base, keys);
      keys = [];
    }
    yield* pageOf(base, keys);
  } catch (error) {
    signal?.throwIfAborted();
    throw failed(error);
  }
}

/** `ObjectStore.listFolders` of a directory. A folder without any object below it is none, as in S3. */
export async function listFolders({ base, key: prefix }: Place): Promise<string[]> {
  const folders: string[] = [];
  for (const name of await namesIn({ base, key: folderOf(prefix) })) {
    const key = folderOf(prefix) + name;
    if (!name.endsWith("/") || !key.startsWith(prefix)) continue;
    const first = await walk({ base, key }, { prefix: "", startAfter: "" }).next();
    if (first.done !== true) folders.push(key);
  }
  return folders;
}

function folderOf(prefix: string): string {
  return prefix.slice(0, prefix.lastIndexOf("/") + 1);
}

/** Keys below a folder in the order of whole keys; one folder's names are held at a time for each level of depth. */
async function* walk(
  folder: Place,
  range: { readonly prefix: string; readonly startAfter: string },
): AsyncGenerator<string, void, undefined> {
  for (const name of await namesIn(folder)) {
    const key = folder.key + name;
    if (!name.endsWith("/")) {
      if (key.startsWith(range.prefix) && compareKeys(key, range.startAfter) > 0) yield key;
      continue;
    }
    const mayMatch = key.startsWith(range.prefix) || range.prefix.startsWith(key);
    const isPast = compareKeys(key, range.startAfter) < 0 && !range.startAfter.startsWith(key);
    if (mayMatch && !isPast) yield* walk({ base: folder.base, key }, range);
  }
}

/**
 * The names of files and folders in a folder, in the order of the keys below them: a folder's name gets a "/", because
 * "a-b" and "a.b" come before all of "a/…", which in turn comes before "a0".
 */
async function namesIn(folder: Place): Promise<string[]> {
  const path = pathOf(folder);
  const names: string[] = [];
  if (path === undefined) return names;
  try {
    if ((await realpath(path)) !== path) return names;
    for await (const entry of await opendir(path, { bufferSize: pageSize })) {
      if (!isObjectKey(entry.name)) continue;
      if (entry.isDirectory()) names.push(`${entry.name}/`);
      else if (entry.isFile()) names.push(entry.name);
    }
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  return names.sort(compareKeys);
}

async function* pageOf(
  base: string,
  keys: readonly string[],
): AsyncGenerator<readonly ObjectInfo[], void, undefined> {
  const found = await Promise.all(keys.map((key) => describe(base, key)));
  const page = found.filter((info) => info !== undefined);
  if (page.length > 0) yield page;
}

async function describe(base: string, key: string): Promise<ObjectInfo | undefined> {
  try {
    const stat = await lstat(join(base, key), { bigint: true });
    return stat.isFile() ? { key, version: versionOf(stat), size: Number(stat.size) } : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
