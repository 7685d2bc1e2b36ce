import type { Address } from "./address.ts";
import { type Json, JsonDecimal, type JsonObject } from "./json.ts";
import { type Partition, partitionFolder } from "./partition.ts";
import type { Standing } from "./ranking.ts";
import type { Spread } from "./spread.ts";
import { formatTime } from "./time.ts";
import { formatPpm, formatUnits } from "./units.ts";
import type { AiTask } from "./work.ts";

// What existing pool pages read: amounts as bare integers of any size, `_eth` as decimals for display.

/** A claim as a partition shows its part of it; amount in wei, time in ms since 1970. */
export type ExportedPayment = {
  readonly id: string;
  readonly amount: bigint;
  readonly time: number | null;
  readonly transaction: string;
};

/** A worker as a partition shows it; amounts in wei. */
export type ExportedWorker = {
  readonly account: Address;
  readonly gross: bigint;
  readonly commission: bigint;
  readonly connections: readonly string[];
  readonly payments: readonly ExportedPayment[];
  /** Whether what it has coming in all partitions together is enough to be paid. */
  readonly due: boolean;
};

/** The workers of a partition, as of a time in ms since 1970. */
export type ExportedPartition = {
  readonly partition: Partition;
  readonly time: number;
  readonly workers: readonly ExportedWorker[];
  readonly commissionPpm: number;
  /** Whether the workers' addresses on the internet are shown. */
  readonly showConnections: boolean;
};

/** The path of a partition's file in the metrics store. */
export function exportPath(partition: Partition, file: "worker_summary" | "worker_performance"): string {
  return `${partitionFolder(partition)}${file}.json`;
}

/** `worker_summary.json`. */
export function summaryFile(summary: ExportedPartition): JsonObject {
  const { partition, time, workers } = summary;
  const entries = workers.map((worker) => [worker.account, workerEntry(worker, summary)] as const);
  return {
    export_timestamp: exportTime(time),
    data: {
      node_type: partition.nodeType,
      region: partition.region,
      timestamp: formatTime(Math.floor(time / 1000) * 1000),
      workers: Object.fromEntries(entries),
      aggregates: aggregates(summary),
    },
  };
}

function workerEntry(worker: ExportedWorker, { partition, showConnections }: ExportedPartition): JsonObject {
  const { account, gross, commission, connections, payments, due } = worker;
  const { earned, paid, pending } = amountsOf(worker);
  const newest = payments.reduce((last, { time }) => Math.max(last, time ?? last), Number.NEGATIVE_INFINITY);
  return {
    eth_address: account,
    node_type: partition.nodeType,
    region: partition.region,
    total_fees: gross,
    worker_earnings: earned,
    pool_commission: commission,
    connections: showConnections ? [...connections] : [],
    connection_count: connections.length,
    active: connections.length > 0,
    payment_count: payments.length,
    payment_history: payments.map(({ id, amount, time, transaction }) => ({
      payment_id: id,
      eth_address: account,
      amount,
      timestamp: time === null ? null : formatTime(time),
      transaction_hash: transaction,
      status: "completed",
    })),
    last_payment_date: Number.isFinite(newest) ? formatTime(newest) : null,
    total_fees_paid: paid,
    pending_fees: pending,
    pending_eth: eth(pending),
    payment_due: due,
  };
}

function aggregates({ workers, commissionPpm }: ExportedPartition): JsonObject {
  const sum = (of: (worker: ExportedWorker) => bigint) => workers.reduce((total, one) => total + of(one), 0n);
  const count = (of: (worker: ExportedWorker) => number) =>
    workers.reduce((total, one) => total + of(one), 0);
  const active = count(({ connections }) => (connections.length > 0 ? 1 : 0));
  const fees = sum(({ gross }) => gross);
  const paid = sum((worker) => amountsOf(worker).paid);
  const pending = sum((worker) => amountsOf(worker).pending);
  return {
    total_workers: workers.length,
    active_workers: active,
    total_fees: fees,
    total_fees_paid: paid,
    total_pending_fees: pending,
    total_connections: count(({ connections }) => connections.length),
    total_payments: count(({ payments }) => payments.length),
    total_pool_commission: sum(({ commission }) => commission),
    total_worker_earnings: sum((worker) => amountsOf(worker).earned),
    pool_commission_rate: decimal(formatPpm(commissionPpm)),
    workers_eligible_for_payment: count(({ due }) => (due ? 1 : 0)),
    total_pending_eth: eth(pending),
    total_fees_eth: eth(fees),
    total_fees_paid_eth: eth(paid),
    active_worker_percentage: decimal(String(workers.length === 0 ? 0 : (100 * active) / workers.length)),
  };
}

