import { z } from "@hono/zod-openapi";
import { amount, asOf, asset, count, epochNumber, hash, time } from "./schemas.ts";

/** Counts of events: events = accepted + rejected + duplicates. */
export const counters = {
  events: count,
  accepted: count,
  rejected: count,
  duplicates: count,
  late: count.openapi({
    description: "older than the opening of the epoch that counts them; paid like any other",
  }),
  zeroFee: count,
};

/** The service is there. */
export const healthSchema = z.strictObject({ status: z.literal("ok") }).openapi("Health");

/** Which stages of the work are up to date. */
export const readySchema = z
  .strictObject({
    ready: z.boolean(),
    stages: z.array(
      z.strictObject({
        stage: z.string().openapi({ example: "ingest" }),
        state: z.enum(["starting", "ok", "behind"]),
        since: time,
        code: z.string().optional().openapi({ description: "of the error that holds it up" }),
        reason: z.string().optional(),
        next: z.string().optional(),
      }),
    ),
  })
  .openapi("Ready");

/** What the open epoch would pay now. */
export const openTotalsSchema = z
  .strictObject({
    ...{ asset, gross: amount, commission: amount, earned: amount, accounts: count },
    waitingJobs: count.openapi({ description: "AI jobs without their receipt" }),
    waiting: amount.openapi({ description: "their fees" }),
  })
  .openapi("OpenEpochTotals");

/** Where the ledger stands. */
export const statusSchema = z
  .strictObject({
    openEpoch: z.strictObject({ epoch: epochNumber, opensAt: time.nullable(), objects: count, ...counters }),
    accruing: openTotalsSchema,
    partitions: z.array(
      z.strictObject({
        partition: z.string().openapi({ example: "transcode|eu-central" }),
        objects: count,
        newest: time.nullable(),
        connectedWorkers: count,
        ...counters,
      }),
    ),
    lastClosed: z
      .strictObject({
        ...{
          epoch: epochNumber,
          opensAt: time,
          closesAt: time,
          root: hash,
          earningsRoot: hash,
          manifestHash: hash,
        },
      })
      .nullable(),
    asOf,
  })
  .openapi("Status");
