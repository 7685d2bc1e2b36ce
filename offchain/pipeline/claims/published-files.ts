import { epochFolder, type Manifest, manifestHash, revokedFolder } from "../../core/artifacts.ts";
import { sha256Hex } from "../../core/hash.ts";
import { exitCodes, PayrootError } from "../../errors.ts";
import { type ObjectStore, ObjectTooLargeError } from "../../objects/object-store.ts";

/** Reads files of epochs, each whole and checked against its manifest. Throws `artifact-damaged`. */
export type PublishedFiles = (manifest: Manifest, name: string) => Promise<Uint8Array>;

/**
 * Reads published files and remembers those read last, up to `mostBytes`; a file that many ask for at once is read
 * once.
 */
export function createPublishedFiles(
  artifacts: ObjectStore,
  { mostBytes = 256 * 2 ** 20 }: { readonly mostBytes?: number } = {},
): PublishedFiles {
  const files = new Map<string, { readonly bytes: number; readonly content: Promise<Uint8Array> }>();
  return async (manifest, name) => {
    const { sha256, bytes } = entryOf(manifest, name);
    const known = files.get(sha256);
    files.delete(sha256);
    const file = known ?? { bytes, content: readPublished(artifacts, manifest, name) };
    files.set(sha256, file);
    if (known === undefined) file.content.catch(() => files.delete(sha256));
    let total = 0;
    for (const { bytes: size } of files.values()) total += size;
    for (const [oldest, { bytes: size }] of files) {
      // The one that was asked for stands last, and is forgotten only for another one.
      if (total <= mostBytes || oldest === sha256) break;
      files.delete(oldest);
      total -= size;
    }
    return file.content;
  };
}

/** A file of an epoch, also of one that was revoked, checked against its manifest. Throws `artifact-damaged`. */
export async function readPublished(
  artifacts: ObjectStore,
  manifest: Manifest,
  name: string,
): Promise<Uint8Array> {
  const { epoch } = manifest;
  const { sha256: expected, bytes: maxBytes } = entryOf(manifest, name);
  const file = `${epochFolder(epoch)}${name}`;
  // The files of a revoked epoch have moved.
  const revoked = `${revokedFolder({ epoch, manifestHash: manifestHash(manifest) })}${name}`;
  try {
    const stored = (await artifacts.get(file, { maxBytes })) ?? (await artifacts.get(revoked, { maxBytes }));
    const found = stored === undefined ? "no such object" : sha256Hex(stored.bytes);
    if (stored === undefined || found !== expected) throw artifactDamaged({ file, expected, found });
    return stored.bytes;
  } catch (error) {
    if (!(error instanceof ObjectTooLargeError)) throw error;
    throw artifactDamaged({ file, expected, found: `${error.size} bytes instead of ${maxBytes}` });
  }
}

function entryOf(manifest: Manifest, name: string): { sha256: string; bytes: number } {
  const { epoch, files } = manifest;
  const entry = files.find((file) => file.name === name);
  if (entry !== undefined) return entry;
  throw artifactDamaged({
    file: `${epochFolder(epoch)}${name}`,
    expected: "no such file",
    found: "no entry",
  });
}

function artifactDamaged(facts: { file: string; expected: string; found: string }): PayrootError {
  return new PayrootError("artifact-damaged", "A published file is not the one that its manifest names.", {
    facts,
    next: "restore the file in the artifacts store, or take it from a mirror",
    exitCode: exitCodes.discrepancy,
  });
}
