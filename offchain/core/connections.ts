import type { Address } from "./address.ts";

/**
 * Where an event stands in the order of (time, object key, position); the id decides between two contents of one key.
 * Time in ms since 1970.
 */
export type EventPlace = {
  readonly time: number;
  readonly objectKey: string;
  readonly position: number;
  readonly id: string;
};

/** A connection of a worker that came up or went down. */
export type ConnectionChange = EventPlace & {
  readonly account: Address;
  readonly connection: string;
  readonly kind: "connected" | "disconnected";
};

/** Orders events by (time, object key, position, id). */
export function comparePlaces(a: EventPlace, b: EventPlace): number {
  if (a.time !== b.time) return a.time - b.time;
  if (a.objectKey !== b.objectKey) return a.objectKey < b.objectKey ? -1 : 1;
  return a.position - b.position || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}

/**
 * The connections of a partition that are up: those whose newest change is "connected" and after the newest reset.
 * A function of the set of events. Yields the newest change of every connection that still matters for later events.
 */
export function newestChanges(
  changes: Iterable<ConnectionChange>,
  reset: EventPlace | undefined,
): ConnectionChange[] {
  const newest = new Map<string, ConnectionChange>();
  for (const change of changes) {
    if (reset !== undefined && comparePlaces(change, reset) < 0) continue;
    const name = `${change.account} ${change.connection}`;
    const known = newest.get(name);
    if (known === undefined || comparePlaces(known, change) < 0) newest.set(name, change);
  }
  return [...newest.values()];
}
