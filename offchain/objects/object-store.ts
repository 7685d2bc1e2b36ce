import { exitCodes, PayrootError } from "../errors.ts";

/** One stored object. `version` is opaque and changes whenever the content may have changed; `size` is in bytes. */
export type ObjectInfo = { readonly key: string; readonly version: string; readonly size: number };

/** The bytes of an object exactly as stored, nothing decoded, and the version they were read at. */
export type StoredObject = { readonly bytes: Uint8Array; readonly version: string };

/** What a listing covers: keys that begin with `prefix` and come after `startAfter`. */
export type ListOptions = {
  readonly prefix?: string;
  readonly startAfter?: string;
  readonly signal?: AbortSignal;
};

/** How an object is read: `maxBytes` refuses a larger one with `ObjectTooLargeError` before reading its body. */
export type GetOptions = { readonly maxBytes?: number; readonly signal?: AbortSignal };

/**
 * The port to the event log, the archive and the artifacts. Every failure is a `PayrootError` with a stable code;
 * a failure that may pass has been retried by then, and says `retryable`. An aborted call throws the signal's reason.
 */
export type ObjectStore = {
  /** Where the store is, without credentials. */
  readonly url: string;
  /** Pages of 1 to 1000 objects whose names are `isObjectKey`, keys ascending in UTF-8 byte order (`compareKeys`), in bounded memory. */
  list(options?: ListOptions): AsyncIterable<readonly ObjectInfo[]>;
  /** Common prefixes up to the next "/" after `prefix`, each ending in "/", ascending. */
  listFolders(prefix: string): Promise<string[]>;
  /** The object, or undefined when there is none (or it vanished since it was listed). Throws `ObjectTooLargeError` above `maxBytes`. */
  get(key: string, options?: GetOptions): Promise<StoredObject | undefined>;
  /** Stores the object whole or not at all; it is durable when this resolves. Throws `key-invalid` as `validateKey`. */
  put(key: string, bytes: Uint8Array, options?: { readonly contentType?: string }): Promise<void>;
  /** Removes the object; it is no error when there is none. */
  delete(key: string): Promise<void>;
};

/** The most objects a page of a listing holds, which is what S3 allows. */
export const pageSize = 1000;

/** S3's order of keys, ascending by UTF-8 bytes: negative when `left` comes first, 0 only when both are equal. */
export function compareKeys(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let at = 0; at < length; at += 1) {
    const difference = unitRank(left.charCodeAt(at)) - unitRank(right.charCodeAt(at));
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

// UTF-16 puts surrogates (U+10000 and above) before U+E000 to U+FFFF; in UTF-8 they come after.
function unitRank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/**
 * False for a name that is no object in any store: one with an empty segment (as the markers that consoles make for
 * folders) or with a segment that begins with a dot (hidden and temporary files, and "..", which leaves a directory).
 * No store lists, reads or deletes it.
 */
export function isObjectKey(key: string): boolean {
  return !/(?:^|\/)(?:[./]|$)/.test(key);
}

/**
 * Throws `key-invalid` unless every store can hold an object of this name: `isObjectKey`, at most 1024 UTF-8 bytes in
 * segments of at most 255, well-formed Unicode without control characters.
 */
export function validateKey(key: string): void {
  const problem = keyProblem(key);
  if (problem === undefined) return;
  throw new PayrootError("key-invalid", `An object key ${problem}.`, {
    facts: { key: JSON.stringify(key.slice(0, 200)) },
    next: "give keys as segments separated by single slashes, such as eu-central/transcode/name.json",
    exitCode: exitCodes.usage,
  });
}

function keyProblem(key: string): string | undefined {
  if (!isObjectKey(key)) return "has a segment that is empty or begins with a dot";
  if (!key.isWellFormed()) return "is not well-formed Unicode";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(key)) return "has a control character";
  if (Buffer.byteLength(key) > 1024) return "is longer than 1024 bytes";
  if (key.split("/").some((segment) => Buffer.byteLength(segment) > 255))
    return "has a segment longer than 255 bytes";
  return undefined;
}

/** An object has more bytes than the caller takes (`object-too-large`); its body was not read. */
export class ObjectTooLargeError extends PayrootError {
  readonly key: string;
  readonly version: string;
  readonly size: number;

  constructor(info: ObjectInfo, maxBytes: number) {
    super("object-too-large", "An object is larger than the limit.", {
      facts: { object: info.key, bytes: info.size, maxBytes },
      next: "raise the limit if the object is genuine, then run: payroot quarantine retry",
    });
    this.key = info.key;
    this.version = info.version;
    this.size = info.size;
  }
}
