import type { Dirent } from "node:fs";
import { lstat, readdir, realpath } from "node:fs/promises";
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
  for (const { key, isFolder } of await entriesOf({ base, key: folderOf(prefix) })) {
    if (!isFolder || !key.startsWith(prefix)) continue;
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
  for (const { key, isFolder } of await entriesOf(folder)) {
    if (!isFolder) {
      if (key.startsWith(range.prefix) && compareKeys(key, range.startAfter) > 0) yield key;
      continue;
    }
    const mayMatch = key.startsWith(range.prefix) || range.prefix.startsWith(key);
    const isPast = compareKeys(key, range.startAfter) < 0 && !range.startAfter.startsWith(key);
    if (mayMatch && !isPast) yield* walk({ base: folder.base, key }, range);
  }
}

type Entry = { readonly key: string; readonly isFolder: boolean };

/**
 * The files and folders of a folder, in the order of the keys below them: a folder's key ends in "/", because "a-b" and
 * "a.b" come before all of "a/…", which in turn comes before "a0".
 */
async function entriesOf(folder: Place): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const entry of await readFolder(folder)) {
    if (!isObjectKey(entry.name)) continue;
    if (entry.isDirectory()) entries.push({ key: `${folder.key}${entry.name}/`, isFolder: true });
    else if (entry.isFile()) entries.push({ key: `${folder.key}${entry.name}`, isFolder: false });
  }
  return entries.sort((left, right) => compareKeys(left.key, right.key));
}

async function readFolder(folder: Place): Promise<Dirent[]> {
  const path = pathOf(folder);
  if (path === undefined) return [];
  try {
    if ((await realpath(path)) !== path) return [];
    return await readdir(path, { withFileTypes: true });
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
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
