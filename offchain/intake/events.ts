import { contentDigest } from "../core/digest.ts";
import { type EventRejection, eventRules, isRejection, parseEvent } from "../core/event.ts";
import { isJsonObject, type Json, type JsonObject } from "../core/json.ts";
import { encodeJson } from "../core/json-text.ts";
import { decodeElements } from "../core/object.ts";
import { type Partition, partitionName } from "../core/partition.ts";
import type { Ruleset } from "../core/ruleset.ts";
import { PayrootError } from "../errors.ts";

/** An event that the ledger will take: its place in the request, and its text for the log. */
export type CheckedEvent = {
  readonly position: number;
  readonly id: string;
  /** Equal for equal contents. */
  readonly digest: string;
  /** Its DT, ms since 1970. */
  readonly time: number;
  readonly partition: Partition;
  readonly text: string;
};

/** A refused event and its place in the request. */
export type RefusedEvent = EventRejection & { readonly position: number };

/** What events are judged by. */
export type EventsContext = {
  readonly ruleset: Ruleset;
  /** The only partitions that are read; all when undefined. */
  readonly partitions: readonly Partition[] | undefined;
};

/** What one request may hold. */
export const requestLimits = { events: 10_000, partitions: 32, decodedBytes: 8 << 20 } as const;

/** The elements of a request's body: a JSON array or NDJSON, gzipped or not. Throws `intake-body-invalid`, `intake-body-too-large`. */
export function readElements(body: Uint8Array): readonly Json[] {
  const maxBytes = requestLimits.decodedBytes;
  // Told that lines are meant, it takes a text that begins with an object for lines of events.
  const elements = decodeElements(body, { key: ".ndjson", maxBytes });
  if (!Array.isArray(elements)) {
    throw elements.reason === "object-too-large" ? bodyTooLarge(maxBytes) : bodyInvalid(elements.detail);
  }
  if (elements.length === 0) throw bodyInvalid("no events");
  if (elements.length > requestLimits.events) throw bodyTooLarge(requestLimits.events, "events");
  return elements;
}

/** Judges the events as ingest will. Throws `intake-events-refused` with every refused one, `intake-body-too-large`. */
export function checkEvents(elements: readonly Json[], context: EventsContext): readonly CheckedEvent[] {
  const rules = eventRules(context.ruleset);
  const events: CheckedEvent[] = [];
  const refused: RefusedEvent[] = [];
  const digests = new Map<string, string>();
  for (const [position, element] of elements.entries()) {
    const place = partitionOf(element);
    const parsed = parseEvent(element, { partition: place, rules });
    const fault = isRejection(parsed) ? parsed : placeFault(place, parsed.id, context.partitions);
    if (fault !== undefined) {
      refused.push({ position, ...fault });
      continue;
    }
    const { id, time } = parsed as Exclude<typeof parsed, EventRejection>;
    const digest = contentDigest(element as JsonObject);
    if ((digests.get(id) ?? digest) !== digest) {
      refused.push({ position, ...conflict(id, "another event of this request") });
      continue;
    }
    digests.set(id, digest);
    events.push({ position, id, digest, time, partition: place, text: encodeJson(element) });
  }
  if (refused.length > 0) throw new EventsRefused(refused);
  const places = new Set(events.map(({ partition }) => partitionName(partition)));
  if (places.size > requestLimits.partitions) throw bodyTooLarge(requestLimits.partitions, "partitions");
  return events;
}

/** The refusal of an event whose ID stands for something else already. */
export function conflict(id: string, other: string): EventRejection {
  return { id, reason: "conflicting-duplicate", detail: `${other} has this ID and other content` };
}

function partitionOf(element: Json): Partition {
  if (!isJsonObject(element)) return { region: "", nodeType: "" };
  const { Region: region, NodeType: nodeType } = element;
  return {
    region: typeof region === "string" ? region : "",
    nodeType: typeof nodeType === "string" ? nodeType : "",
  };
}

/** Why the ledger would never read an event of this partition. */
function placeFault(
  partition: Partition,
  id: string,
  read: readonly Partition[] | undefined,
): EventRejection | undefined {
  const { region, nodeType } = partition;
  const reject = (detail: string): EventRejection => ({ id, reason: "wrong-partition", detail });
  // Both are folders of the log, where a name that begins with a dot is hidden.
  if (![region, nodeType].every((name) => /^[\w-][\w.-]{0,63}$/.test(name))) {
    return reject("Region and NodeType are 1 to 64 of A-Z a-z 0-9 . _ - and do not begin with a dot");
  }
  const name = partitionName(partition);
  const known = read === undefined || read.some((one) => partitionName(one) === name);
  return known ? undefined : reject(`${name} is not a partition that this pool reads`);
}

/** Some events of a request will never count (`intake-events-refused`); none of the request was stored. */
export class EventsRefused extends PayrootError {
  readonly refused: readonly RefusedEvent[];

  constructor(refused: readonly RefusedEvent[]) {
    super("intake-events-refused", "Events of the request are not as they must be; none of it was stored.", {
      facts: { refused: refused.length },
      next: "correct or leave out the refused events, and send the request again, signed anew",
    });
    this.refused = refused;
  }
}

/** The body is no list of events (`intake-body-invalid`). */
export function bodyInvalid(detail: string): PayrootError {
  return new PayrootError(
    "intake-body-invalid",
    "The body of the request cannot be used; nothing was stored.",
    {
      facts: { found: detail },
      next: "send what the intake's guide says, as UTF-8, gzipped or not",
    },
  );
}

/** There is more in the body than one request may have (`intake-body-too-large`). */
export function bodyTooLarge(most: number, unit = "bytes"): PayrootError {
  return new PayrootError("intake-body-too-large", "The request is too large; nothing was stored.", {
    facts: { most, unit },
    next: "send less in one request",
  });
}
