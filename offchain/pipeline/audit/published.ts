import { z } from "zod";
import { type Address, parseAddress, zeroAddress } from "../../core/address.ts";
import {
  type AssetTotals,
  type EarningLine,
  epochFolder,
  type Hash,
  jsonBytes,
  type LeafLine,
  type Manifest,
  type ObjectLine,
} from "../../core/artifacts.ts";
import { keccak256Hex } from "../../core/hash.ts";
import type { Ruleset } from "../../core/ruleset.ts";
import { formatTime, parseTime } from "../../core/time.ts";
import { messageOf } from "../../errors.ts";
import type { ObjectStore } from "../../objects/object-store.ts";

/** What an operator published of an epoch, as far as it can be understood; nothing of it is trusted. */
export type PublishedEpoch = {
  readonly manifest: Manifest;
  /** keccak256 of `manifest.json` as it is stored. */
  readonly manifestHash: Hash;
  readonly canonical: boolean;
  readonly objects: readonly ObjectLine[];
};

/** Why what was published of an epoch cannot be understood. */
export type Unreadable = { readonly file: string; readonly fault: string };

/** The published manifest and list of objects of an epoch; undefined when it has no manifest. */
export async function readPublished(
  artifacts: ObjectStore,
  epoch: number,
): Promise<PublishedEpoch | Unreadable | undefined> {
  const stored = await artifacts.get(`${epochFolder(epoch)}manifest.json`);
  if (stored === undefined) return undefined;
  const manifest = parseManifest(stored.bytes);
  if ("fault" in manifest) return { file: "manifest.json", ...manifest };
  if (manifest.value.epoch !== epoch) {
    return { file: "manifest.json", fault: `it is the manifest of epoch ${manifest.value.epoch}` };
  }
  const listed = await artifacts.get(`${epochFolder(epoch)}objects.ndjson`);
  if (listed === undefined) return { file: "objects.ndjson", fault: "it is missing" };
  const objects = parseLines(objectSchema, listed.bytes);
  if ("fault" in objects) return { file: "objects.ndjson", ...objects };
  return {
    manifest: manifest.value,
    manifestHash: keccak256Hex(stored.bytes),
    canonical: Buffer.compare(stored.bytes, jsonBytes(manifest.value)) === 0,
    objects: objects.value,
  };
}

/** A published manifest, or why it is none. */
export function parseManifest(bytes: Uint8Array): Parsed<Manifest> {
  return parse(manifestSchema, bytes);
}

/** The rows of a published `earnings.ndjson`, or why they are none. */
export function parseEarnings(bytes: Uint8Array): Parsed<EarningLine[]> {
  return parseLines(earningSchema, bytes);
}

/** The rows of a published `leaves.ndjson`, or why they are none. */
export function parseLeaves(bytes: Uint8Array): Parsed<LeafLine[]> {
  return parseLines(leafSchema, bytes);
}

/** Something that was understood, or why it was not. */
export type Parsed<T> = { readonly value: T } | { readonly fault: string };

function parse<T>(schema: z.ZodType<T>, bytes: Uint8Array): Parsed<T> {
  try {
    const parsed = schema.safeParse(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)));
    if (parsed.success) return { value: parsed.data };
    const [issue] = parsed.error.issues;
    return { fault: `its ${issue?.path.join(".") || "content"} is wrong: ${issue?.message}` };
  } catch (error) {
    return { fault: `it is no JSON: ${messageOf(error).slice(0, 100)}` };
  }
}

function parseLines<T>(schema: z.ZodType<T>, bytes: Uint8Array): Parsed<T[]> {
  const text = Buffer.from(bytes).toString();
  if (text !== "" && !text.endsWith("\n")) return { fault: "its last line is cut short" };
  const values: T[] = [];
  for (const [index, line] of text.split("\n").slice(0, -1).entries()) {
    const parsed = parse(schema, Buffer.from(line));
    if ("fault" in parsed) return { fault: `line ${index + 1}: ${parsed.fault}` };
    values.push(parsed.value);
  }
  return { value: values };
}

const hash = z.custom<Hash>((given) => /^0x[0-9a-f]{64}$/.test(String(given)), "expected 32 bytes of hex");
const address = z.custom<Address>((given) => {
  return typeof given === "string" && (given === zeroAddress || parseAddress(given) === given);
}, "expected an address with its checksum");
const amount = z
  .string()
  .regex(/^(?:0|[1-9]\d{0,77})$/, "expected an amount")
  .refine((given) => BigInt(given) < 2n ** 256n, "expected an amount of 256 bits");
const time = z.string().refine((given) => {
  const parsed = parseTime(given);
  return parsed !== undefined && formatTime(parsed) === given;
}, "expected a time in UTC");
const digest = z.string().regex(/^[0-9a-f]{64}$/, "expected a SHA-256");
const count = z.int().nonnegative();

const ruleset: z.ZodType<Ruleset> = z.strictObject({
  scheme: z.literal("per-job-fee"),
  asset: address,
  commissionPpm: count.max(1_000_000),
  correlationWindowSeconds: count,
  maxEventFeeWei: amount,
  maxObjectBytes: count.max(2 ** 30),
});

const totals: z.ZodType<AssetTotals> = z.strictObject({
  asset: address,
  gross: amount,
  commission: amount,
  earned: amount,
  cumulative: amount,
  accounts: count,
});

const manifestSchema: z.ZodType<Manifest> = z.strictObject({
  format: z.literal("payroot/epoch@1"),
  epoch: count,
  chainId: count,
  distributor: address,
  opensAt: time,
  closesAt: time,
  previousManifest: hash.nullable(),
  ruleset,
  rulesetHash: hash,
  inputs: z.strictObject({
    objects: count,
    bytes: count,
    events: count,
    accepted: count,
    rejected: count,
    duplicates: count,
    late: count,
    unmatched: count,
  }),
  totals: z.array(totals),
  root: hash,
  leaves: count,
  earningsRoot: hash,
  earnings: count,
  files: z.array(z.strictObject({ name: z.string(), sha256: digest, bytes: count })),
});

const objectSchema: z.ZodType<ObjectLine> = z.strictObject({
  key: z.string(),
  archiveKey: z.string(),
  sha256: digest,
  bytes: count,
  events: count,
  accepted: count,
  rejected: count,
  duplicates: count,
});

const earningSchema: z.ZodType<EarningLine> = z.strictObject({
  account: address,
  asset: address,
  partition: z.string(),
  events: count,
  gross: amount,
  commission: amount,
  earned: amount,
});

const leafSchema: z.ZodType<LeafLine> = z.strictObject({
  account: address,
  asset: address,
  cumulative: amount,
});
