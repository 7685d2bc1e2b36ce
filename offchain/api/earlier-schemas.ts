import { z } from "@hono/zod-openapi";
import { address, amount, time } from "./schemas.ts";

const whole = z
  .union([z.int(), z.string().regex(/^\d+$/)])
  .nullable()
  .openapi({ description: "a number, above 2^53 its digits; null when it was not given" });

/** The columns of a job but for when and whose it was, as clients of earlier pools know them. */
export const jobColumns = {
  pixels: whole,
  duration: z.number().nullable().openapi({ description: "seconds" }),
  profiles: whole,
  faceValue: amount,
  roundJob: whole,
  txHash: z.string().nullable(),
};

/** Jobs as clients of earlier pools know them. */
export const earlierJobsSchema = z
  .array(z.strictObject({ createdAt: time, transcoder: address, ...jobColumns }))
  .openapi("EarlierJobs");

/** Rewards as clients of earlier pools know them. */
export const earlierRewardsSchema = z
  .array(
    z.strictObject({
      createdAt: time.nullable().openapi({ description: "of the claim; null while nothing is paid" }),
      transcoder: address,
      value: amount,
      gasFees: z.null().openapi({ description: "not known: whoever sends a claim pays for it" }),
      paymentStatus: z.enum(["Paid", "On hold"]),
      txHash: z.string().nullable().openapi({ description: "the transaction of the claim" }),
    }),
  )
  .openapi("EarlierRewards");
