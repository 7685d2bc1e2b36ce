import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { account, objectKey, uuid } from "./events.ts";

/** A JSON value whose integers may have any size. */
export type Value = null | boolean | number | bigint | string | Value[] | { [key: string]: Value };

/** Where an object or event comes from. */
export type Origin = { readonly nodeType: string; readonly region: string };

/** An object as it is written into the log. `elements` is undefined when its bytes are cut short. */
export type LogObject = {
  readonly key: string;
  readonly origin: Origin;
  readonly elements: readonly Value[] | undefined;
  readonly bytes: Uint8Array;
  readonly sha256: string;
};

/** Partitions that random logs use. */
export const origins: readonly Origin[] = [
  { nodeType: "transcode", region: "eu-central" },
  { nodeType: "transcode", region: "us-west" },
  { nodeType: "ai", region: "us-central" },
  { nodeType: "ai", region: "eu-central" },
];

const anyFees = fc.oneof(
  fc.constantFrom(0n, 1n, 3n, 1_200_003_600n, 12_000_000_000_000_001n, 10n ** 19n),
  fc.bigInt(1n, 10n ** 19n),
);
// Equal times, the edges of the correlation window of an hour, and days apart.
const anySecond = fc.constantFrom(0, 0, 1, 60, 1800, 3599, 3600, 3601, 7200, 10_800, 86_400, -86_400);

type Draft = {
  kind: number;
  label: number;
  origin: number;
  second: number;
  account: number;
  request: number;
  fees: bigint;
  dirt: number | undefined;
};

const anyDraft: fc.Arbitrary<Draft> = fc.record({
  kind: fc.nat(9),
  label: fc.nat(150),
  origin: fc.nat(origins.length - 1),
  second: anySecond,
  account: fc.nat(3),
  request: fc.nat(2),
  fees: anyFees,
  dirt: fc.nat(99).map((number) => (number > 85 ? number - 86 : undefined)),
});

/** A time of a random event, as seconds after 2025-11-05T15:00:00Z. */
function timeText(second: number): string {
  return new Date(Date.UTC(2025, 10, 5, 15) + second * 1000).toISOString().replace(".000", "");
}

function buildEvent(draft: Draft): Value {
  const origin = origins[draft.origin] ?? origins[0];
  const { nodeType = "", region = "" } = origin ?? {};
  const event = {
    DT: timeText(draft.second),
    EventType: "job-processed",
    // Not every producer writes UUIDs; an id is any text.
    ID: draft.label % 7 === 0 ? `job ${draft.label} "ü"` : uuid(`random ${draft.label}`),
    NodeType: nodeType,
    Payload: {} as { [key: string]: Value },
    Region: region,
    Version: 1,
  };
  const ethAddress = account(draft.account);
  const requestID = `0000000${draft.request}`;
  const money = { fees: draft.fees, computeUnits: draft.fees, pricePerComputeUnit: 1, responseTime: 240 };
  const connection = `203.0.113.${draft.request}:4000`;
  if (draft.kind === 0) Object.assign(event, { EventType: "orchestrator-reset" });
  else if (draft.kind === 1)
    Object.assign(event, { EventType: "worker-connected", Payload: { connection, ethAddress } });
  else if (draft.kind === 2)
    Object.assign(event, { EventType: "worker-disconnected", Payload: { connection, ethAddress } });
  else if (draft.kind === 3)
    Object.assign(event, {
      EventType: "ticket-redeemed",
      Payload: { faceValue: 2n ** 200n, txHash: "0x00" },
    });
  else if (nodeType === "transcode") event.Payload = { ...money, ethAddress };
  else if (draft.kind <= 5)
    Object.assign(event, { EventType: "job-received", Payload: { ethAddress, requestID } });
  else event.Payload = draft.kind === 9 ? { ...money, ethAddress } : { ...money, requestID };
  return draft.dirt === undefined ? event : soil(event, { dirt: draft.dirt, variety: draft.label });
}

