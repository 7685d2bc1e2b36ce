import type { ClosedEpoch } from "../../core/epoch.ts";
import { lifeSums } from "../../store/job-keys.ts";
import { getMany, put } from "../../store/keyspace.ts";
import type { LedgerStore, StoreWrite } from "../../store/ledger-store.ts";
import { addSums, emptySum } from "../ingest/effects.ts";

/** Adds what the accounts gained in an epoch to what they gained in all before it. */
export async function lifeSumWrites(store: LedgerStore, rows: ClosedEpoch["rows"]): Promise<StoreWrite[]> {
  const before = await getMany(store, lifeSums, rows);
  return rows.map((row, index) => put(lifeSums, row, addSums(before[index] ?? emptySum, row)));
}
