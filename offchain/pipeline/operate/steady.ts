import { PayrootError } from "../../errors.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import type { Head } from "../../store/records.ts";
import { readHead } from "../ingest/ingest.ts";

/**
 * What `read` finds while the ledger stands still: it is called again when something was read or closed meanwhile, so
 * that figures of several look-ups fit together. Throws `ledger-busy` when it never stood still for long enough.
 */
export async function readSteadily<T>(store: LedgerStore, read: (head: Head) => Promise<T>): Promise<T> {
  let head = await readHead(store);
  for (let tries = 0; tries < triesAtMost; tries++) {
    const outcome = await read(head).then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    const now = await readHead(store);
    if (now.sequence === head.sequence) {
      if ("error" in outcome) throw outcome.error;
      return outcome.value;
    }
    head = now;
  }
  throw ledgerBusy({ tries: triesAtMost });
}

const triesAtMost = 20;

/** The error for a ledger, or a chain, that moved on every time it was read. */
export function ledgerBusy(facts: { tries: number }): PayrootError {
  return new PayrootError("ledger-busy", "The ledger moved on every time it was read.", {
    facts,
    next: "ask again when the log and the chain have been read up to their ends",
    retryable: true,
  });
}
