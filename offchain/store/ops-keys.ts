import { decimal, textKey } from "./codecs.ts";
import type { Keyspace } from "./keyspace.ts";

// What operators read and are told; the table in keys.ts names these keyspaces, too.

/** What own transactions cost, in wei, by their hash. */
export const spentGas: Keyspace<string, bigint> = {
  prefix: "G".charCodeAt(0),
  key: textKey(),
  value: decimal(),
};
