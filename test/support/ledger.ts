import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { zeroAddress } from "../../offchain/core/address.ts";
import type { Ruleset } from "../../offchain/core/ruleset.ts";
import { openObjectStore } from "../../offchain/objects/open.ts";
import { type ClosePorts, type CloseResult, closeEpoch } from "../../offchain/pipeline/close/close-epoch.ts";
import { type IngestReport, ingest } from "../../offchain/pipeline/ingest/ingest.ts";
import { openLevelStore } from "../../offchain/store/level.ts";

/** The rules of the tests: 25 % commission. */
export const ruleset: Ruleset = {
  scheme: "per-job-fee",
  asset: zeroAddress,
  commissionPpm: 250_000,
  correlationWindowSeconds: 3600,
  maxEventFeeWei: "10000000000000000000",
  maxObjectBytes: 1 << 26,
};

/** A ledger on real parts in a temporary folder: directory stores and LevelDB. */
export type TestLedger = ClosePorts & {
  readonly folder: string;
  /** Writes an object into the log: a list as a JSON array, a text as it is. */
  readonly write: (key: string, content: unknown) => Promise<void>;
  readonly ingest: (rules?: Partial<Ruleset>) => Promise<IngestReport>;
  /** Closes the open epoch at a time given in seconds after 2025-11-06T00:00:00Z. */
  readonly close: (second?: number, rules?: Partial<Ruleset>) => Promise<CloseResult | undefined>;
};

/** Makes a temporary folder that goes away with the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "payroot-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Opens a new ledger that goes away with the test. */
export async function openTestLedger(): Promise<TestLedger> {
  const ledger = await openLedgerIn(await temporaryFolder());
  onTestFinished(() => ledger.store.close());
  return ledger;
}

/** Works with a new ledger that goes away with the work: for properties, which open hundreds. */
export async function withTestLedger<T>(work: (ledger: TestLedger) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "payroot-test-"));
  const ledger = await openLedgerIn(folder);
  try {
    return await work(ledger);
  } finally {
    await ledger.store.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Opens the ledger of a folder, made if missing; the caller closes its store. */
export async function openLedgerIn(folder: string): Promise<TestLedger> {
  const store = await openLevelStore(join(folder, "ledger"));
  const open = async (name: string) => {
    await mkdir(join(folder, name), { recursive: true });
    return openObjectStore(`file://${join(folder, name)}`);
  };
  const ports: ClosePorts = {
    store,
    log: await open("log"),
    archive: await open("archive"),
    artifacts: await open("artifacts"),
  };
  return {
    ...ports,
    folder,
    write: async (key, content) => {
      const text = typeof content === "string" ? content : JSON.stringify(content, null, 2);
      await ports.log.put(key, content instanceof Uint8Array ? content : Buffer.from(text));
    },
    ingest: (rules = {}) => ingest(ports, { ruleset: { ...ruleset, ...rules }, partitions: undefined }),
    close: (second = 0, rules = {}) => closeEpoch(ports, closeOptions(second, rules)),
  };
}

/** How the tests close an epoch, at a time given in seconds after 2025-11-06T00:00:00Z: for no chain. */
export function closeOptions(second = 0, rules: Partial<Ruleset> = {}) {
  return {
    ruleset: { ...ruleset, ...rules },
    partitions: undefined,
    chainId: 0,
    distributor: zeroAddress,
    closesAt: Date.UTC(2025, 10, 6) + second * 1000,
  };
}
