import { randomUUID } from "node:crypto";
import { type Partition, partitionFolder, partitionName } from "../core/partition.ts";
import { PayrootError } from "../errors.ts";
import type { ObjectStore } from "../objects/object-store.ts";
import { bodyTooLarge, type CheckedEvent } from "./events.ts";
import type { NonceJournal, UsedNonce } from "./nonce-journal.ts";

/** The events of one request, its nonce, and how large an object with them may become. */
export type Delivery = {
  readonly nonce: UsedNonce;
  readonly events: readonly CheckedEvent[];
  readonly maxBytes: number;
};

/** Where batches go, and when one is full; `now` in ms since 1970. */
export type BatchOptions = {
  readonly log: Pick<ObjectStore, "put">;
  readonly journal: Pick<NonceJournal, "append">;
  /** How long the first request of a batch waits for others. */
  readonly gatherMilliseconds: number;
  readonly now: () => number;
};

/** Requests gathered for a moment become one object of each partition. */
export type Batches = {
  /** The keys of the objects that hold the events, once they are durable. Throws `intake-not-stored`, `intake-journal-failed`. */
  readonly add: (delivery: Delivery) => Promise<readonly string[]>;
  /** From now on nothing waits for more to come. */
  readonly hurry: () => void;
};

// What is around the events of an object.
const brackets = 4;

type Batch = {
  readonly begun: number;
  readonly deliveries: Delivery[];
  bytes: number;
  readonly timer: NodeJS.Timeout;
  readonly close: () => void;
  readonly stored: Promise<Stored>;
};
type Stored = ReadonlyMap<string, PromiseSettledResult<string>>;

/** Gathers what is added into objects of the log. */
export function createBatches(options: BatchOptions): Batches {
  let open: Batch | undefined;
  let hurried = false;
  const begin = (): Batch => {
    const { promise: closed, resolve: close } = Promise.withResolvers<void>();
    const stored = closed.then(() => {
      clearTimeout(batch.timer);
      if (open === batch) open = undefined;
      return store(batch, options);
    });
    const batch: Batch = {
      begun: options.now(),
      deliveries: [],
      bytes: 0,
      timer: setTimeout(close, options.gatherMilliseconds),
      close,
      stored,
    };
    return batch;
  };
  const finish = (batch: Batch): void => {
    open = undefined;
    batch.close();
  };
  return {
    async add(delivery) {
      const { maxBytes } = delivery;
      const bytes = delivery.events.reduce((sum, { text }) => sum + Buffer.byteLength(text) + 2, brackets);
      if (bytes > maxBytes) throw bodyTooLarge(maxBytes);
      if (open !== undefined && open.bytes + bytes > maxBytes) finish(open);
      open ??= begin();
      const batch = open;
      batch.deliveries.push(delivery);
      batch.bytes += bytes;
      if (hurried) finish(batch);
      return keysOf(delivery, await batch.stored);
    },
    hurry() {
      hurried = true;
      if (open !== undefined) finish(open);
    },
  };
}

/** Writes down the nonces, then stores the objects: what is in the log is never accepted a second time. */
async function store({ begun, deliveries }: Batch, options: BatchOptions): Promise<Stored> {
  await options.journal.append(deliveries.map(({ nonce }) => nonce));
  const objects = new Map<string, { partition: Partition; texts: string[] }>();
  for (const { partition, text } of deliveries.flatMap(({ events }) => events)) {
    const name = partitionName(partition);
    const object = objects.get(name) ?? { partition, texts: [] };
    objects.set(name, object);
    object.texts.push(text);
  }
  const times = `${stamp(begun)}_${stamp(options.now())}`;
  const puts = [...objects].map(async ([name, { partition, texts }]) => {
    const key = objectKey(partition, times);
    const bytes = Buffer.from(`[\n${texts.join(",\n")}\n]\n`);
    const [result] = await Promise.allSettled([
      options.log.put(key, bytes, { contentType: "application/json" }).then(() => key),
    ]);
    return [name, result] as const;
  });
  return new Map(await Promise.all(puts));
}

/**
 * The key of an object, told apart by a random UUID: nobody else writes it. Its times are those of the arrival, so that
 * polls find it however old its events are, and no event's DT can move where polls begin.
 */
function objectKey(partition: Partition, times: string): string {
  const { region, nodeType } = partition;
  return `${partitionFolder(partition)}${region}-${nodeType}-${times}-intake-${randomUUID()}.json`;
}

function stamp(time: number): string {
  return new Date(time).toISOString().replace(/[-:]|\.\d{3}/g, "");
}

function keysOf({ events }: Delivery, stored: Stored): readonly string[] {
  const names = new Set(events.map(({ partition }) => partitionName(partition)));
  return [...names].map((name) => {
    const result = stored.get(name);
    if (result?.status === "fulfilled") return result.value;
    throw notStored(result?.reason);
  });
}

function notStored(cause: unknown): PayrootError {
  return new PayrootError("intake-not-stored", "The event log did not take the events.", {
    facts: { reason: cause instanceof PayrootError ? `${cause.message} [${cause.code}]` : "unforeseen" },
    next: "send the same events again, signed anew: what was stored after all counts once",
    retryable: true,
    cause,
  });
}
