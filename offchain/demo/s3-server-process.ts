import { createHash } from "node:crypto";
import { mkdir, readdir, rename, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { createLimiter } from "../objects/concurrent.ts";
import { compareKeys } from "../objects/object-store.ts";

// The program behind `startS3Server`: s3rver, with two faults mended that real S3 does not have. It lists folder by
// folder, which is not the order of keys and loses some between pages; and it answers a put before all of it is written.

type Stored = { readonly size: number; readonly md5: string };
type Put = {
  readonly bucket: string;
  readonly key: string;
  readonly content: Buffer | Readable;
  readonly metadata: unknown;
};
type Listing = {
  readonly prefix?: string;
  readonly delimiter?: string;
  readonly startAfter?: string;
  readonly maxKeys: number;
};
type Page = { readonly objects: unknown[]; readonly commonPrefixes: string[]; readonly isTruncated: boolean };
type Store = {
  getBucketPath(bucket: string): string;
  getResourcePath(bucket: string, key: string, resource: string): string;
  getMetadata(bucket: string, key: string): Promise<unknown>;
  putMetadata(bucket: string, key: string, metadata: unknown, md5: string): Promise<void>;
  getObject(bucket: string, key: string, options: unknown): Promise<unknown>;
  deleteObject(bucket: string, key: string): Promise<void>;
  putObject(object: Put): Promise<Stored>;
  listObjects(bucket: string, options: Listing): Promise<Page>;
};
type Server = { readonly store: Store; run(): Promise<{ readonly port: number }> };

const require = createRequire(import.meta.url);
const S3rver = require("s3rver") as new (options: Readonly<Record<string, unknown>>) => Server;
const S3Object = require("s3rver/lib/models/object") as new (
  bucket: string,
  key: string,
  content: null,
  metadata: unknown,
) => unknown;

const suffix = "._S3rver_object";

function mend(store: Store): void {
  // Content, tag and key list change together, and one request at a time sees them.
  const alone = createLimiter(1);
  const original = { getObject: store.getObject.bind(store), deleteObject: store.deleteObject.bind(store) };
  const keysOf = new Map<string, Promise<string[]>>();
  const sortedKeys = (bucket: string) => {
    const keys = keysOf.get(bucket) ?? readKeys(store.getBucketPath(bucket));
    keysOf.set(bucket, keys);
    return keys;
  };
  store.getObject = (...given) => alone(() => original.getObject(...given));
  store.putObject = (object) =>
    alone(async () => {
      insert(await sortedKeys(object.bucket), object.key);
      return write(store, object);
    });
  store.deleteObject = (bucket, key) =>
    alone(async () => {
      const keys = await sortedKeys(bucket);
      const at = placeOf(keys, key);
      if (keys[at] === key) keys.splice(at, 1);
      await original.deleteObject(bucket, key);
    });
  store.listObjects = (bucket, listing) =>
    alone(async () => list(store, bucket, await sortedKeys(bucket), listing));
}

async function write(store: Store, object: Put): Promise<Stored> {
  const path = store.getResourcePath(object.bucket, object.key, "object");
  await mkdir(dirname(path), { recursive: true });
  const bytes = Buffer.isBuffer(object.content) ? object.content : await buffer(object.content);
  const md5 = createHash("md5").update(bytes).digest("hex");
  await writeFile(`${path}.new`, bytes);
  // A reader that is under way keeps the old file.
  await rename(`${path}.new`, path);
  await store.putMetadata(object.bucket, object.key, object.metadata, md5);
  return { size: bytes.length, md5 };
}

async function list(store: Store, bucket: string, keys: string[], listing: Listing): Promise<Page> {
  const { prefix = "", startAfter = "", delimiter } = listing;
  const found: string[] = [];
  const folders = new Set<string>();
  const start =
    compareKeys(startAfter, prefix) < 0 ? placeOf(keys, prefix) : placeOf(keys, `${startAfter}\0`);
  let at = start;
  for (; at < keys.length && found.length < listing.maxKeys; at += 1) {
    const key = keys[at] ?? "";
    if (!key.startsWith(prefix)) break;
    const slash = delimiter === undefined ? -1 : key.indexOf(delimiter, prefix.length);
    if (slash === -1) found.push(key);
    else folders.add(key.slice(0, slash + 1));
  }
  const heads = found.map(
    async (key) => new S3Object(bucket, key, null, await store.getMetadata(bucket, key)),
  );
  return {
    objects: await Promise.all(heads),
    commonPrefixes: [...folders],
    isTruncated: keys[at]?.startsWith(prefix) === true,
  };
}

async function readKeys(folder: string): Promise<string[]> {
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  return files
    .filter((file) => file.isFile() && file.name.endsWith(suffix))
    .map((file) => join(file.parentPath, file.name).slice(folder.length + 1, -suffix.length))
    .sort(compareKeys);
}

/** Where `key` is in the sorted keys, or belongs. */
function placeOf(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareKeys(keys[middle] ?? "", key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function insert(keys: string[], key: string): void {
  const at = placeOf(keys, key);
  if (keys[at] !== key) keys.splice(at, 0, key);
}

const settings = JSON.parse(process.argv[2] ?? "{}") as {
  directory: string;
  port: number;
  buckets: string[];
};
const server = new S3rver({
  directory: settings.directory,
  address: "127.0.0.1",
  port: settings.port,
  silent: true,
  vhostBuckets: false,
  configureBuckets: settings.buckets.map((name) => ({ name, configs: [] })),
});
mend(server.store);
const { port } = await server.run();
console.log(port);

// The pipe from the parent closes when the parent ends, even by SIGKILL.
process.stdin.resume().once("end", () => process.exit(0));
