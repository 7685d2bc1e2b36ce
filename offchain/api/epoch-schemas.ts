import { z } from "@hono/zod-openapi";
import {
  address,
  amount,
  asOf,
  asset,
  assetSum,
  count,
  epochNumber,
  hash,
  nextCursor,
  stage,
  time,
} from "./schemas.ts";

const sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .openapi({ description: "SHA-256 of the file's bytes" });

/** The rules that turned events into money. */
export const rulesetSchema = z
  .strictObject({
    scheme: z.literal("per-job-fee"),
    asset,
    commissionPpm: count.openapi({ description: "the pool's share of each fee, in parts per million" }),
    correlationWindowSeconds: count,
    maxEventFeeWei: amount,
    maxObjectBytes: count,
  })
  .openapi("Ruleset");

const inputs = z
  .strictObject({
    ...{ objects: count, bytes: count, events: count, accepted: count, rejected: count },
    ...{ duplicates: count, late: count, unmatched: count },
  })
  .openapi("EpochInputs", { description: "what the epoch was computed from" });

const totals = z
  .strictObject({ ...assetSum, cumulative: amount, accounts: count })
  .openapi("EpochTotals", { description: "of one asset; `cumulative` is the sum of all leaves" });

const manifestShape = {
  format: z.literal("payroot/epoch@1"),
  epoch: epochNumber,
  chainId: count,
  distributor: address,
  opensAt: time,
  closesAt: time,
  previousManifest: hash.nullable(),
  ruleset: rulesetSchema,
  rulesetHash: hash,
  inputs,
  totals: z.array(totals),
  root: hash,
  leaves: count,
  earningsRoot: hash,
  earnings: count,
  files: z.array(z.strictObject({ name: z.string(), sha256, bytes: count })),
};

/** `manifest.json` as it was published. */
export const manifestSchema = z.strictObject(manifestShape).openapi("Manifest");

/** A closed epoch: its manifest, the manifest's hash, and how far it has come. */
export const epochSchema = z
  .strictObject({ ...manifestShape, manifestHash: hash, state: stage })
  .openapi("Epoch");

/** A page of closed epochs, newest first. */
export const epochPageSchema = z
  .strictObject({
    epochs: z.array(
      z.strictObject({
        epoch: epochNumber,
        state: stage,
        opensAt: time,
        closesAt: time,
        root: hash,
        manifestHash: hash,
      }),
    ),
    nextCursor,
    asOf,
  })
  .openapi("EpochPage");

/** A line of `leaves.ndjson`. */
export const leafLineSchema = z
  .strictObject({ account: address, asset, cumulative: amount })
  .openapi("LeafLine");

/** A line of `earnings.ndjson`. */
export const earningLineSchema = z
  .strictObject({ account: address, ...assetSum, partition: z.string(), events: count })
  .openapi("EarningLine");

/** A line of `rejections.ndjson`. */
export const rejectionLineSchema = z
  .strictObject({
    object: z.string(),
    position: z.int().min(-1),
    id: z.string().nullable(),
    reason: z.string(),
    detail: z.string(),
  })
  .openapi("RejectionLine");
