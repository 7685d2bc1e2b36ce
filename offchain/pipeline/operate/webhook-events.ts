import { sha256Hex } from "../../core/hash.ts";
import { formatTime } from "../../core/time.ts";
import { postedEpochs } from "../../store/keys.ts";
import { walk } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import { type EpochStanding, epochStates } from "../claims/on-chain.ts";
import type { ChainOverlay } from "../claims/watch-claims.ts";
import type { ChainIdentity } from "../close/close-epoch.ts";
import { readHead } from "../ingest/ingest.ts";
import type { WebhookMessage } from "./webhook-send.ts";

/** What receivers are told of. */
export type WebhookTopic = "epoch.posted" | "epoch.claimable" | "epoch.mismatch";

/** Something to tell; `facts` make its id, so that the same thing has the same id wherever and whenever it is found. */
export type WebhookEvent = {
  readonly topic: WebhookTopic;
  readonly facts: Readonly<Record<string, string | number | null>>;
  /** When it became so, RFC 3339; null when nobody knows. */
  readonly since: string | null;
};

/**
 * Everything that the chain says of our epochs now: those posted, those that can be claimed against, and those under
 * whose number the chain holds something else, or that we never closed. Newest first.
 */
export async function* webhookEvents(
  store: LedgerStore,
  overlay: ChainOverlay | undefined,
  identity: ChainIdentity,
): AsyncGenerator<WebhookEvent> {
  const { epoch: open } = await readHead(store);
  for await (const { key: epoch, value } of walk(store, postedEpochs, { reverse: true })) {
    if (epoch < open) break;
    const facts = { ...identity, epoch, ours: null, onChain: value.manifestHash };
    yield { topic: "epoch.mismatch", facts, since: null };
  }
  for await (const standing of epochStates(store, overlay)) yield* eventsOf(standing, identity);
}

function* eventsOf({ epoch: own, state, onChain }: EpochStanding, identity: ChainIdentity) {
  if (onChain === null) return;
  const { epoch, manifestHash, root } = own;
  if (state === "conflicting") {
    const facts = { ...identity, epoch, ours: manifestHash, onChain: onChain.manifestHash };
    yield { topic: "epoch.mismatch", facts, since: null } as const;
    return;
  }
  const activatesAt = formatTime(onChain.activatesAtSeconds * 1000);
  const { recordHash, transaction } = onChain;
  const facts = { ...identity, epoch, manifestHash, root, recordHash };
  if (state === "active") yield { topic: "epoch.claimable", facts, since: activatesAt } as const;
  yield { topic: "epoch.posted", facts: { ...facts, transaction, activatesAt }, since: null } as const;
}

/** The message of an event: its body as Standard Webhooks shapes it, and an id that is the event's own. */
export function messageOfEvent({ topic, facts, since }: WebhookEvent, now: number): WebhookMessage {
  // A post that a reorganisation moved to another block, or another transaction, is the same post.
  const { transaction: _transaction, activatesAt: _activatesAt, ...lasting } = facts;
  const name = JSON.stringify([topic, ...Object.entries(lasting)]);
  const id = `msg_${sha256Hex(Buffer.from(name)).slice(0, 32)}`;
  return { id, body: JSON.stringify({ type: topic, timestamp: since ?? formatTime(now), data: facts }) };
}
