import { appendFile, mkdir, readdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openNonceJournal } from "../../offchain/intake/nonce-journal.ts";
import { transcodeJob } from "../support/events.ts";
import { openTestIntake, signedRequest, signers } from "../support/intake.ts";
import { openTestLedger, temporaryFolder } from "../support/ledger.ts";

const body = JSON.stringify([transcodeJob({ id: "1" })]);
const start = 1_762_355_000;

/** A clock of the test: seconds since 1970. */
function clock() {
  const time = { second: start };
  return { time, now: () => time.second * 1000 };
}

test("given a request that was accepted, the same again is refused; of another producer the nonce is another one", async () => {
  const { intake, keys } = await openTestIntake();
  const request = signedRequest({ body, nonce: "0123456789abcdef" });
  await intake.acceptEvents(request);
  await expect(intake.acceptEvents(request)).rejects.toMatchObject({ code: "intake-replayed" });
  const other = signedRequest({ body, nonce: "0123456789abcdef", signer: signers.other });
  await intake.acceptEvents(other);
  await expect(
    intake.acceptEvents(signedRequest({ body: "[]", nonce: "0123456789abcdef", signer: signers.second })),
  ).rejects.toMatchObject({ code: "intake-replayed" });
  expect(await keys()).toHaveLength(2);
});

test("given a hundred copies of a request at once, one is accepted", async () => {
  const { intake, keys } = await openTestIntake();
  const request = signedRequest({ body });
  const answers = await Promise.allSettled(Array.from({ length: 100 }, () => intake.acceptEvents(request)));
  expect(answers.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  expect(await keys()).toHaveLength(1);
});

test("given a request accepted before a restart, it is refused after it, at any second at which its time is good", async () => {
  const ledger = await openTestLedger();
  const { time, now } = clock();
  const before = await openTestIntake({ ledger, now });
  const request = signedRequest({ body, timestamp: start + 300 });
  await before.intake.acceptEvents(request);
  // Nothing is closed in order: the next process finds what the last one left.
  for (const second of [0, 1, 299, 600]) {
    time.second = start + second;
    const { intake } = await openTestIntake({ ledger, now });
    await expect(intake.acceptEvents(request), `${second}`).rejects.toMatchObject({
      code: "intake-replayed",
    });
  }
  time.second = start + 601;
  const { intake } = await openTestIntake({ ledger, now });
  await expect(intake.acceptEvents(request)).rejects.toMatchObject({ code: "intake-expired" });
});

test("given a window that is made larger at a restart, what was accepted before is refused all the same", async () => {
  const ledger = await openTestLedger();
  const { time, now } = clock();
  const small = await openTestIntake({ ledger, now, windowSeconds: 10 });
  const requests = [];
  for (let step = 0; step < 5; step++) {
    time.second = start + step * 10;
    const request = signedRequest({ body, timestamp: time.second + 5 });
    await small.intake.acceptEvents(request);
    requests.push(request);
  }
  for (const windowSeconds of [3600, 20, 3600]) {
    const { intake, accept } = await openTestIntake({ ledger, now, windowSeconds });
    for (const request of requests) {
      await expect(intake.acceptEvents(request)).rejects.toMatchObject({
        code: expect.stringMatching(/^intake-(replayed|expired)$/),
      });
    }
    await accept([transcodeJob({ id: "1" })], { timestamp: time.second });
    time.second += 1;
  }
});

test("given time that passes, nonces are forgotten when their timestamps tell, and their files go away", async () => {
  const ledger = await openTestLedger();
  const { time, now } = clock();
  const { intake, accept } = await openTestIntake({ ledger, now, windowSeconds: 10 });
  let last = signedRequest({ body, timestamp: start });
  for (let step = 0; step < 20; step++) {
    time.second = start + step * 10;
    last = signedRequest({ body, timestamp: time.second });
    await intake.acceptEvents(last);
    await expect(intake.acceptEvents(last)).rejects.toMatchObject({ code: "intake-replayed" });
  }
  await expect(accept([transcodeJob({ id: "1" })], { timestamp: start })).rejects.toMatchObject({
    code: "intake-expired",
  });
  expect((await readdir(join(ledger.folder, "intake"))).length).toBeLessThanOrEqual(3);
});

test("given a journal whose last line was cut short, all others are known and new ones are kept", async () => {
  const folder = join(await temporaryFolder(), "intake");
  await mkdir(folder);
  const timestamp = start - 100;
  await writeFile(
    join(folder, "nonces-300-1-a.txt"),
    `${timestamp} pool 0123456789abcdef\n${timestamp} pool fedc`,
  );
  await appendFile(join(folder, "other.txt"), "left alone");
  const options = { windowSeconds: 300, now: () => start * 1000 };
  const journal = await openNonceJournal(folder, options);
  const known = { producer: "pool", nonce: "0123456789abcdef", timestamp };
  expect(journal.used).toEqual([known]);
  const added = Array.from({ length: 50 }, (_, index) => ({ ...known, nonce: `${index}`.padStart(16, "0") }));
  await Promise.all(added.map((entry) => journal.append([entry])));
  const after = await openNonceJournal(folder, options);
  expect(new Set(after.used.map(({ nonce }) => nonce))).toEqual(
    new Set([known.nonce, ...added.map(({ nonce }) => nonce)]),
  );
  await Promise.all([journal.close(), after.close()]);
});

test("given a journal that cannot be written, nothing is stored, and it goes on when it can", async () => {
  const { ledger, accept, keys } = await openTestIntake();
  const folder = join(ledger.folder, "intake");
  await rename(folder, `${folder}-away`);
  await expect(accept([transcodeJob({ id: "1" })])).rejects.toMatchObject({
    code: "intake-journal-failed",
    retryable: true,
  });
  expect(await keys()).toEqual([]);
  await rename(`${folder}-away`, folder);
  expect(await accept([transcodeJob({ id: "1" })])).toMatchObject({ accepted: 1 });
});
