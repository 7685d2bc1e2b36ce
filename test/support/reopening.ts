import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { DistributorChain } from "../../offchain/chain/distributor-chain.ts";
import type { Ruleset } from "../../offchain/core/ruleset.ts";
import { type ReopenReport, reopenEpoch } from "../../offchain/pipeline/close/reopen.ts";
import { readHead } from "../../offchain/pipeline/ingest/ingest.ts";
import { derivedPrefixes } from "../../offchain/pipeline/rebuild/ledger-difference.ts";
import { openLevelStore } from "../../offchain/store/level.ts";
import { ruleset, type TestLedger } from "./ledger.ts";

/** Reopens an epoch of a test ledger. */
export async function reopen(
  ledger: TestLedger,
  options: { epoch: number; rules?: Partial<Ruleset>; chain?: DistributorChain },
): Promise<ReopenReport> {
  const place = join(ledger.folder, "replay");
  const scratch = await openLevelStore(place);
  try {
    const rules = { ...ruleset, ...options.rules };
    const ports = { ...ledger, scratch, chain: options.chain };
    return await reopenEpoch(ports, { epoch: options.epoch, ruleset: rules });
  } finally {
    await scratch.close();
    await rm(place, { recursive: true, force: true });
  }
}

/** Every byte of a ledger that follows from objects and closes, as text; all but the head's sequence. */
export async function dump({ store }: TestLedger): Promise<string[]> {
  const lines = [JSON.stringify({ ...(await readHead(store)), sequence: 0 })];
  for (const prefix of [...derivedPrefixes].sort((a, b) => a - b)) {
    const range = { from: Uint8Array.of(prefix), to: Uint8Array.of(prefix + 1) };
    for await (const [key, value] of store.entries(range)) {
      lines.push(`${Buffer.from(key).toString("latin1")} = ${Buffer.from(value).toString("latin1")}`);
    }
  }
  return lines;
}