/** What a worker earned in a partition, what of it was paid, and what is still to come; in wei. */
export function amountsOf(worker: Pick<ExportedWorker, "gross" | "commission" | "payments">) {
  const earned = worker.gross - worker.commission;
  const paid = worker.payments.reduce((total, { amount }) => total + amount, 0n);
  return { earned, paid, pending: earned - paid };
}

/** How a worker did, as `worker_performance.json` shows it. */
export type ExportedPerformance = Standing & {
  readonly account: Address;
  readonly task: AiTask | null;
  readonly jobs: number;
  readonly realTimeRatio: Spread | null;
  readonly responseTimeMs: Spread;
  readonly computeUnitsPerSecond: Spread;
  readonly computeUnits: bigint;
  readonly feesWei: bigint;
};

/** `worker_performance.json` of rows that stand in the order of their groups and ranks; time in ms since 1970. */
export function performanceFile(
  partition: Partition,
  { time, rows }: { readonly time: number; readonly rows: readonly ExportedPerformance[] },
): JsonObject {
  const ai = rows.filter(({ task }) => task !== null).map(performanceRecord);
  const rankings: { [group: string]: Json[] } = {};
  for (const record of ai) {
    const group = String(record.model_pipeline);
    rankings[group] = [...(rankings[group] ?? []), record];
  }
  return {
    export_timestamp: exportTime(time),
    node_type: partition.nodeType,
    region: partition.region,
    transcode_performance: rows.filter(({ task }) => task === null).map(performanceRecord),
    ai_performance: ai,
    ai_model_pipeline_rankings: rankings,
  };
}

function performanceRecord(row: ExportedPerformance): JsonObject {
  const { task, responseTimeMs, computeUnitsPerSecond } = row;
  const ofAi =
    task === null
      ? {}
      : {
          model_id: task.modelID,
          pipeline: task.pipeline,
          model_pipeline: `${task.modelID} | ${task.pipeline}`,
          min_response_time: responseTimeMs.min,
          max_response_time: responseTimeMs.max,
        };
  return {
    worker_address: row.account,
    job_count: row.jobs,
    median_real_time_ratio: row.realTimeRatio?.p50 ?? null,
    mean_real_time_ratio: row.realTimeRatio?.mean ?? null,
    min_real_time_ratio: row.realTimeRatio?.min ?? null,
    max_real_time_ratio: row.realTimeRatio?.max ?? null,
    median_response_time: responseTimeMs.p50,
    mean_response_time: responseTimeMs.mean,
    total_compute_units: row.computeUnits,
    total_fees: row.feesWei,
    median_compute_units_per_second: computeUnitsPerSecond.p50,
    mean_compute_units_per_second: computeUnitsPerSecond.mean,
    min_compute_units_per_second: computeUnitsPerSecond.min,
    max_compute_units_per_second: computeUnitsPerSecond.max,
    rank: row.rank,
    percentile: row.percentile,
    ...ofAi,
  };
}

/** `YYYYMMDD_HHMMSS` in UTC of ms since 1970. */
function exportTime(time: number): string {
  return new Date(time)
    .toISOString()
    .replace(/\.\d+Z$/, "")
    .replaceAll(/[-:]/g, "")
    .replace("T", "_");
}

function eth(amountWei: bigint): JsonDecimal {
  return decimal(formatUnits(amountWei, 18));
}

// Readers of these fields expect decimals, also where they are whole.
function decimal(text: string): JsonDecimal {
  return new JsonDecimal(/[.e]/.test(text) ? text : `${text}.0`);
}
