import { requireSetting } from "../config.ts";
import type { ChainOverlay } from "../pipeline/watch-claims.ts";
import { webhookEvents } from "../pipeline/webhook-events.ts";
import { createOutbox, type WebhookCounts, type WebhookFailure } from "../pipeline/webhook-outbox.ts";
import { openWebhookQueue } from "../pipeline/webhook-queue.ts";
import { createWebhookSender } from "../pipeline/webhook-send.ts";
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

/** Opens the configured receivers and tells them, beside everything else, until the command ends. Throws `configuration-missing`. */
export async function openWebhooks(
  context: Context,
  store: LedgerStore,
  tell: DaemonLog,
): Promise<ConfiguredWebhooks> {
  const { config } = context;
  const { webhookUrls: urls } = config;
  if (urls === undefined) return { looked: async () => {}, counts: () => [] };
  const secret = requireSetting(config, "webhookSecret");
  const outbox = createOutbox(await openWebhookQueue(store), {
    urls,
    send: createWebhookSender({ secret, now: Date.now }),
    now: Date.now,
    random: Math.random,
    onFailure: (failure) => tellFailure(tell, failure),
  });
  const stop = new AbortController();
  const running = outbox.run(stop.signal);
  context.defer(async () => {
    stop.abort();
    await running;
  });
  return {
    counts: outbox.counts,
    looked: async (overlay) => {
      const events = webhookEvents(store, overlay, chainIdentity(config));
      await outbox.announce(events).catch((error: unknown) => tell.failed("webhooks wait", error));
    },
  };
}

function tellFailure({ log }: DaemonLog, failure: WebhookFailure): void {
  const { receiver, attempts, reason, dropped } = failure;
  const line = `webhook receiver ${receiver} did not take a message: ${reason}`;
  if (dropped) log.error(failure, `${line}; given up after ${attempts} attempts`);
  else log.warn(failure, `${line}; it is tried again`);
}
