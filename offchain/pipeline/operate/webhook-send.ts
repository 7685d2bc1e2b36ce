import { createHmac } from "node:crypto";
import type { Secret } from "../../core/secret.ts";
import { messageOf } from "../../errors.ts";

/** A message for one receiver; `id` is the same whenever it is sent again, so that a receiver can know it. */
export type WebhookMessage = { readonly id: string; readonly body: string };

/** What became of an attempt: `gone` when the receiver asks never to be told again. */
export type WebhookOutcome =
  | { readonly kind: "delivered" }
  | { readonly kind: "failed" | "gone"; readonly reason: string };

/** Sends a message to the receiver at an address. Never throws for what the network or the receiver does. */
export type WebhookSender = (
  url: string,
  message: WebhookMessage,
  options: { readonly signal: AbortSignal },
) => Promise<WebhookOutcome>;

/**
 * Sends messages as Standard Webhooks has it (https://www.standardwebhooks.com): HMAC-SHA256 over id, timestamp and
 * body. Any status of 2xx is delivered; a redirect is a failure and not followed, since a signed message is for the
 * address that was configured.
 */
export function createWebhookSender(options: {
  readonly secret: Secret;
  /** The clock, ms since 1970. */
  readonly now: () => number;
  /** How long a receiver may take; 10,000 when left out. */
  readonly timeoutMs?: number;
}): WebhookSender {
  const { secret, now, timeoutMs = 10_000 } = options;
  const key = keyOf(secret);
  return async (address, { id, body }, { signal }) => {
    const timestamp = Math.floor(now() / 1000);
    const { url, authorization } = withoutUserinfo(address);
    const headers = {
      "Content-Type": "application/json",
      "User-Agent": "payroot",
      "webhook-id": id,
      "webhook-timestamp": String(timestamp),
      "webhook-signature": webhookSignature({ id, timestamp, body }, key),
      ...authorization,
    };
    const limits = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    try {
      const response = await fetch(url, {
        method: "POST",
        headers,
        body,
        redirect: "manual",
        signal: limits,
      });
      await response.body?.cancel();
      if (response.ok) return { kind: "delivered" };
      const kind = response.status === 410 ? "gone" : "failed";
      return { kind, reason: `it answered ${response.status}` };
    } catch (error) {
      signal.throwIfAborted();
      const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
      return { kind: "failed", reason: messageOf(cause) };
    }
  };
}

/** The header `webhook-signature`: `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`. */
export function webhookSignature(
  { id, timestamp, body }: WebhookMessage & { readonly timestamp: number },
  key: Uint8Array,
): string {
  const digest = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64");
  return `v1,${digest}`;
}

// The libraries of Standard Webhooks have secrets as whsec_ and base64; any other text stands for its own bytes.
function keyOf(secret: Secret): Uint8Array {
  const text = secret.reveal();
  return text.startsWith("whsec_") ? Buffer.from(text.slice(6), "base64") : Buffer.from(text);
}

// fetch refuses an address with a name and a password in it.
function withoutUserinfo(address: string): { url: string; authorization: Record<string, string> } {
  const place = new URL(address);
  const { username, password } = place;
  if (username === "" && password === "") return { url: address, authorization: {} };
  place.username = "";
  place.password = "";
  const words = [username, password].map(decodeURIComponent).join(":");
  return {
    url: place.href,
    authorization: { Authorization: `Basic ${Buffer.from(words).toString("base64")}` },
  };
}
