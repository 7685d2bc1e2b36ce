import { type Address, addressFault, parseAddress } from "./address.ts";
import { isJsonObject, type Json, type JsonObject } from "./json.ts";
import type { Partition } from "./partition.ts";
import type { Ruleset } from "./ruleset.ts";
import { parseTime } from "./time.ts";
import { type JobWork, readWork } from "./work.ts";

/** Why an event earns nothing, in the order in which the reasons are tried. */
export const eventRejectionReasons = [
  "malformed",
  "unsupported-version",
  "unknown-type",
  "invalid-timestamp",
  "wrong-partition",
  "missing-address",
  "invalid-address",
  "invalid-amount",
  "amount-over-limit",
  "fee-mismatch",
  "conflicting-duplicate",
] as const;

/** One of `eventRejectionReasons`. */
export type EventRejectionReason = (typeof eventRejectionReasons)[number];

/** A refused event: its id where it has one, the reason, and a detail that depends on the event alone. */
export type EventRejection = {
  readonly id: string | null;
  readonly reason: EventRejectionReason;
  readonly detail: string;
};

/** What an accepted event does to the ledger. Fees in wei. */
export type Effect =
  | { readonly kind: "none" }
  | { readonly kind: "reset" }
  | { readonly kind: "job"; readonly account: Address; readonly feesWei: bigint }
  | { readonly kind: "ai-job"; readonly requestID: string; readonly feesWei: bigint }
  | { readonly kind: "ai-receipt"; readonly requestID: string; readonly account: Address }
  | { readonly kind: "connected" | "disconnected"; readonly account: Address; readonly connection: string };

/**
 * A well-formed event: its id, time (ms since 1970), effect, and of a job its work. Whether it counts, its other
 * versions decide.
 */
export type Event = {
  readonly id: string;
  readonly time: number;
  readonly effect: Effect;
  readonly work: JobWork | undefined;
};

/** Tells a well-formed event from a refused one. */
export function isRejection(parsed: Event | EventRejection): parsed is EventRejection {
  return "reason" in parsed;
}

/** Reads one element of an object by the rules of its partition: an event, or why it is refused. */
export function parseEvent(
  element: Json,
  context: { partition: Partition; rules: EventRules },
): Event | EventRejection {
  const envelope = readEnvelope(element);
  if ("reason" in envelope) return envelope;
  const { ID: id, Payload: payload } = envelope;
  const reject = (reason: EventRejectionReason, detail: string): EventRejection => ({ id, reason, detail });

  const missing = missingField(envelope);
  if (missing !== undefined) return reject("malformed", missing);
  if (envelope.Version !== 1)
    return reject("unsupported-version", `Version ${excerpt(envelope.Version)}, expected 1`);
  if (!eventTypes.has(envelope.EventType))
    return reject("unknown-type", `EventType ${excerpt(envelope.EventType)}`);
  const time = parseTime(envelope.DT);
  if (time === undefined)
    return reject("invalid-timestamp", `DT ${excerpt(envelope.DT)}, expected RFC 3339 with a zone`);
  const { partition } = context;
  if (envelope.Region !== partition.region || envelope.NodeType !== partition.nodeType) {
    const given = `${excerpt(envelope.NodeType)}|${excerpt(envelope.Region)}`;
    return reject("wrong-partition", `${given}, in an object of ${partition.nodeType}|${partition.region}`);
  }

  let account: Address | undefined;
  const address = payload.ethAddress ?? undefined;
  if (address === undefined) {
    if (namesWorker(envelope)) return reject("missing-address", "no ethAddress");
  } else if (workerEvents.has(envelope.EventType)) {
    account = typeof address === "string" ? parseAddress(address) : undefined;
    if (account === undefined) {
      const fault = typeof address === "string" ? addressFault(address) : "not a string";
      return reject("invalid-address", `ethAddress ${excerpt(address)}: ${fault}`);
    }
  }

  if (envelope.EventType !== "job-processed") {
    return { id, time, effect: effectOf(envelope, { account, feesWei: 0n }), work: undefined };
  }
  const feesWei = readFees(payload, context.rules);
  if (typeof feesWei !== "bigint") return reject(feesWei.reason, feesWei.detail);
  const work = readWork(payload, partition.nodeType);
  return { id, time, effect: effectOf(envelope, { account, feesWei }), work };
}

/** The rules that decide over a single event. */
export type EventRules = { readonly maxEventFeeWei: bigint };

/** The rules of a ruleset that decide over a single event. */
export function eventRules(ruleset: Ruleset): EventRules {
  return { maxEventFeeWei: BigInt(ruleset.maxEventFeeWei) };
}

type Envelope = {
  DT: string;
  EventType: string;
  ID: string;
  NodeType: string;
  Payload: JsonObject;
  Region: string;
  Version: number | bigint;
};

const resets = new Set(["orchestrator-reset", "gateway-reset", "node-reset"]);
const workerEvents = new Set(["worker-connected", "worker-disconnected", "job-received", "job-processed"]);
const eventTypes = new Set([...resets, ...workerEvents, "ticket-redeemed"]);
const deepestElement = 64;

