import type { EventRejection } from "../core/event.ts";
import { PayrootError } from "../errors.ts";
import { type CheckedEvent, conflict, EventsRefused, type RefusedEvent } from "./events.ts";

/** One content that is known under an event id: `time` is its DT, ms since 1970. */
export type KnownContent = { readonly digest: string; readonly time: number };

/** What the intake asks of the ledger. */
export type LedgerView = {
  /** The contents known under each of these ids, that a new one would conflict with. */
  readonly contentsOf: (ids: readonly string[]) => Promise<readonly (readonly KnownContent[])[]>;
};

/** Events that this process has handed to the log, until the ledger knows them. */
export type RecentEvents = {
  /**
   * Notes events before they are stored. Throws `intake-events-refused` when an ID stands for other content already,
   * so that no producer can void what another one has recorded; `intake-busy` when the ledger is far behind.
   */
  readonly note: (events: readonly CheckedEvent[]) => Promise<void>;
  /** Says that storing them failed: they may be in the log all the same, and are forgotten after an hour. */
  readonly doubt: (events: readonly CheckedEvent[]) => void;
  /** The DT under which an event is known, ms since 1970; undefined when it is new. */
  readonly timeOf: (id: string) => Promise<number | undefined>;
};

/** Remembers what the ledger does not know yet, at most `most` events; `now` in ms since 1970. */
export function createRecentEvents(
  ledger: LedgerView,
  options: { readonly most: number; readonly now: () => number },
): RecentEvents {
  const recent = new Map<string, KnownContent & { readonly doubtedAt?: number }>();
  let sweepAt = sweepFrom;
  // Only what the ledger knows is forgotten, so that an ID is always known to one of the two; and what is in doubt, once
  // the log cannot get it any more.
  const sweep = async (): Promise<void> => {
    sweepAt = Number.POSITIVE_INFINITY;
    try {
      const ids = [...recent.keys()];
      for (let at = 0; at < ids.length; at += sweepStep) {
        const step = ids.slice(at, at + sweepStep);
        for (const [index, contents] of (await ledger.contentsOf(step)).entries()) {
          const id = step[index] ?? "";
          const { doubtedAt = Number.POSITIVE_INFINITY } = recent.get(id) ?? {};
          if (contents.length > 0 || options.now() - doubtedAt > doubtMilliseconds) recent.delete(id);
        }
      }
    } finally {
      sweepAt = Math.min(options.most, Math.max(sweepFrom, recent.size * 2));
    }
  };
  return {
    async note(events) {
      if (recent.size >= sweepAt) await sweep();
      if (recent.size + events.length > options.most) throw ledgerBehind(recent.size);
      // Asked before the ledger and after it: what goes from here to there in between is seen on either side.
      const before = events.map(({ id }) => recent.get(id));
      const known = await ledger.contentsOf(events.map(({ id }) => id));
      const refused: RefusedEvent[] = [];
      for (const [index, { id, digest, position }] of events.entries()) {
        const contents = [before[index], recent.get(id), ...(known[index] ?? [])];
        const other = contents.some((content) => content !== undefined && content.digest !== digest);
        if (other) refused.push({ position, ...elsewhere(id) });
      }
      if (refused.length > 0) throw new EventsRefused(refused);
      for (const { id, digest, time } of events) recent.set(id, { digest, time });
    },
    doubt(events) {
      for (const { id, digest, time } of events) recent.set(id, { digest, time, doubtedAt: options.now() });
    },
    async timeOf(id) {
      const before = recent.get(id);
      const [known = []] = await ledger.contentsOf([id]);
      return (before ?? recent.get(id) ?? known[0])?.time;
    },
  };
}

const sweepFrom = 10_000;
const sweepStep = 1000;
const doubtMilliseconds = 3_600_000;

function elsewhere(id: string): EventRejection {
  return conflict(id, "an event that was recorded before");
}

function ledgerBehind(events: number): PayrootError {
  return new PayrootError("intake-busy", "The ledger is too far behind what was written.", {
    facts: { eventsNotRead: events },
    next: "send the request again later; the operator sees at /ready what holds the ledger up",
    retryable: true,
  });
}
