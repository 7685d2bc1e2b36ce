import { type Address, compareAddresses } from "../../core/address.ts";
import { type AssetSum, sumOfAsset } from "../../core/explanation.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import type { EpochState } from "../../store/records.ts";
import { requireEpoch } from "../close/epochs.ts";
import { type ClosedRow, closedRows } from "./account-rows.ts";

/** What an account gained in a closed epoch, partitions summed. */
export type WorkerEpoch = {
  readonly state: EpochState;
  readonly assets: readonly (AssetSum & { readonly events: number })[];
};

/** The closed epochs in which the account gained something, newest first, from `before` down; all without it. */
export async function* listWorkerEpochs(
  store: LedgerStore,
  of: { readonly account: Address; readonly before?: number | undefined },
): AsyncGenerator<WorkerEpoch> {
  const { account, before = Number.POSITIVE_INFINITY } = of;
  let rows: ClosedRow[] = [];
  for await (const row of closedRows(store, { account, reverse: true })) {
    if (row.epoch >= before) continue;
    if (rows[0] !== undefined && rows[0].epoch !== row.epoch) {
      yield await workerEpoch(store, rows);
      rows = [];
    }
    rows.push(row);
  }
  if (rows[0] !== undefined) yield await workerEpoch(store, rows);
}

async function workerEpoch(store: LedgerStore, rows: readonly ClosedRow[]): Promise<WorkerEpoch> {
  const assets = [...new Set(rows.map(({ asset }) => asset))].sort(compareAddresses);
  return {
    state: await requireEpoch(store, rows[0]?.epoch ?? 0),
    assets: assets.map((asset) => {
      const own = rows.filter((row) => row.asset === asset);
      const events = own.reduce((count, row) => count + row.events, 0);
      return { ...sumOfAsset(asset, own), events };
    }),
  };
}
