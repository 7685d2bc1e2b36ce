import { PayrootError } from "../errors.ts";
import type { NonceJournal, UsedNonce } from "./nonce-journal.ts";
import type { Credentials } from "./signature.ts";

/** Refuses requests from outside the window of time, and those that were there before. */
export type Nonces = {
  /** Throws `intake-expired` when the timestamp is more than the window off. */
  readonly checkTime: (credentials: Credentials) => void;
  /** Takes the nonce of a request whose signature is good. Throws `intake-replayed`, `intake-busy`. */
  readonly take: (credentials: Credentials) => UsedNonce;
};

/** How many nonces are remembered at most, and how far a timestamp may be off, in seconds; `now` in ms since 1970. */
export type NonceOptions = {
  readonly windowSeconds: number;
  readonly most: number;
  readonly now: () => number;
};

/** The nonces of this process, and those that the journal has of the ones before. */
export function createNonces(
  journal: Pick<NonceJournal, "used" | "completeFrom">,
  options: NonceOptions,
): Nonces {
  const { windowSeconds, most } = options;
  const seconds = (): number => Math.floor(options.now() / 1000);
  const used = new Set<string>();
  const byExpiry = new Map<number, string[]>();
  const remember = ({ producer, nonce, timestamp }: UsedNonce): void => {
    const name = `${producer}:${nonce}`;
    // From then on the timestamp alone tells.
    const expires = timestamp + windowSeconds;
    used.add(name);
    const names = byExpiry.get(expires);
    if (names === undefined) byExpiry.set(expires, [name]);
    else names.push(name);
  };
  const forget = (now: number): void => {
    for (const [expires, names] of byExpiry) {
      if (expires >= now) continue;
      for (const name of names) used.delete(name);
      byExpiry.delete(expires);
    }
  };
  for (const entry of journal.used) remember(entry);
  let forgotten = 0;
  return {
    checkTime({ timestamp }) {
      const now = seconds();
      const off = Math.abs(now - timestamp) > windowSeconds || timestamp < journal.completeFrom;
      if (off) throw expired({ timestamp, now, windowSeconds });
    },
    take({ producer, nonce, timestamp }) {
      const now = seconds();
      if (now !== forgotten) forget(now);
      forgotten = now;
      if (used.has(`${producer}:${nonce}`)) throw replayed();
      if (used.size >= most) throw tooManyNonces(most);
      const entry = { producer, nonce, timestamp };
      remember(entry);
      return entry;
    },
  };
}

function expired(facts: { timestamp: number; now: number; windowSeconds: number }): PayrootError {
  return new PayrootError("intake-expired", "The request was not signed just now.", {
    facts,
    next: "set the clock of the producer, and sign every attempt anew",
  });
}

function replayed(): PayrootError {
  return new PayrootError("intake-replayed", "A request with this nonce was here before.", {
    next: "sign every attempt anew, with another nonce; events that were stored already do no harm",
  });
}

function tooManyNonces(most: number): PayrootError {
  return new PayrootError("intake-busy", "There are more requests than can be remembered.", {
    facts: { most },
    next: "put more events into one request, and send it again in a minute",
    retryable: true,
  });
}
