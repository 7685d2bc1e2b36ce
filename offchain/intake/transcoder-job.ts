import { parseAddress } from "../core/address.ts";
import { contentDigest } from "../core/digest.ts";
import { sha256Hex } from "../core/hash.ts";
import { decodeJson, isJsonObject, type Json, JsonDecimal, type JsonObject } from "../core/json.ts";
import { formatTime } from "../core/time.ts";
import { bodyInvalid } from "./events.ts";

/** A job of an earlier pool's client: its fields with their types, those that it does not have left out. */
export type TranscoderJob = {
  readonly transcoder: Json;
  readonly faceValue: Json;
  readonly pixels?: number | bigint;
  /** Seconds. */
  readonly duration?: JsonDecimal;
  readonly profiles?: number | bigint;
  readonly roundJob?: number | bigint;
  readonly txHash?: string;
  /** What else the client sent. */
  readonly further?: JsonObject;
};

/** Reads `jobDetails`: the member of a JSON object, or the field of a form. Throws `intake-body-invalid`. */
export function readTranscoderJob(body: Uint8Array): TranscoderJob {
  const { transcoder, faceValue, pixels, duration, profiles, roundJob, txHash, ...further } =
    jobDetails(body);
  return {
    // Whether these two are good, the ledger's own rules say.
    transcoder:
      typeof transcoder === "string" ? (parseAddress(transcoder) ?? transcoder) : (transcoder ?? null),
    faceValue:
      typeof faceValue === "string" && integerText.test(faceValue) ? BigInt(faceValue) : (faceValue ?? null),
    ...optional("pixels", pixels, readInteger),
    ...optional("duration", duration, readDecimal),
    ...optional("profiles", profiles, readInteger),
    ...optional("roundJob", roundJob, readInteger),
    ...optional("txHash", txHash, readText),
    ...(Object.keys(further).length > 0 ? { further } : {}),
  };
}

/** The ID of the event of a job, the same for the same job of the same producer: a UUID made of both (RFC 9562, version 8). */
export function jobId(job: TranscoderJob, producer: string): string {
  const hex = sha256Hex(
    Buffer.from(`transcoder job\n${producer}\n${contentDigest({ ...job } as JsonObject)}`),
  );
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 3) | 8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join("-");
}

/** The event that pays a job: pixels are its compute units, the face value its fees. `time` is its DT, ms since 1970. */
export function jobEvent(
  job: TranscoderJob,
  event: { id: string; region: string; time: number },
): JsonObject {
  const { transcoder, faceValue, pixels, duration, ...rest } = job;
  return {
    DT: formatTime(event.time),
    EventType: "job-processed",
    ID: event.id,
    NodeType: "transcode",
    Payload: {
      ethAddress: transcoder,
      fees: faceValue,
      ...(pixels === undefined ? {} : { computeUnits: pixels }),
      ...(duration === undefined ? {} : { duration: milliseconds(duration) }),
      ...rest,
    },
    Region: event.region,
    Version: 1,
  };
}

const integerText = /^\d{1,100}$/;
const decimalText = /^(\d{1,9})(?:\.(\d{1,30}))?$/;

function jobDetails(body: Uint8Array): JsonObject {
  const text = textOf(body);
  const value = /^\s*\{/.test(text)
    ? decode(text)
    : { jobDetails: new URLSearchParams(text).get("jobDetails") };
  const given = isJsonObject(value) ? value.jobDetails : undefined;
  const details = typeof given === "string" ? decode(given) : given;
  if (!isJsonObject(details)) throw bodyInvalid("no jobDetails, a JSON object");
  return details;
}

function textOf(body: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    throw bodyInvalid("not UTF-8 text");
  }
}

function decode(text: string): Json {
  try {
    return decodeJson(text);
  } catch (error) {
    if (error instanceof SyntaxError) throw bodyInvalid("not JSON, or cut short");
    throw error;
  }
}

/** A field that the job need not have. */
function optional<Name extends string, T>(name: Name, value: Json | undefined, read: (value: Json) => T) {
  return (value === undefined || value === null ? {} : { [name]: read(value) }) as {
    readonly [N in Name]?: T;
  };
}

function readInteger(value: Json): number | bigint {
  const read = typeof value === "string" && integerText.test(value) ? BigInt(value) : value;
  if ((typeof read === "number" || typeof read === "bigint") && read >= 0) {
    return read <= Number.MAX_SAFE_INTEGER ? Number(read) : read;
  }
  throw bodyInvalid("pixels, profiles or roundJob that are no whole number");
}

/** A length of time in seconds, exact. */
function readDecimal(value: Json): JsonDecimal {
  const text = value instanceof JsonDecimal ? value.text : String(value);
  if (!decimalText.test(text)) throw bodyInvalid("a duration that is no decimal number of seconds");
  return new JsonDecimal(text);
}

/** Whole milliseconds of seconds; what is finer is cut off. */
function milliseconds(seconds: JsonDecimal): number {
  const [whole = "", fraction = ""] = seconds.text.split(".");
  return Number(`${whole}${fraction.slice(0, 3).padEnd(3, "0")}`);
}

function readText(value: Json): string {
  if (typeof value === "string" && value.length <= 200 && value.isWellFormed()) return value;
  throw bodyInvalid("a txHash that is no text");
}
