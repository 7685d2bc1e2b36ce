import { versions } from "../../store/keys.ts";
import { getMany } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import { readHead } from "./ingest.ts";

/** One content that counts, or is in conflict, under an event id: `time` is its DT, ms since 1970. */
export type KnownEvent = { readonly digest: string; readonly time: number };

/** What the ledger knows under each of these ids that another content would conflict with. */
export async function knownEvents(
  store: LedgerStore,
  ids: readonly string[],
): Promise<readonly (readonly KnownEvent[])[]> {
  const { openFrom } = await readHead(store);
  const found = await getMany(store, versions, ids);
  // Rejected in a closed epoch, an id may come again, corrected.
  return found.map((known = []) => known.filter(({ ordinal, rejected }) => ordinal >= openFrom || !rejected));
}
