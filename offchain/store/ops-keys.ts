import { decimal, json, textKey } from "./codecs.ts";
import type { Keyspace } from "./keyspace.ts";

/*
 * What operators read and are told; it follows from no object.
 *
 *   prefix  key                                       value
 *   G       transaction hash                          what an own transaction cost
 *   W       message id                                what receivers of webhooks are told, and how far that is
 */

/** What own transactions cost, in wei, by their hash. */
export const spentGas: Keyspace<string, bigint> = {
  prefix: "G".charCodeAt(0),
  key: textKey(),
  value: decimal(),
};

/** How far a message is with one receiver, which is known by a hash of its address; times in ms since 1970. */
export type WebhookDelivery = {
  readonly receiver: string;
  readonly state: "waiting" | "delivered" | "dropped";
  readonly attempts: number;
  readonly nextAttempt: number;
};

/** A message and its deliveries; it stays when they are done, so that nothing is told twice. */
export type WebhookRecord = {
  readonly body: string;
  readonly createdAt: number;
  readonly deliveries: readonly WebhookDelivery[];
};

/** Everything that receivers of webhooks were ever to be told. */
export const webhooks: Keyspace<string, WebhookRecord> = {
  prefix: "W".charCodeAt(0),
  key: textKey(),
  value: json(),
};
