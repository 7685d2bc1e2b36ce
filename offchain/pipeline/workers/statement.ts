import type { Address } from "../../core/address.ts";
import { sumOfAsset, sumPartitions } from "../../core/explanation.ts";
import type { Ruleset } from "../../core/ruleset.ts";
import { type StatementRow, type StatementTotal, statementTotals } from "../../core/statement.ts";
import { formatTime } from "../../core/time.ts";
import { invariant } from "../../errors.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import type { EpochState } from "../../store/records.ts";
import { requireEpoch } from "../close/epochs.ts";
import { ledgerBusy, readSteadily } from "../operate/steady.ts";
import { type ClosedRow, closedRows, openRows } from "./account-rows.ts";
import { openPairs } from "./trace.ts";
import {
  type AsOf,
  type ChainView,
  type Estimates,
  readWorker,
  type Worker,
  type WorkerClaim,
} from "./worker.ts";

/** What a statement is read from. */
export type StatementPorts = {
  readonly store: LedgerStore;
  readonly chain: ChainView;
  readonly estimates: Estimates;
};

/**
 * Everything an account earned, by epoch and partition, the open epoch included, and everything it claimed, each claim
 * after what the epoch it was made against earned. `totals` are the sums of the rows, and those of `worker show`.
 */
export type Statement = {
  readonly account: Address;
  readonly rows: readonly StatementRow[];
  readonly totals: readonly StatementTotal[];
  readonly asOf: AsOf;
};

/**
 * The statement of an account; without rows for one that never worked. `ruleset` are the rules of the open epoch while
 * it has no object. Throws `ledger-busy`, and `invariant-violated` when the rows are not what `worker show` tells.
 */
export async function readStatement(
  ports: StatementPorts,
  query: { readonly account: Address; readonly ruleset: Ruleset },
): Promise<Statement> {
  const { store, chain } = ports;
  const { account } = query;
  // The chain moves by itself: lines and totals are of one look at it when they have the same claims.
  for (let tries = 0; tries < triesAtMost; tries++) {
    const read = await readSteadily(store, async (head) => {
      const ruleset = head.ruleset ?? query.ruleset;
      const earned = await Array.fromAsync(earnedRows(store, { account, ruleset, epoch: head.epoch }));
      const claimed = (await chain.claimsOf(account)).map(claimRow);
      const rows = [...earned, ...claimed].sort((a, b) => a.epoch - b.epoch);
      const worker = await readWorker(ports, { account, ruleset });
      const statement = { account, rows, totals: statementTotals(rows), asOf: worker.asOf };
      checkEarned(statement, worker);
      return { statement, worker };
    });
    if (sameClaims(read.statement, read.worker)) return read.statement;
  }
  throw ledgerBusy({ tries: triesAtMost });
}

const triesAtMost = 5;

async function* earnedRows(
  store: LedgerStore,
  of: { account: Address; ruleset: Ruleset; epoch: number },
): AsyncGenerator<StatementRow> {
  const { account, ruleset, epoch: open } = of;
  let closed: EpochState | undefined;
  for await (const row of closedRows(store, { account })) {
    if (closed?.epoch !== row.epoch) closed = await requireEpoch(store, row.epoch);
    yield earnedRow(row, closed.closesAt);
  }
  const pairs = await openPairs(store, { account, ruleset });
  const sums = sumPartitions(await Array.fromAsync(openRows(store, { account, ruleset, pairs })));
  for (const [, sum] of [...sums].sort(([a], [b]) => (a < b ? -1 : 1))) {
    yield earnedRow({ ...sum, epoch: open, asset: ruleset.asset }, null);
  }
}

function earnedRow(row: ClosedRow, time: string | null): StatementRow {
  const { epoch, asset, partition, events } = row;
  const amounts = { ...sumOfAsset(asset, [row]), claimed: 0n };
  return { time, epoch, partition, events, ...amounts, transaction: null };
}

function claimRow({ asset, epoch, amount, transaction, time }: WorkerClaim): StatementRow {
  const amounts = { ...sumOfAsset(asset, []), claimed: amount };
  const when = time === null ? null : formatTime(time);
  return { time: when, epoch, partition: null, events: 0, ...amounts, transaction };
}

function checkEarned({ account, totals }: Statement, worker: Worker): void {
  for (const { asset, earned: expected } of worker.assets) {
    const found = totalOf(totals, asset)?.earned ?? 0n;
    invariant(found === expected, "The lines of a statement do not sum to what the account earned.", {
      ...{ account, asset, expected, found },
    });
  }
}

function sameClaims({ totals }: Statement, worker: Worker): boolean {
  return worker.assets.every(({ asset, claimed }) => (totalOf(totals, asset)?.claimed ?? 0n) === claimed);
}

function totalOf(totals: readonly StatementTotal[], asset: Address): StatementTotal | undefined {
  return totals.find((total) => total.asset === asset);
}
