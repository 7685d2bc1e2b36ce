import { exitCodes, type Facts, messageOf, PayrootError } from "../errors.ts";

/** The `code` of a Node system error, such as ENOENT; undefined for anything else. */
export function errorCodeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** The file, or a folder on the way to it, is not there, or is something that can hold no object. */
export function isMissing(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR", "ELOOP", "EISDIR", "ENXIO"].includes(errorCodeOf(error) ?? "");
}

/** Whatever a directory store's system call threw, as the `PayrootError` that says what to do about it. */
export function directoryError(
  error: unknown,
  attempt: { readonly root: string; readonly key?: string; readonly writing?: boolean },
): unknown {
  const code = errorCodeOf(error);
  if (error instanceof PayrootError || code === undefined) return error;
  const facts = { directory: attempt.root, object: attempt.key, reason: messageOf(error) };
  switch (code) {
    case "ENOENT":
      return directoryMissing(attempt.root);
    case "ENOTDIR":
    case "EEXIST":
      return notADirectory(attempt.root);
    case "ENOSPC":
    case "EDQUOT":
    case "EFBIG":
      return diskFull(facts);
    case "EROFS":
      return readOnly(facts);
    case "EACCES":
    case "EPERM":
      return attempt.writing === true ? readOnly(facts) : accessDenied(facts);
    default:
      return ioFailed(facts);
  }
}

/** The root of a directory store does not exist (`directory-missing`). */
export function directoryMissing(root: string): PayrootError {
  return new PayrootError("directory-missing", "The directory does not exist.", {
    facts: { directory: root },
    next: "create it, or correct the URL; if it is a mounted disk, mount it",
    exitCode: exitCodes.usage,
  });
}

/** The root of a directory store is a file or device (`store-not-a-directory`). */
export function notADirectory(root: string): PayrootError {
  return new PayrootError("store-not-a-directory", "The path is not a directory.", {
    facts: { given: root },
    next: "give the URL of a directory, such as file:///var/lib/payroot/archive",
    exitCode: exitCodes.usage,
  });
}

/** A key lies below another object, or is a folder of others (`key-conflict`); S3 allows it, a directory cannot. */
export function keyConflict(key: string): PayrootError {
  return new PayrootError("key-conflict", "A name cannot be both an object and a folder of objects.", {
    facts: { object: key },
    next: "move the file or folder that has the same name out of the way",
  });
}

/** A key would be written through a symbolic link, perhaps out of the root (`key-through-link`). */
export function throughALink(key: string): PayrootError {
  return new PayrootError("key-through-link", "A folder on the object's path is a symbolic link.", {
    facts: { object: key },
    next: "replace the link by a folder: links inside a store are not followed",
    exitCode: exitCodes.usage,
  });
}

function diskFull(facts: Facts): PayrootError {
  return new PayrootError("disk-full", "The disk is full; the object was not stored.", {
    facts,
    next: "free some space (or raise the quota or limit); nothing was lost, and the work goes on from here",
    retryable: true,
  });
}

function readOnly(facts: Facts): PayrootError {
  return new PayrootError("store-read-only", "The directory cannot be written to.", {
    facts,
    next: "give this user the right to write there, remount it writable, or choose another directory",
    exitCode: exitCodes.usage,
  });
}

function accessDenied(facts: Facts): PayrootError {
  return new PayrootError("store-access-denied", "The directory cannot be read.", {
    facts,
    next: "give this user the right to read the directory and everything below it",
    exitCode: exitCodes.usage,
  });
}

function ioFailed(facts: Facts): PayrootError {
  return new PayrootError("store-unreachable", "The directory did not answer as it should.", {
    facts,
    next: "check the disk or the network mount; the work is tried again",
    retryable: true,
  });
}
