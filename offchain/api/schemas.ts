import { z } from "@hono/zod-openapi";
import { requireAddress } from "../core/address.ts";

// What several groups of routes use. Only objects get names of their own in the document: a named text that may be
// null would be written as one that may not.

const addressExample = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

/** An address in an answer, EIP-55. */
export const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/)
  .openapi({ description: "an address in EIP-55 case", example: addressExample });

/** An asset in an answer. */
export const asset = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/)
  .openapi({
    description: "the token's address; the zero address is ETH",
    example: "0x0000000000000000000000000000000000000000",
  });

/** 32 bytes in an answer. */
export const hash = z
  .string()
  .regex(/^0x[0-9a-f]{64}$/)
  .openapi({ description: "32 bytes", example: `0x${"5e".repeat(32)}` });

/** An amount in an answer. */
export const amount = z
  .string()
  .regex(/^\d+$/)
  .openapi({ description: "in the asset's smallest unit (wei for ETH), decimal", example: "900002700" });

/** A time in an answer. */
export const time = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/)
  .openapi({ description: "RFC 3339, UTC", example: "2025-11-06T00:00:00Z" });

/** A count in an answer. */
export const count = z.int().min(0);

/** The number of a closed epoch, or of the open one, in an answer. */
export const epochNumber = z.int().min(1).openapi({ description: "the epoch's number", example: 12 });

/** How far a closed epoch has come. */
export const stage = z.enum(["closed", "posted", "active"]).openapi({
  description:
    "`closed`: not on chain; `posted`: on chain, its delay is running; `active`: can be claimed against for ever",
});

/** As of what an answer holds. */
export const asOf = z
  .strictObject({
    object: z.string().nullable().openapi({ description: "key of the newest object that was read" }),
    epoch: count.openapi({ description: "the newest closed epoch; 0 before any" }),
    block: count.nullable().openapi({ description: "the newest block that was seen; null without a chain" }),
  })
  .openapi("AsOf");

/** What was gained of an asset. */
export const assetSum = { asset, gross: amount, commission: amount, earned: amount };

/** The cursor of the page after this one. */
export const nextCursor = z
  .string()
  .nullable()
  .openapi({ description: "give it as `cursor` for the next page; null on the last one" });

const addressExpected = "0x and 40 hex digits, all lower case or with a correct EIP-55 checksum";

/** The account of a path or query. Throws `invalid-address`. */
export const accountParameter = z
  .string({ error: addressExpected })
  .transform(requireAddress)
  .openapi({
    type: "string",
    description: `the worker's address: ${addressExpected}`,
    example: addressExample,
  });

/** A whole number in a path or query. */
export function wholeNumber(range: {
  readonly least: number;
  readonly most?: number;
  readonly about: string;
  readonly example?: number;
}) {
  const { least, most = Number.MAX_SAFE_INTEGER, about, example } = range;
  const expected = `a whole number from ${least} to ${most}`;
  return z
    .string()
    .transform((given, context): number => {
      const value = /^\d{1,16}$/.test(given) ? Number(given) : Number.NaN;
      if (value >= least && value <= most) return value;
      context.addIssue({ code: "custom", message: expected });
      return z.NEVER;
    })
    .openapi({
      ...{ type: "integer", minimum: least, maximum: most, description: about },
      ...(example === undefined ? {} : { example }),
    });
}

/** The number of an epoch in a path or query. */
export const epochParameter = wholeNumber({ least: 1, about: "the epoch's number", example: 1 });

/** How many a page holds at most; `usual` when the client does not say. */
export function limitParameter(most = 1000, usual = Math.min(100, most)) {
  return wholeNumber({ least: 1, most, about: "how many at most" })
    .default(usual)
    .openapi({ default: usual });
}

/** One of some words in a query. */
export function oneOf<const Word extends string>(words: readonly [Word, ...Word[]], about: string) {
  const error = words.join(" or ");
  return z.enum(words, { error }).openapi({ description: about });
}

/** The text of a cursor that an earlier page gave. */
export function cursorParameter(pattern: RegExp, expected = "the nextCursor of an earlier page") {
  return z
    .string({ error: expected })
    .regex(pattern, { error: expected })
    .openapi({ description: "the `nextCursor` of the page before; the first page without it" });
}
