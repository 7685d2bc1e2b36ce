import { json, parts, u32, uint32 } from "./codecs.ts";
import type { Keyspace } from "./keyspace.ts";
import type { RecordedAudit, RecordedPosting } from "./records.ts";

/*
 * What an audit's cache holds beside a ledger that was derived again. A cache is a database of its own, never the data
 * directory; its other keyspaces are those of `keys.ts`.
 *
 *   prefix  key                                       value
 *   f       epoch                                     what an audit found in the epoch's files
 *   y       block, log index                          a log that posted or revoked epochs
 */

/** What an audit found, by epoch. */
export const audits: Keyspace<number, RecordedAudit> = {
  prefix: "f".charCodeAt(0),
  key: uint32(),
  value: json(),
};

/** Logs that posted or revoked epochs, in chain order. */
export const postingLogs: Keyspace<{ block: number; logIndex: number }, RecordedPosting> = {
  prefix: "y".charCodeAt(0),
  key: parts(
    ({ block, logIndex }) => [u32(block), u32(logIndex)],
    (read) => ({ block: read.u32(), logIndex: read.u32() }),
  ),
  value: json(),
};
