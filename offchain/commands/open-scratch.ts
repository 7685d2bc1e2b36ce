import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PayrootError } from "../errors.ts";
import { openParserThread, type ParserThread } from "../pipeline/ingest/parser.ts";
import type { LedgerStore } from "../store/ledger-store.ts";
import { openLevelStore } from "../store/level.ts";
import type { Context } from "./command.ts";

/** An empty ledger in the folder of temporary files, which goes away with the command. */
export async function openScratch(context: Context): Promise<LedgerStore> {
  const directory = await mkdtemp(join(tmpdir(), "payroot-"));
  context.defer(() => rm(directory, { recursive: true, force: true }));
  const store = await openLevelStore(directory);
  context.defer(() => store.close());
  return store;
}

/** The cache of audits in a directory, made if missing. Throws `audit-cache-locked` when another audit has it open. */
export async function openCache(context: Context, directory: string): Promise<LedgerStore> {
  const store = await openLevelStore(directory).catch((error: unknown) => {
    if (error instanceof PayrootError && error.code === "data-directory-locked") throw cacheLocked(directory);
    throw error;
  });
  context.defer(() => store.close());
  return store;
}

/** A second thread that parses objects, which ends with the command. */
export function openParser(context: Context): ParserThread["parse"] {
  const thread = openParserThread();
  context.defer(() => thread.close());
  return thread.parse;
}

function cacheLocked(directory: string): PayrootError {
  return new PayrootError("audit-cache-locked", "Another audit has the cache open.", {
    facts: { directory },
    next: "wait until it has ended, or give a directory of its own with --cache",
    retryable: true,
  });
}
