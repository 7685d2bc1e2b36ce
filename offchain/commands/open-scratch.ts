import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openParserThread, type ParserThread } from "../pipeline/parser.ts";
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

/** A second thread that parses objects, which ends with the command. */
export function openParser(context: Context): ParserThread["parse"] {
  const thread = openParserThread();
  context.defer(() => thread.close());
  return thread.parse;
}
