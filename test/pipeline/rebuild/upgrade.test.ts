import { rm } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { zeroAddress } from "../../../offchain/core/address.ts";
import { claimsOf } from "../../../offchain/pipeline/claims/on-chain.ts";
import { upgradeDirectory, upgradeLedger } from "../../../offchain/pipeline/rebuild/upgrade-ledger.ts";
import { jobSamples, lifeSums, pairedJobs } from "../../../offchain/store/job-keys.ts";
import { accountClaims, claims, layouts } from "../../../offchain/store/keys.ts";
import { getOne, put } from "../../../offchain/store/keyspace.ts";
import { account, aiJob, aiKey, aiReceipt, transcodeJob, transcodeKey } from "../../support/events.ts";
import { openTestLedger, type TestLedger, withTestLedger } from "../../support/ledger.ts";
import { anyJobs } from "../../support/random-jobs.ts";
import { dump } from "../../support/reopening.ts";

/** Takes out of a ledger what the version before did not write. */
async function forget({ store }: TestLedger): Promise<void> {
  for (const { prefix } of [jobSamples, lifeSums, pairedJobs, accountClaims, layouts]) {
    const range = { from: Uint8Array.of(prefix), to: Uint8Array.of(prefix + 1) };
    const entries = await Array.fromAsync(store.entries(range));
    await store.write(
      entries.map(([key]) => ({ key, value: undefined })),
      { durable: false },
    );
  }
}

test("given any ledger without the entries of this version, when it is upgraded, then it is byte for byte as if it had them", async () => {
  await fc.assert(
    fc.asyncProperty(anyJobs, fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }), ({ objects }, closes) =>
      withTestLedger(async (ledger) => {
        for (const [index, { key, events }] of objects.entries()) {
          await ledger.write(key, events);
          await ledger.ingest();
          if (closes[index % 8]) await ledger.close(index);
        }
        const before = await dump(ledger);
        await forget(ledger);
        expect(await dump(ledger)).not.toEqual(before);
        await upgradeLedger(ledger);
        expect(await dump(ledger)).toEqual(before);
      }),
    ),
    { numRuns: 25 },
  );
});

test("given an AI job of an epoch that was paid in the next, when the ledger is upgraded, then its worker is known", async () => {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("a"), [transcodeJob({ id: "1" })]);
  await ledger.write(aiKey("a"), [aiJob({ id: "job", requestID: "r" })]);
  await ledger.close();
  await ledger.write(aiKey("b"), [aiReceipt({ id: "receipt", requestID: "r", account: account(2) })]);
  await ledger.close(1);
  const before = await dump(ledger);
  await forget(ledger);
  await upgradeLedger(ledger);
  expect(await dump(ledger)).toEqual(before);
});

test("given claims without their index, when the directory is upgraded, then each account's are found", async () => {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("a"), [transcodeJob({ id: "1" })]);
  await ledger.ingest();
  const claim = (block: number, who: number) =>
    put(
      claims,
      { block, logIndex: 1 },
      {
        ...{ account: account(who), asset: zeroAddress, recipient: account(who), epoch: 1 },
        ...{ amount: "5", cumulative: "5", transaction: `0x${"11".repeat(32)}` as const },
      },
    );
  await ledger.store.write([claim(7, 0), claim(8, 1), claim(9, 0)], { durable: false });
  expect(await claimsOf(ledger.store, undefined, account(0))).toEqual([]);
  await upgradeDirectory(ledger.store);
  const found = await claimsOf(ledger.store, undefined, account(0));
  expect(found.map(({ block }) => block)).toEqual([7, 9]);
});

test("given a new directory, then there is nothing to add, and the archive is not read", async () => {
  const ledger = await openTestLedger();
  await upgradeDirectory(ledger.store);
  expect(await getOne(ledger.store, layouts, "layout")).toBe(3);
});

test("given an archive that lacks an object, when the ledger is upgraded, then it is refused, and made whole when it is back", async () => {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("a"), [transcodeJob({ id: "1" })]);
  await ledger.write(transcodeKey("b"), [transcodeJob({ id: "2" })]);
  await ledger.ingest();
  const before = await dump(ledger);
  await forget(ledger);
  const archiveKey = `archive/${transcodeKey("b")}`;
  const stored = await ledger.archive.get(archiveKey);
  await rm(join(ledger.folder, "archive", archiveKey));

  await expect(upgradeLedger(ledger)).rejects.toMatchObject({ code: "archive-incomplete" });
  expect(await getOne(ledger.store, layouts, "layout")).toBe(2);
  await ledger.archive.put(archiveKey, stored?.bytes ?? new Uint8Array(0));
  await upgradeLedger(ledger);

  expect(await dump(ledger)).toEqual(before);
});

test("given a directory of a later version, then it is refused", async () => {
  const ledger = await openTestLedger();
  await ledger.store.write([put(layouts, "layout", 99)], { durable: false });
  await expect(upgradeDirectory(ledger.store)).rejects.toMatchObject({ code: "data-directory-newer" });
});
