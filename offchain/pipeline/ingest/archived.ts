import { sha256Hex } from "../../core/hash.ts";
import { PayrootError } from "../../errors.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import type { ObjectRecord } from "../../store/records.ts";

/** The bytes of an object as it was read, from the archive, checked by their hash. Throws `archive-incomplete`. */
export async function readArchived(
  archive: ObjectStore,
  record: Pick<ObjectRecord, "archiveKey" | "sha256">,
): Promise<Uint8Array> {
  const { archiveKey, sha256 } = record;
  const stored = await archive.get(archiveKey);
  const found = stored === undefined ? "no such object" : sha256Hex(stored.bytes);
  if (stored === undefined || found !== sha256)
    throw archiveIncomplete({ archiveKey, expected: sha256, found });
  return stored.bytes;
}

function archiveIncomplete(facts: { archiveKey: string; expected: string; found: string }): PayrootError {
  return new PayrootError("archive-incomplete", "The archive does not hold an object that the ledger used.", {
    facts,
    next: "restore the object in the archive store, then run the same command again",
  });
}
