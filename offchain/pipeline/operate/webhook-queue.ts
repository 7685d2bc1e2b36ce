import { put, walk } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import { type WebhookDelivery, type WebhookRecord, webhooks } from "../../store/ops-keys.ts";

/** A message that a receiver waits for; `createdAt` in ms since 1970. */
export type WaitingMessage = {
  readonly id: string;
  readonly body: string;
  readonly createdAt: number;
  readonly delivery: WebhookDelivery;
};

/** What receivers are still to be told, and what they were; every change is durable when it resolves. */
export type WebhookQueue = {
  /** Whether nothing was ever queued. */
  readonly isNew: () => boolean;
  readonly has: (id: string) => boolean;
  readonly add: (messages: ReadonlyMap<string, WebhookRecord>) => Promise<void>;
  readonly settle: (id: string, delivery: WebhookDelivery) => Promise<void>;
  /** What the receiver waits for that is due first. */
  readonly next: (receiver: string) => WaitingMessage | undefined;
  readonly count: (receiver: string, state: WebhookDelivery["state"]) => number;
};

/** Opens the queue that a ledger keeps. */
export async function openWebhookQueue(store: LedgerStore): Promise<WebhookQueue> {
  const records = new Map<string, WebhookRecord>();
  for await (const { key, value } of walk(store, webhooks)) records.set(key, value);
  // One change after the other: two receivers of one message change the same record.
  let last: Promise<void> = Promise.resolve();
  const change = (made: () => ReadonlyMap<string, WebhookRecord>): Promise<void> => {
    const changing = last.then(async () => {
      const messages = made();
      const writes = [...messages].map(([id, record]) => put(webhooks, id, record));
      await store.write(writes, { durable: true });
      for (const [id, record] of messages) records.set(id, record);
    });
    last = changing.catch(() => undefined);
    return changing;
  };
  return {
    add: (messages) => change(() => messages),
    isNew: () => records.size === 0,
    has: (id) => records.has(id),
    settle: (id, delivery) =>
      change(() => {
        const record = records.get(id);
        if (record === undefined) return new Map();
        const deliveries = record.deliveries.map((known) =>
          known.receiver === delivery.receiver ? delivery : known,
        );
        const done = deliveries.every(({ state }) => state !== "waiting");
        return new Map([[id, { ...record, deliveries, body: done ? "" : record.body }]]);
      }),
    next: (receiver) => {
      let first: WaitingMessage | undefined;
      for (const [id, { body, createdAt, deliveries }] of records) {
        const delivery = deliveries.find((one) => one.receiver === receiver && one.state === "waiting");
        if (delivery === undefined) continue;
        if (first === undefined || delivery.nextAttempt < first.delivery.nextAttempt)
          first = { id, body, createdAt, delivery };
      }
      return first;
    },
    count: (receiver, state) => {
      const all = [...records.values()].flatMap(({ deliveries }) => deliveries);
      return all.filter((one) => one.receiver === receiver && one.state === state).length;
    },
  };
}
