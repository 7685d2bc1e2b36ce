import { requireSetting } from "../config.ts";
import type { ChainOverlay } from "../pipeline/claims/watch-claims.ts";
import { readHead } from "../pipeline/ingest/ingest.ts";
import { webhookEvents } from "../pipeline/operate/webhook-events.ts";
import {
  createOutbox,
  type Outbox,
  type OutboxOptions,
  type WebhookCounts,
  type WebhookFailure,
} from "../pipeline/operate/webhook-outbox.ts";
import { openWebhookQueue } from "../pipeline/operate/webhook-queue.ts";
import { createWebhookSender } from "../pipeline/operate/webhook-send.ts";
import type { LedgerStore } from "../store/ledger-store.ts";
import type { Context } from "./command.ts";
import type { DaemonLog } from "./daemon-log.ts";
import { chainIdentity } from "./open.ts";

/** The receivers of webhooks, told of what each look at the chain brought. */
export type ConfiguredWebhooks = {
  /** Never throws: whoever is to be told is no reason to stop what is told of. */
  readonly looked: (overlay: ChainOverlay) => Promise<void>;
  readonly counts: () => readonly WebhookCounts[];
};

/** Opens the receivers for the daemon. Throws what `openOutbox` throws. */
export async function openWebhooks(
  context: Context,
  store: LedgerStore,
  tell: DaemonLog,
): Promise<ConfiguredWebhooks> {
  const { epoch: firstEpoch } = await readHead(store);
  const outbox = await openOutbox(context, store, {
    firstEpoch,
    onFailure: (failure) => tellFailure(tell, failure),
  });
  if (outbox === undefined) return { looked: async () => {}, counts: () => [] };
  return {
    counts: outbox.counts,
    looked: async (overlay) => {
      const events = webhookEvents(store, overlay, chainIdentity(context.config));
      await outbox.announce(events).catch((error: unknown) => tell.failed("webhooks wait", error));
    },
  };
}

/**
 * Opens the configured receivers and tells them, beside everything else, until the command ends; undefined when there
 * are none. Throws `configuration-missing`.
 */
export async function openOutbox(
  context: Context,
  store: LedgerStore,
  { firstEpoch, onFailure }: Pick<OutboxOptions, "firstEpoch" | "onFailure">,
): Promise<Outbox | undefined> {
  const { webhookUrls: urls } = context.config;
  if (urls === undefined) return undefined;
  const secret = requireSetting(context.config, "webhookSecret");
  const send = createWebhookSender({ secret, now: Date.now });
  const queue = await openWebhookQueue(store);
  const clock = { now: Date.now, random: Math.random };
  const outbox = createOutbox(queue, { urls, firstEpoch, send, onFailure, ...clock });
  const stop = new AbortController();
  const running = outbox.run(stop.signal);
  context.defer(async () => {
    stop.abort();
    await running;
  });
  return outbox;
}

/** A failure in words. */
export function failureLine({ receiver, attempts, reason, dropped }: WebhookFailure): string {
  const then = dropped ? `given up after ${attempts} attempts` : "it is tried again";
  return `webhook receiver ${receiver} did not take a message: ${reason}; ${then}`;
}

function tellFailure({ log }: DaemonLog, failure: WebhookFailure): void {
  log[failure.dropped ? "error" : "warn"](failure, failureLine(failure));
}
