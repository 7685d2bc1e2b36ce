import { setTimeout as pause } from "node:timers/promises";
import { sha256Hex } from "../../core/hash.ts";
import { messageOf } from "../../errors.ts";
import type { WebhookDelivery, WebhookRecord } from "../../store/ops-keys.ts";
import { messageOfEvent, type WebhookEvent } from "./webhook-events.ts";
import type { WaitingMessage, WebhookQueue } from "./webhook-queue.ts";
import type { WebhookSender } from "./webhook-send.ts";

/** How messages are told; `now` in ms since 1970, `random` from 0 to 1. */
export type OutboxOptions = {
  readonly urls: readonly string[];
  /** At the first call of `announce` ever, what is so of epochs before this one is known and not told. */
  readonly firstEpoch: number;
  readonly send: WebhookSender;
  readonly now: () => number;
  readonly random: () => number;
  /** Told of each attempt that failed, and whether the message is given up with it. */
  readonly onFailure: (failure: WebhookFailure) => void;
};

/** An attempt that failed; receivers are numbered as configured, from 1. */
export type WebhookFailure = {
  readonly receiver: number;
  readonly id: string;
  readonly attempts: number;
  readonly reason: string;
  readonly dropped: boolean;
};

/** How many messages are in which state with a receiver. */
export type WebhookCounts = Readonly<Record<WebhookDelivery["state"], number>> & {
  readonly receiver: number;
};

/** Tells receivers of events, each at least once, whatever stops in between. */
export type Outbox = {
  /** Takes in what is new among events, newest first; durable when it resolves. */
  readonly announce: (events: AsyncIterable<WebhookEvent>) => Promise<void>;
  /** Sends until `signal` aborts; what is under way then is sent again at the next start. */
  readonly run: (signal: AbortSignal) => Promise<void>;
  readonly counts: () => readonly WebhookCounts[];
};

/** After so long a message that a receiver never took is given up. */
export const givenUpAfterMs = 5 * 86_400_000;

const firstPauseMs = 5_000;
const longestPauseMs = 6 * 3_600_000;

/** The pause after so many attempts: twice as long each time up to six hours, up to half of it taken off by chance. */
export function pauseMs(attempts: number, random: () => number): number {
  const full = Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(attempts - 1, 20));
  return Math.round(full * (1 - random() / 2));
}

type Receiver = { readonly url: string; readonly number: number; readonly name: string };

/** Makes an outbox over a queue. */
export function createOutbox(queue: WebhookQueue, options: OutboxOptions): Outbox {
  const { urls, firstEpoch, now } = options;
  // Addresses may hold secrets; the ledger and its copies know receivers by a hash.
  const receivers = urls.map((url, index): Receiver => {
    return { url, number: index + 1, name: sha256Hex(Buffer.from(url)).slice(0, 16) };
  });
  let wake = new AbortController();
  return {
    announce: async (events) => {
      const first = queue.isNew();
      const fresh = new Map<string, WebhookRecord>();
      for await (const event of events) {
        const { id, body } = messageOfEvent(event, now());
        // Everything older was there when this was told.
        if (queue.has(id) && event.topic === "epoch.claimable") break;
        if (queue.has(id)) continue;
        const due = { state: "waiting", attempts: 0, nextAttempt: now() } as const;
        // Whoever begins to listen is not told of years.
        const old = first && Number(event.facts.epoch) < firstEpoch;
        const deliveries = old ? [] : receivers.map(({ name }) => ({ receiver: name, ...due }));
        fresh.set(id, { body: old ? "" : body, createdAt: now(), deliveries });
      }
      if (first) fresh.set("begun", { body: "", createdAt: now(), deliveries: [] });
      if (fresh.size === 0) return;
      // Of several, the oldest is told first.
      await queue.add(new Map([...fresh].reverse()));
      wake.abort();
      wake = new AbortController();
    },
    run: async (signal) => {
      const waking = (): AbortSignal => AbortSignal.any([signal, wake.signal]);
      await Promise.all(receivers.map((receiver) => serve(queue, receiver, { ...options, signal, waking })));
    },
    counts: () =>
      receivers.map(({ number, name }) => {
        const of = (state: WebhookDelivery["state"]): number => queue.count(name, state);
        const [waiting, delivered, dropped] = [of("waiting"), of("delivered"), of("dropped")];
        return { receiver: number, waiting, delivered, dropped };
      }),
  };
}

type Serving = OutboxOptions & { readonly signal: AbortSignal; readonly waking: () => AbortSignal };

/** The loop of one receiver: each has its own, so that one that hangs keeps nobody waiting. */
async function serve(queue: WebhookQueue, receiver: Receiver, options: Serving): Promise<void> {
  const { signal, waking, now, onFailure } = options;
  while (!signal.aborted) {
    const next = queue.next(receiver.name);
    const wait = next === undefined ? longestPauseMs : next.delivery.nextAttempt - now();
    if (next === undefined || wait > 0) {
      const pausing = pause(Math.min(wait, longestPauseMs), undefined, { signal: waking() });
      await pausing.catch(() => undefined);
      continue;
    }
    try {
      await attempt(queue, { receiver, next }, options);
    } catch (error) {
      if (signal.aborted) return;
      const { id, delivery } = next;
      const about = { receiver: receiver.number, id, attempts: delivery.attempts, dropped: false };
      onFailure({ ...about, reason: messageOf(error) });
      // What cannot be noted, as on a full disk, would be sent again at once.
      await pause(firstPauseMs, undefined, { signal }).catch(() => undefined);
    }
  }
}

async function attempt(
  queue: WebhookQueue,
  { receiver, next }: { readonly receiver: Receiver; readonly next: WaitingMessage },
  { send, now, random, onFailure, signal }: Serving,
): Promise<void> {
  const { id, body, createdAt, delivery } = next;
  const outcome = await send(receiver.url, { id, body }, { signal });
  const attempts = delivery.attempts + 1;
  if (outcome.kind === "delivered") {
    await queue.settle(id, { ...delivery, state: "delivered", attempts });
    return;
  }
  const { kind, reason } = outcome;
  const dropped = kind === "gone" || now() - createdAt >= givenUpAfterMs;
  const nextAttempt = now() + pauseMs(attempts, random);
  await queue.settle(id, { ...delivery, attempts, nextAttempt, state: dropped ? "dropped" : "waiting" });
  onFailure({ receiver: receiver.number, id, attempts, reason, dropped });
}
