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

const partition = z.string().openapi({ description: "nodeType|region", example: "transcode|eu-central" });
const place = {
  object: z.string().openapi({ description: "key of the object in the event log" }),
  position: z.int().min(-1).openapi({ description: "place in the object, from 0" }),
};

/** All that was earned of an asset, and the five states it is in. */
export const fiveStates = {
  asset,
  earned: amount.openapi({ description: "all of it: the sum of the five amounts below" }),
  accruing: amount.openapi({ description: "in the open epoch" }),
  closed: amount.openapi({ description: "in closed epochs that are not on chain yet" }),
  posted: amount.openapi({ description: "on chain, the delay running" }),
  claimable: amount.openapi({ description: "can be claimed now" }),
  claimed: amount.openapi({ description: "was claimed" }),
};

/** Where a worker stands. */
export const workerSchema = z
  .strictObject({
    account: address,
    assets: z.array(z.strictObject(fiveStates).openapi("WorkerAsset")),
    asOf,
  })
  .openapi("Worker");

const leafShape = {
  asset,
  cumulative: amount.openapi({ description: "all that was ever earned as of this epoch" }),
  proof: z.array(hash).openapi({ description: "from the leaf to the root" }),
};
const calldata = z.string().regex(/^0x([0-9a-f]{2})+$/);

/** A worker's leaves in an epoch. */
export const proofSchema = z
  .strictObject({
    account: address,
    epoch: epochNumber.nullable().openapi({ description: "null while no epoch is closed" }),
    root: hash.nullable(),
    state: stage.nullable(),
    leaves: z.array(z.strictObject(leafShape).openapi("Leaf")),
  })
  .openapi("Proof");

/** The transaction that claims. */
export const claimSchema = z
  .strictObject({
    account: address,
    epoch: epochNumber.nullable().openapi({ description: "the newest active one; null before any" }),
    root: hash.nullable(),
    chainId: count,
    distributor: address,
    to: address.openapi({ description: "where to send the transaction: the distributor" }),
    data: calldata.nullable().openapi({ description: "its calldata; null where there is nothing to claim" }),
    value: z.literal("0"),
    reason: z
      .enum(["no-active-epoch", "nothing-earned", "everything-claimed"])
      .nullable()
      .openapi({ description: "why there is nothing to claim" }),
    leaves: z
      .array(
        z.strictObject({
          ...leafShape,
          claimed: amount.openapi({ description: "of it, received before" }),
          amount: amount.openapi({ description: "what the call pays" }),
          data: calldata,
        }),
      )
      .openapi({
        description: "one for each asset with something to claim; `data` above is that of the first",
      }),
    asOf,
  })
  .openapi("Claim");

/** A page of epochs in which a worker gained something. */
export const workerEpochPageSchema = z
  .strictObject({
    account: address,
    epochs: z.array(
      z.strictObject({
        ...{ epoch: epochNumber, state: stage, opensAt: time, closesAt: time },
        assets: z.array(z.strictObject({ ...assetSum, events: count })),
      }),
    ),
    nextCursor,
    asOf,
  })
  .openapi("WorkerEpochPage");

/** Every event behind an amount. */
export const explanationSchema = z
  .strictObject({
    account: address,
    epoch: epochNumber,
    assets: z.array(z.strictObject(assetSum).openapi("AssetSum")),
    events: z.array(
      z.strictObject({
        id: z.string(),
        DT: time,
        partition,
        ...place,
        ...{ gross: amount, commission: amount, earned: amount },
        late: z
          .boolean()
          .openapi({ description: "older than the opening of its epoch; paid like any other" }),
      }),
    ),
    excluded: z.array(
      z.strictObject({
        id: z.string().nullable(),
        ...place,
        reason: z.string().openapi({ description: "why it earned nothing", example: "duplicate" }),
      }),
    ),
  })
  .openapi("Explanation");

/** A worker's statement. */
export const statementSchema = z
  .strictObject({
    account: address,
    rows: z.array(
      z.strictObject({
        time: time
          .nullable()
          .openapi({ description: "when the epoch closed, null while it is open; or when it was claimed" }),
        epoch: epochNumber,
        partition: partition.nullable().openapi({ description: "null for a claim" }),
        events: count,
        ...assetSum,
        claimed: amount,
        transaction: hash.nullable().openapi({ description: "of a claim" }),
      }),
    ),
    totals: z.array(z.strictObject({ ...assetSum, events: count, claimed: amount })),
    asOf,
  })
  .openapi("Statement");
