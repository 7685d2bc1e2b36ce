import { isAscii, isUtf8 } from "node:buffer";
import { gunzipSync } from "node:zlib";
import { contentDigest } from "./digest.ts";
import { type Event, type EventRejection, eventRules, isRejection, parseEvent } from "./event.ts";
import { decodeJson, isJsonObject, type Json, type JsonObject } from "./json.ts";
import type { Partition } from "./partition.ts";
import type { Ruleset } from "./ruleset.ts";

/** Why a whole object contributes nothing. */
export type ObjectRejection = {
  readonly reason: "object-malformed" | "object-too-large";
  readonly detail: string;
};

/** A well-formed event in its object: `digest` is equal for equal contents. */
export type PlacedEvent = Event & { readonly position: number; readonly digest: string };

/** A refused event in its object. */
export type PlacedRejection = EventRejection & { readonly position: number };

/** What an object says: its number of elements, and each as a well-formed or a refused event. */
export type ParsedObject = {
  readonly elements: number;
  readonly events: readonly PlacedEvent[];
  readonly rejections: readonly PlacedRejection[];
};

/** Reads the bytes of an event object, as stored, by the rules; depends on nothing else. */
export function parseObject(bytes: Uint8Array, context: ObjectContext): ParsedObject | ObjectRejection {
  const steps = parseSteps(bytes, context);
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  return step.value;
}

/** The partition of an object and the rules it is read by; its key only tells NDJSON. */
export type ObjectContext = {
  readonly key: string;
  readonly partition: Partition;
  readonly ruleset: Ruleset;
};

/** `parseObject` in steps of a few milliseconds, between which a caller can let other work go on. */
export function* parseSteps(
  bytes: Uint8Array,
  context: ObjectContext,
): Generator<void, ParsedObject | ObjectRejection, void> {
  const elements = decodeElements(bytes, { key: context.key, maxBytes: context.ruleset.maxObjectBytes });
  if (!Array.isArray(elements)) return elements;
  const rules = eventRules(context.ruleset);
  const events: PlacedEvent[] = [];
  const rejections: PlacedRejection[] = [];
  for (let position = 0; position < elements.length; position++) {
    if (position % elementsInAStep === 0) yield;
    const element = elements[position] as Json;
    const parsed = parseEvent(element, { partition: context.partition, rules });
    if (isRejection(parsed)) rejections.push({ position, ...parsed });
    else {
      const { id, time, effect, work } = parsed;
      events.push({ position, digest: contentDigest(element as JsonObject), id, time, effect, work });
    }
  }
  return { elements: elements.length, events, rejections };
}

const elementsInAStep = 1000;

/** The elements of an event object: a JSON array or NDJSON, gzipped or not; or why it has none. */
export function decodeElements(
  bytes: Uint8Array,
  options: { key: string; maxBytes: number },
): Json[] | ObjectRejection {
  const plain = isGzip(bytes) ? inflate(bytes, options.maxBytes) : bytes;
  if (!(plain instanceof Uint8Array)) return plain;
  if (plain.length > options.maxBytes) return tooLarge(options.maxBytes);
  if (!isUtf8(plain)) return malformed("not UTF-8 text");
  // ASCII, which is the same in both, is read faster as Latin-1.
  const text = Buffer.from(plain.buffer, plain.byteOffset, plain.length)
    .toString(isAscii(plain) ? "latin1" : "utf8")
    .replace(/^\uFEFF/, "");
  try {
    if (/^[ \t\n\r]*\{/.test(text)) {
      const lines = decodeLines(text, options.key);
      return lines ?? malformed("not an array");
    }
    const value = decodeJson(text);
    return Array.isArray(value) ? value : malformed("not an array");
  } catch (error) {
    if (error instanceof SyntaxError) return malformed("not JSON, or cut short");
    throw error;
  }
}

/** The values of an NDJSON text, or undefined when neither its key nor its first line says that it is one. */
function decodeLines(text: string, key: string): Json[] | undefined {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const named = /\.(?:ndjson|jsonl)(?:\.gz)?$/.test(key);
  if (!named && !startsWithEvent(lines[0] ?? "")) return undefined;
  return lines.map(decodeJson);
}

function startsWithEvent(line: string): boolean {
  try {
    const value = decodeJson(line);
    return isJsonObject(value) && value.EventType !== undefined;
  } catch {
    return false;
  }
}

// Neither JSON nor NDJSON can begin with the gzip magic, so the bytes tell, whatever key or header say.
function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

function inflate(bytes: Uint8Array, maxBytes: number): Uint8Array | ObjectRejection {
  try {
    return gunzipSync(bytes, { maxOutputLength: maxBytes });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    return code === "ERR_BUFFER_TOO_LARGE" ? tooLarge(maxBytes) : malformed("not gzip, or cut short");
  }
}

function malformed(detail: string): ObjectRejection {
  return { reason: "object-malformed", detail };
}

function tooLarge(limit: number): ObjectRejection {
  return { reason: "object-too-large", detail: `more than ${limit} bytes` };
}
