import { join } from "node:path";
import { onTestFinished } from "vitest";
import {
  type AuditOptions,
  type AuditPorts,
  type AuditReport,
  audit,
} from "../../offchain/pipeline/audit/audit.ts";
import type { LedgerStore } from "../../offchain/store/ledger-store.ts";
import { openLevelStore } from "../../offchain/store/level.ts";
import { account, aiJob, aiKey, aiReceipt, transcodeJob, transcodeKey } from "./events.ts";
import { openTestLedger, type TestLedger, temporaryFolder } from "./ledger.ts";

/** An empty cache that goes away with the test. */
export async function openCache(): Promise<LedgerStore> {
  const store = await openLevelStore(join(await temporaryFolder(), "cache"));
  onTestFinished(() => store.close());
  return store;
}

/** Audits what a ledger published, with a cache of its own unless one is given. */
export async function auditOf(
  { artifacts, archive }: TestLedger,
  given: Partial<AuditPorts> & { readonly options?: AuditOptions } = {},
): Promise<AuditReport> {
  const { options, ...ports } = given;
  return audit({ artifacts, archive, cache: given.cache ?? (await openCache()), ...ports }, options);
}

/** The checks that failed, by epoch and name. */
export function failuresOf(report: AuditReport): Record<string, string | null> {
  const failed = report.epochs.flatMap(({ epoch, checks }) =>
    checks.filter(({ ok }) => !ok).map(({ name, detail }) => [`${epoch} ${name}`, detail] as const),
  );
  return Object.fromEntries(failed);
}

/**
 * A ledger with two closed epochs. Epoch 1: account 0 has events 1 and 2 in object a, account 1 event 3 in object b,
 * account 3 event 4, an AI job. Epoch 2: account 0 has event 7 in object c and 9 in object d, account 1 event 8 in
 * object c, and event 10 is rejected.
 */
export async function twoEpochs(): Promise<TestLedger> {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("a"), [
    transcodeJob({ id: "1", units: 1_000 }),
    transcodeJob({ id: "2", units: 20_000 }),
  ]);
  await ledger.write(transcodeKey("b"), [transcodeJob({ id: "3", account: account(1), units: 300_000 })]);
  await ledger.write(aiKey("a"), [aiJob({ id: "4", requestID: "r1", second: 10 })]);
  await ledger.write(aiKey("b"), [aiReceipt({ id: "5", requestID: "r1", account: account(3) })]);
  await ledger.close();
  await ledger.write(transcodeKey("c"), [
    transcodeJob({ id: "7", units: 7_000 }),
    transcodeJob({ id: "8", account: account(1), units: 80_000 }),
    transcodeJob({ id: "10", account: "0x12", units: 80_000 }),
  ]);
  await ledger.write(transcodeKey("d"), [transcodeJob({ id: "9", units: 900 })]);
  await ledger.close(3600);
  return ledger;
}
