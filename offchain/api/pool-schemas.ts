import { z } from "@hono/zod-openapi";
import { address, amount, asOf, asset, count, epochNumber, hash, nextCursor, stage } from "./schemas.ts";
import { openTotalsSchema } from "./status-schemas.ts";
import { fiveStates } from "./worker-schemas.ts";

const counts = z
  .strictObject({
    ...{ objects: count, events: count, accepted: count, rejected: count, duplicates: count },
    late: count.openapi({
      description: "older than the opening of the epoch that counts them; paid like any other",
    }),
  })
  .openapi("ReadCounts");

/** Figures of the pool. */
export const statsSchema = z
  .strictObject({
    epochs: z.strictObject({
      closed: count.openapi({ description: "how many are closed" }),
      posted: count.openapi({ description: "the newest on chain; 0 before any" }),
      active: count.openapi({ description: "the newest that can be claimed against; 0 before any" }),
      open: epochNumber.openapi({ description: "the open one" }),
    }),
    workers: z.strictObject({
      closed: count.openapi({ description: "leaves of the newest closed epoch: everyone ever paid" }),
      open: count.openapi({ description: "accounts that gained something in the open epoch" }),
    }),
    events: z.strictObject({
      all: counts,
      open: counts.openapi({ description: "of the open epoch alone" }),
    }),
    open: openTotalsSchema,
    assets: z.array(
      z.strictObject({
        ...fiveStates,
        gross: amount.openapi({ description: "fees of all time" }),
        commission: amount.openapi({ description: "the pool's share of them" }),
      }),
    ),
    asOf,
  })
  .openapi("Stats");

/** Who earned most. */
export const leaderboardSchema = z
  .strictObject({
    window: z.enum(["epoch", "all"]),
    epoch: epochNumber.nullable().openapi({ description: "which epoch; null for all of them" }),
    asset,
    accounts: count.openapi({ description: "how many earned anything" }),
    rows: z.array(z.strictObject({ rank: z.int().min(1), account: address, earned: amount })),
    asOf: z
      .union([asOf, z.null()])
      .openapi({ description: "null for a closed epoch, which does not change" }),
  })
  .openapi("Leaderboard");

/** A page of workers. */
export const workerPageSchema = z
  .strictObject({
    epoch: epochNumber
      .nullable()
      .openapi({ description: "the epoch whose leaves give the order; null by address" }),
    workers: z.array(
      z.strictObject({
        account: address,
        assets: z.array(
          z.strictObject({
            asset,
            earned: amount.openapi({ description: "all that was ever earned, as of now" }),
            accruing: amount.openapi({ description: "of it in the open epoch" }),
          }),
        ),
      }),
    ),
    nextCursor,
    asOf,
  })
  .openapi("WorkerPage");

/** What a proof was found to be. */
export const verificationSchema = z
  .strictObject({
    valid: z.boolean().openapi({ description: "whether the proof leads from the leaf to the root" }),
    leaf: hash.openapi({ description: "keccak256(keccak256(abi.encode(account, asset, cumulative)))" }),
    root: hash,
    epochs: z
      .array(z.strictObject({ epoch: epochNumber, manifestHash: hash, state: stage }))
      .openapi({ description: "closed epochs of this pool with this root" }),
    onChain: z.boolean().openapi({ description: "whether one of them stands on chain" }),
  })
  .openapi("Verification");
