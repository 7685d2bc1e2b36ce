import { z } from "@hono/zod-openapi";
import { address, amount, asOf, count, nextCursor, time } from "./schemas.ts";

function spread(name: string, about: string) {
  const value = z.number().min(0);
  return z
    .strictObject({ mean: value, min: value, p50: value, p90: value, p95: value, p99: value, max: value })
    .openapi(name, { description: about });
}

const ratio = spread(
  "RealTimeRatio",
  "of transcoding: duration ÷ response time of each job; higher is faster. p50 is the median",
);
const responseTime = spread("ResponseTime", "in milliseconds; lower is faster. p50 is the median");
const throughput = spread(
  "Throughput",
  "compute units (encoded pixels, for transcoding) per second. p50 is the median",
);

/** How a worker did in a partition, of AI with one model in one pipeline. */
export const workerPerformanceSchema = z
  .strictObject({
    nodeType: z.string(),
    region: z.string(),
    pipeline: z.string().nullable().openapi({ description: "of AI; null for transcoding" }),
    model: z.string().nullable().openapi({ description: "of AI; null for transcoding" }),
    account: address,
    rank: z.int().min(1).openapi({
      description:
        "1 is the fastest: one more than the workers that are better. Transcoding by the median real-time ratio, highest first; AI by the median response time, lowest first; equal ones share the rank",
    }),
    workers: count.openapi({ description: "how many are ranked together" }),
    percentile: z.number().min(0).max(100).openapi({
      description: "the share of them that is not better, itself included, in percent: 100 for the first",
    }),
    jobs: count,
    computeUnits: z.string().regex(/^\d+$/).openapi({ description: "sum over the jobs, decimal" }),
    feesWei: amount.openapi({ description: "sum of the jobs' fees before commission, in wei, decimal" }),
    realTimeRatio: ratio.nullable().openapi({ description: "null for AI" }),
    responseTimeMs: responseTime,
    computeUnitsPerSecond: throughput,
    connections: count.openapi({ description: "connections up, as far as the log was read" }),
    active: z.boolean().openapi({ description: "whether any connection is up" }),
    lastSeen: time.nullable(),
  })
  .openapi("WorkerPerformance");

/** A page of performance. */
export const performancePageSchema = z
  .strictObject({
    window: z.enum(["epoch", "24h", "7d"]),
    epoch: count
      .nullable()
      .openapi({ description: "the epoch whose jobs are counted; null in windows of time" }),
    from: time.nullable().openapi({ description: "the first time counted; null for an epoch" }),
    until: time.nullable().openapi({ description: "the last time counted; null for an epoch" }),
    computedAt: time,
    performance: z.array(workerPerformanceSchema),
    nextCursor,
    asOf,
  })
  .openapi("PerformancePage");
