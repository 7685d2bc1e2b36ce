import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { backupOf, readBackup } from "../../../offchain/pipeline/rebuild/backup.ts";
import type { StoreWrite } from "../../../offchain/store/ledger-store.ts";
import { account, transcodeJob, transcodeKey } from "../../support/events.ts";
import { openTestLedger, type TestLedger, withTestLedger } from "../../support/ledger.ts";

const now = Date.UTC(2025, 10, 7);
const anyBytes = (least: number) => fc.uint8Array({ minLength: least, maxLength: 60 });

async function bytesOf(ledger: TestLedger): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(backupOf(ledger.store, now)));
}

/** Reads a backup that comes in pieces of `size` bytes. */
async function entriesIn(backup: Uint8Array, size = 1000): Promise<StoreWrite[]> {
  const entries: StoreWrite[] = [];
  async function* pieces() {
    for (let at = 0; at < backup.length; at += size) yield backup.subarray(at, at + size);
  }
  await readBackup(pieces(), async (writes) => void entries.push(...writes));
  return entries;
}

async function allOf({ store }: TestLedger): Promise<[string, string][]> {
  const entries = await Array.fromAsync(store.entries({ from: Uint8Array.of(0), to: Uint8Array.of(255) }));
  return entries.map(([key, value]) => [
    Buffer.from(key).toString("hex"),
    Buffer.from(value).toString("hex"),
  ]);
}

const ordered = (entries: readonly StoreWrite[]) =>
  entries.map(({ key, value }) => [
    Buffer.from(key).toString("hex"),
    Buffer.from(value ?? []).toString("hex"),
  ]);

test("given any entries, in pieces of any size, what is read is what was there", async () => {
  const entry = fc.tuple(fc.integer({ min: 0, max: 254 }), anyBytes(0), anyBytes(0));
  await fc.assert(
    fc.asyncProperty(fc.array(entry, { maxLength: 40 }), fc.integer({ min: 1, max: 200 }), (given, size) =>
      withTestLedger(async (ledger) => {
        const writes = given
          .map(([first, key, value]) => ({ key: Buffer.concat([Buffer.of(first), key]), value }))
          .filter(({ key }) => key[0] !== "h".charCodeAt(0));
        await ledger.store.write(writes, { durable: false });
        expect(ordered(await entriesIn(await bytesOf(ledger), size))).toEqual(await allOf(ledger));
      }),
    ),
    { numRuns: 30 },
  );
});

async function openFilled(): Promise<TestLedger> {
  const ledger = await openTestLedger();
  for (const name of ["1", "2", "3"])
    await ledger.write(transcodeKey(name), [transcodeJob({ id: name, account: account(0) })]);
  await ledger.ingest();
  return ledger;
}

test("given a backup that was changed or cut anywhere, it is refused", async () => {
  const whole = await bytesOf(await openFilled());
  const place = fc.integer({ min: 0, max: whole.length - 1 });
  await fc.assert(
    fc.asyncProperty(place, fc.integer({ min: 1, max: 255 }), async (at, change) => {
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] ?? 0) ^ change;
      await expect(entriesIn(changed)).rejects.toMatchObject({ code: "backup-invalid", exitCode: 3 });
    }),
  );
  await fc.assert(
    fc.asyncProperty(place, async (length) => {
      await expect(entriesIn(whole.subarray(0, length))).rejects.toMatchObject({ code: "backup-invalid" });
    }),
  );
});

test.each([
  ["nothing", Buffer.alloc(0)],
  ["something else", randomBytes(10_000)],
  ["of another format", Buffer.from('{"format":"payroot/backup@2"}\n')],
  ["a file of one endless line", Buffer.alloc(100_000, 120)],
])("given %s, it is refused", async (_what, bytes) => {
  await expect(entriesIn(bytes)).rejects.toMatchObject({ code: "backup-invalid" });
});

test("given something behind its end, it is refused", async () => {
  const whole = await bytesOf(await openFilled());
  await expect(entriesIn(Buffer.concat([whole, Buffer.of(0)]))).rejects.toMatchObject({
    code: "backup-invalid",
  });
});

test("given a ledger that goes on reading, the backup is of the moment at which it began", async () => {
  const ledger = await openFilled();
  const before = await allOf(ledger);
  const backing = backupOf(ledger.store, now)[Symbol.asyncIterator]();
  const pieces = [(await backing.next()).value as Uint8Array];

  await ledger.write(transcodeKey("4"), [transcodeJob({ id: "4", account: account(1) })]);
  await ledger.ingest();
  for (let next = await backing.next(); next.done !== true; next = await backing.next())
    pieces.push(next.value);

  expect(ordered(await entriesIn(Buffer.concat(pieces)))).toEqual(before);
});
