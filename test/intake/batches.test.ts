import { expect, test } from "vitest";
import { PayrootError } from "../../offchain/errors.ts";
import { transcodeJob } from "../support/events.ts";
import { openTestIntake } from "../support/intake.ts";
import { openTestLedger, type TestLedger } from "../support/ledger.ts";

/** A log that tells of puts, and lets them wait or fail. */
function watchedLog(ledger: TestLedger, before: (key: string) => Promise<void>): TestLedger["log"] {
  return {
    ...ledger.log,
    put: async (key, bytes) => {
      await before(key);
      await ledger.log.put(key, bytes);
    },
  };
}

const event = (index: number) => transcodeJob({ id: `${index}` });

test("given many requests in a moment, they share one object, and each is answered when it is stored", async () => {
  const { ledger, accept, keys } = await openTestIntake({ gatherMilliseconds: 50 });
  const answers = await Promise.all(Array.from({ length: 200 }, (_, index) => accept([event(index)])));
  const objects = new Set(answers.flatMap((answer) => answer.objects));
  expect([...objects].sort()).toEqual(await keys());
  expect(objects.size).toBeLessThan(10);
  expect(await ledger.ingest()).toMatchObject({ accepted: 200, duplicates: 0 });
});

test("given a log that has not taken an object yet, nobody is answered", async () => {
  const ledger = await openTestLedger();
  const { promise: free, resolve: release } = Promise.withResolvers<void>();
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const log = watchedLog(ledger, async () => {
    begin();
    await free;
  });
  const { accept, keys } = await openTestIntake({ ledger, log });
  let answered = false;
  const answer = accept([event(1)]).then(() => {
    answered = true;
  });
  await begun;
  await new Promise(setImmediate);
  expect([answered, await keys()]).toEqual([false, []]);
  release();
  await answer;
  expect(await keys()).toHaveLength(1);
});

test("given a log that fails, every request of the object is told to come again, and then counts once", async () => {
  const ledger = await openTestLedger();
  let failing = true;
  const log = watchedLog(ledger, async () => {
    if (failing) throw new PayrootError("s3-unreachable", "S3 does not answer.", { retryable: true });
  });
  const { accept, keys } = await openTestIntake({ ledger, log, gatherMilliseconds: 20 });
  const all = () => Promise.allSettled(Array.from({ length: 20 }, (_, index) => accept([event(index)])));
  for (const answer of await all()) {
    const expected = {
      code: "intake-not-stored",
      retryable: true,
      facts: { reason: expect.stringContaining("s3-") },
    };
    expect(answer).toMatchObject({ status: "rejected", reason: expected });
  }
  expect(await keys()).toEqual([]);
  failing = false;
  expect((await all()).every(({ status }) => status === "fulfilled")).toBe(true);
  expect(await ledger.ingest()).toMatchObject({ accepted: 20, duplicates: 0 });
});

test("given a put that failed after it had happened, the same events again do no harm", async () => {
  const ledger = await openTestLedger();
  let failing = true;
  const log = {
    ...ledger.log,
    put: async (key: string, bytes: Uint8Array) => {
      await ledger.log.put(key, bytes);
      if (failing) throw new PayrootError("s3-timeout", "S3 did not answer in time.", { retryable: true });
    },
  };
  const { accept } = await openTestIntake({ ledger, log });
  await expect(accept([event(1)])).rejects.toMatchObject({ code: "intake-not-stored" });
  failing = false;
  await accept([event(1)]);
  expect(await ledger.ingest()).toMatchObject({ objects: 2, accepted: 1, duplicates: 1, rejected: 0 });
});

test("given more under way than is taken in, the next is told to wait, and taken when there is room", async () => {
  const ledger = await openTestLedger();
  const { promise: free, resolve: release } = Promise.withResolvers<void>();
  const { accept } = await openTestIntake({ ledger, log: watchedLog(ledger, () => free) });
  const padding = "x".repeat(3 << 20);
  const large = (index: number) => {
    const job = event(index);
    return [{ ...job, Payload: { ...job.Payload, note: padding } }];
  };
  const taken = Array.from({ length: 21 }, (_, index) => accept(large(index)));
  await expect(accept(large(21))).rejects.toMatchObject({ code: "intake-busy", retryable: true });
  release();
  await Promise.all(taken);
  await accept(large(21));
  expect(await ledger.ingest()).toMatchObject({ accepted: 22, rejected: 0 });
});

test("given an object limit, no object is larger, and a request that would be is refused", async () => {
  const ledger = await openTestLedger();
  const rules = { maxObjectBytes: 2000 };
  const { accept } = await openTestIntake({ ledger, gatherMilliseconds: 20, rules });
  const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => accept([event(index)])));
  expect(answers).toHaveLength(20);
  await expect(accept(Array.from({ length: 10 }, (_, index) => event(index)))).rejects.toMatchObject({
    code: "intake-body-too-large",
  });
  expect(await ledger.ingest(rules)).toMatchObject({ accepted: 20, rejected: 0 });
});

test("given a drain, what is gathered is stored and answered, and later requests are told to come again", async () => {
  const { intake, accept, keys } = await openTestIntake({ gatherMilliseconds: 60_000 });
  const answer = accept([event(1)]);
  await intake.drain();
  expect(await answer).toMatchObject({ accepted: 1 });
  await expect(accept([event(2)])).rejects.toMatchObject({ code: "intake-stopping", retryable: true });
  expect(await keys()).toHaveLength(1);
});