/** One thing wrong, or unusual but right, with an event. */
function soil(
  event: { [key: string]: Value; Payload: { [key: string]: Value } },
  { dirt, variety }: { dirt: number; variety: number },
): Value {
  const { Payload: payload } = event;
  const { ethAddress } = payload;
  const withPayload = (changes: { [key: string]: Value }): Value => ({
    ...event,
    Payload: { ...payload, ...changes },
  });
  const without = (name: string): Value => {
    const { [name]: _, ...rest } = payload;
    return { ...event, Payload: rest };
  };
  switch (dirt) {
    case 0:
      return [null, 7, "text", [event]][variety % 4] ?? null;
    case 1:
      return { ...event, ID: "" };
    case 2:
      return { ...event, Version: 2 };
    case 3:
      return { ...event, EventType: "mystery" };
    case 4:
      return { ...event, DT: "2025-11-05 15:00" };
    case 5:
      return without("ethAddress");
    case 6:
      return withPayload({ ethAddress: "0xAb5801a7D398351b8bE11C439e05C5B3259aeC9b" });
    case 7:
      return withPayload({ fees: -1 });
    case 8:
      return withPayload({ fees: 10n ** 19n + 1n });
    case 9:
      return withPayload({ pricePerComputeUnit: 2, computeUnits: 10n ** 18n + 1n });
    case 10:
      return without("requestID");
    case 11:
      return withPayload({ fees: String(payload.fees ?? 5) });
    case 12:
      return typeof ethAddress === "string" ? withPayload({ ethAddress: ethAddress.toLowerCase() }) : event;
    default:
      return { ...event, DT: String(event.DT).replace("Z", "+02:00") };
  }
}

type ObjectDraft = {
  origin: number;
  name: number;
  style: number;
  picks: { event: number; stray: boolean }[];
};

const anyObjectDraft: fc.Arbitrary<ObjectDraft> = fc.record({
  origin: fc.nat(origins.length - 1),
  name: fc.nat(3),
  style: fc.nat(9),
  picks: fc.array(fc.record({ event: fc.nat(1000), stray: fc.nat(39).map((number) => number === 39) }), {
    maxLength: 10,
    size: "max",
  }),
});

/**
 * Any log: objects of a common stock of events, so that events repeat inside objects, across objects and partitions,
 * ids are used twice with other contents, keys are overwritten, objects are cut short.
 */
export function anyLog(sizes: { objects: number; events?: number }): fc.Arbitrary<LogObject[]> {
  return fc
    .record({
      drafts: fc.array(anyDraft, { minLength: 10, maxLength: sizes.events ?? 40, size: "max" }),
      objects: fc.array(anyObjectDraft, { minLength: 2, maxLength: sizes.objects, size: "max" }),
    })
    .map(({ drafts, objects }) => {
      const stock = drafts.map((draft) => ({ origin: draft.origin, event: buildEvent(draft) }));
      const log = objects.map((draft) => buildObject(draft, stock));
      return [...new Map(log.map((object) => [`${object.key} ${object.sha256}`, object])).values()];
    });
}

function buildObject(draft: ObjectDraft, stock: readonly { origin: number; event: Value }[]): LogObject {
  const origin = origins[draft.origin] ?? { nodeType: "", region: "" };
  const own = stock.filter((item) => item.origin === draft.origin);
  const elements = draft.picks.flatMap(({ event, stray }) => {
    const among = stray ? stock : own;
    const picked = among[event % Math.max(among.length, 1)];
    return picked === undefined ? [] : [picked.event];
  });
  const key = objectKey(origin.nodeType, origin.region, `2025110${draft.name}T000000Z_x`);
  return logObject({ key, origin, elements, style: draft.style });
}

/** An object with its elements written in one of ten styles; the last is cut short. */
export function logObject(object: {
  key: string;
  origin: Origin;
  elements: readonly Value[];
  style: number;
}): LogObject {
  const { key, origin, style } = object;
  const reversed = style % 3 === 1;
  const lines = object.elements.map((element) => jsonText(element, { reversed, respelled: style % 4 === 3 }));
  const array = style % 2 === 0 ? `[${lines.join(",")}]` : ` [\n  ${lines.join(",\r\n\t")}\n]\n`;
  const plain = Buffer.from(style === 9 ? array.trimEnd().slice(0, -1) : array);
  const bytes = style === 8 ? gzipSync(plain) : plain;
  const elements = style === 9 ? undefined : object.elements;
  return { key, origin, elements, bytes, sha256: createHash("sha256").update(bytes).digest("hex") };
}

/** JSON text; the same value in other words when its keys are reversed or its harmless numbers spelled otherwise. */
export function jsonText(value: Value, style: { reversed: boolean; respelled: boolean }): string {
  if (typeof value === "bigint") return value.toString();
  if (Array.isArray(value)) return `[${value.map((item) => jsonText(item, style)).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(([name, item]) => {
    const text = name === "responseTime" && style.respelled ? `${item}.0e0` : jsonText(item, style);
    return `${JSON.stringify(name)}:${text}`;
  });
  return `{${(style.reversed ? members.reverse() : members).join(",")}}`;
}