function readEnvelope(element: Json): Envelope | EventRejection {
  if (!isJsonObject(element)) return { id: null, reason: "malformed", detail: "not an object" };
  const id = element.ID;
  const idGood = typeof id === "string" && id !== "" && id.isWellFormed();
  const reject = (detail: string): EventRejection => ({
    id: idGood ? id : null,
    reason: "malformed",
    detail,
  });
  if (!idGood) return reject("ID is not a non-empty string");
  for (const name of ["DT", "EventType", "NodeType", "Region"] as const) {
    if (typeof element[name] !== "string") return reject(`${name} is not a string`);
  }
  const version = element.Version;
  if (typeof version !== "number" && typeof version !== "bigint") return reject("Version is not an integer");
  if (!isJsonObject(element.Payload)) return reject("Payload is not an object");
  if (!isShallow(element, deepestElement)) return reject(`nested deeper than ${deepestElement} levels`);
  return element as Envelope;
}

/** Which payload field that money needs is missing, as a phrase. */
function missingField(envelope: Envelope): string | undefined {
  const { EventType: type, Payload: payload } = envelope;
  if (type === "job-processed" && payload.fees === undefined) return "no fees in Payload";
  if (type === "job-received" || (type === "job-processed" && needsPartner(envelope))) {
    return isText(payload.requestID) ? undefined : "no requestID in Payload";
  }
  if (type === "worker-connected" || type === "worker-disconnected") {
    return isText(payload.connection) ? undefined : "no connection in Payload";
  }
  if (type === "ticket-redeemed") {
    for (const name of ["faceValue", "txHash"]) {
      if (payload[name] === undefined || payload[name] === null) return `no ${name} in Payload`;
    }
  }
  return undefined;
}

/** An AI job without an address waits for the receipt that names its worker. */
function needsPartner(envelope: Envelope): boolean {
  return envelope.NodeType === "ai" && (envelope.Payload.ethAddress ?? undefined) === undefined;
}

function namesWorker(envelope: Envelope): boolean {
  if (envelope.EventType === "job-processed") return envelope.NodeType !== "ai";
  return workerEvents.has(envelope.EventType);
}

function readFees(
  payload: JsonObject,
  rules: EventRules,
): bigint | { reason: "invalid-amount" | "amount-over-limit" | "fee-mismatch"; detail: string } {
  const { fees, pricePerComputeUnit: price, computeUnits: units } = payload;
  const feesWei = readAmount(fees);
  if (feesWei === undefined) {
    return {
      reason: "invalid-amount",
      detail: `fees ${excerpt(fees)}, expected a non-negative integer of wei`,
    };
  }
  if (feesWei > rules.maxEventFeeWei) {
    return {
      reason: "amount-over-limit",
      detail: `fees ${excerpt(fees)} wei, limit ${rules.maxEventFeeWei} wei`,
    };
  }
  if (isInteger(price) && isInteger(units) && BigInt(price) * BigInt(units) !== feesWei) {
    const detail = `price ${excerpt(price)} × units ${excerpt(units)} is not fees ${feesWei} wei`;
    return { reason: "fee-mismatch", detail };
  }
  return feesWei;
}

/** A plain non-negative integer: a JSON integer, or a string of digits. */
function readAmount(value: Json | undefined): bigint | undefined {
  if (typeof value === "number") return value >= 0 ? BigInt(value) : undefined;
  if (typeof value === "bigint") return value >= 0n ? value : undefined;
  if (typeof value !== "string" || !/^\d+$/.test(value)) return undefined;
  // Far beyond any limit; the exact value of a million digits is not worth its time.
  const digits = value.replace(/^0+(?=\d)/, "");
  return BigInt(digits.length > 100 ? `1${"0".repeat(100)}` : digits);
}

function effectOf(envelope: Envelope, money: { account: Address | undefined; feesWei: bigint }): Effect {
  const { EventType: type, Payload: payload } = envelope;
  const { account, feesWei } = money;
  if (resets.has(type)) return { kind: "reset" };
  if (type === "job-processed") {
    if (account !== undefined) return { kind: "job", account, feesWei };
    return { kind: "ai-job", requestID: String(payload.requestID), feesWei };
  }
  if (account === undefined) return { kind: "none" };
  if (type === "job-received") return { kind: "ai-receipt", requestID: String(payload.requestID), account };
  return {
    kind: type === "worker-connected" ? "connected" : "disconnected",
    account,
    connection: String(payload.connection),
  };
}

function isInteger(value: Json | undefined): value is number | bigint {
  return typeof value === "number" || typeof value === "bigint";
}

function isText(value: Json | undefined): value is string {
  return typeof value === "string" && value !== "" && value.isWellFormed();
}

function isShallow(value: Json, levels: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  if (levels === 0) return false;
  if (Array.isArray(value)) return value.every((item) => isShallow(item, levels - 1));
  if (!isJsonObject(value)) return true;
  for (const key in value) {
    const item = value[key];
    if (typeof item === "object" && !isShallow(item, levels - 1)) return false;
  }
  return true;
}

/** A short text of a given value, the same on every machine. */
function excerpt(value: Json | undefined): string {
  if (typeof value === "object" && value !== null) {
    return Array.isArray(value) ? "an array" : isJsonObject(value) ? "an object" : excerpt(value.text);
  }
  const text = String(value);
  return (text.length > 60 ? `${text.slice(0, 60)}…` : text).toWellFormed();
}
