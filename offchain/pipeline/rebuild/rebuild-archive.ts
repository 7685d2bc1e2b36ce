import { epochFolder } from "../../core/artifacts.ts";
import { PayrootError } from "../../errors.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import { readHead } from "../ingest/ingest.ts";

/*
 * Beside the objects, the archive keeps each closed epoch's manifest and list of objects, so that it alone tells which
 * objects an epoch was made of and when it closed. They stand under `archive/epochs/{epoch}/`, where no copy of an event
 * object can be: its name would have to begin with `epochs-{epoch}-`.
 */
const keptNames = ["objects.ndjson", "manifest.json"];

/** Where the archive keeps a file of an epoch. */
export function archivedKey(epoch: number, name: string): string {
  return `archive/${epochFolder(epoch)}${name}`;
}

/** Keeps a file of an epoch in the archive if it is one of those that the archive keeps; the manifest comes last. */
export async function archiveEpochFile(
  archive: ObjectStore,
  file: { readonly epoch: number; readonly name: string; readonly bytes: Uint8Array },
): Promise<void> {
  if (keptNames.includes(file.name)) await archive.put(archivedKey(file.epoch, file.name), file.bytes);
}

/** Takes an epoch that was given back out of the archive; its objects stay. */
export async function forgetArchivedEpoch(archive: ObjectStore, epoch: number): Promise<void> {
  for (const name of keptNames.toReversed()) await archive.delete(archivedKey(epoch, name));
}

/**
 * That the open epoch was never closed before. Otherwise the data directory was lost, or is an old copy, and going on
 * would close another epoch under a number that is taken. Throws `data-directory-lost`.
 */
export async function checkDataDirectory(ports: {
  readonly store: LedgerStore;
  readonly archive: ObjectStore;
  readonly artifacts: ObjectStore;
}): Promise<void> {
  const { epoch, closing } = await readHead(ports.store);
  // A close that was cut short has written its files already.
  if (closing !== null) return;
  const places = [
    { store: ports.archive, key: archivedKey(epoch, "manifest.json") },
    { store: ports.artifacts, key: `${epochFolder(epoch)}manifest.json` },
  ];
  for (const { store, key } of places) {
    if ((await store.get(key)) !== undefined)
      throw dataDirectoryLost({ epoch, store: store.url, found: key });
  }
}

function dataDirectoryLost(facts: { epoch: number; store: string; found: string }): PayrootError {
  const { epoch, ...closed } = facts;
  return new PayrootError(
    "data-directory-lost",
    "The data directory does not know an epoch that was closed: it was lost, or it is an old copy.",
    {
      facts: { "open epoch": epoch, ...closed },
      next: "give the right --data-dir, restore a newer backup, or bring this one up to date from the archive with: payroot ledger rebuild",
    },
  );
}
