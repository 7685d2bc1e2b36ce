import { expect, test } from "vitest";
import { decodeJson, isJsonObject } from "../../offchain/core/json.ts";
import { knownEvents } from "../../offchain/pipeline/ingest/known-events.ts";
import { account } from "../support/events.ts";
import { openTestIntake, signedRequest, signers, type TestIntake, type Unsigned } from "../support/intake.ts";
import { openTestLedger } from "../support/ledger.ts";

const target = "/recordTranscoderJob";
const details = {
  transcoder: account(1),
  pixels: 55_296_000,
  duration: 2.5,
  profiles: 4,
  faceValue: "1200000000000001",
  roundJob: 3141,
  txHash: `0x${"ab".repeat(32)}`,
};
const start = 1_762_355_000;

function record({ intake }: TestIntake, given: unknown, how: Omit<Unsigned, "body" | "target"> = {}) {
  const body = typeof given === "string" ? given : JSON.stringify({ jobDetails: given });
  return intake.recordJob(signedRequest({ ...how, target, body }));
}

async function payloadsOf({ ledger, keys }: TestIntake) {
  const payloads = [];
  for (const key of await keys()) {
    const events = decodeJson(Buffer.from((await ledger.log.get(key))?.bytes ?? []).toString());
    if (Array.isArray(events))
      payloads.push(...events.map((event) => (isJsonObject(event) ? event.Payload : event)));
  }
  return payloads;
}

test("given a job of an earlier pool's client, it is answered in that pool's columns and paid like any other", async () => {
  const test = await openTestIntake();
  const recorded = await record(test, details);
  expect(recorded).toEqual({
    id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
    createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    transcoder: account(1),
    pixels: 55_296_000,
    duration: 2.5,
    profiles: 4,
    faceValue: "1200000000000001",
    roundJob: 3141,
    txHash: details.txHash,
    object: expect.stringMatching(/^intake\/transcode\/intake-transcode-/),
  });
  expect(await payloadsOf(test)).toEqual([
    {
      ethAddress: account(1),
      fees: 1_200_000_000_000_001n,
      computeUnits: 55_296_000,
      duration: 2500,
      profiles: 4,
      roundJob: 3141,
      txHash: details.txHash,
    },
  ]);
  expect(await test.ledger.ingest()).toMatchObject({ accepted: 1, rejected: 0 });
  const closed = await test.ledger.close(Math.floor(Date.now() / 1000));
  expect(closed?.manifest.totals).toMatchObject([{ gross: "1200000000000001", earned: "900000000000001" }]);
});

const spellings: Record<string, string> = {
  "a JSON member": JSON.stringify({ jobDetails: details }),
  "a JSON member that is text": JSON.stringify({ jobDetails: JSON.stringify(details) }),
  "a form field": new URLSearchParams({ jobDetails: JSON.stringify(details) }).toString(),
  "numbers as text": JSON.stringify({
    jobDetails: { ...details, pixels: "55296000", duration: "2.50", profiles: "4" },
  }),
  "the face value as an integer": JSON.stringify({ jobDetails: details }).replace(
    '"1200000000000001"',
    "1200000000000001",
  ),
  "the address in lower case": JSON.stringify({
    jobDetails: { ...details, transcoder: account(1).toLowerCase() },
  }),
};
test("given one job in any way to write it, it is one event", async () => {
  const test = await openTestIntake();
  const ids = new Set<string>();
  for (const body of Object.values(spellings)) ids.add((await record(test, body)).id);
  expect(ids.size).toBe(1);
  expect(await test.ledger.ingest()).toMatchObject({ accepted: 1, duplicates: 5, rejected: 0 });
});

test("given a job sent again later, before or after the ledger read it, and after a restart, it stays the same event", async () => {
  const ledger = await openTestLedger();
  let second = start;
  const now = () => second * 1000;
  const first = await openTestIntake({ ledger, now });
  const recorded = await record(first, details, { timestamp: second });
  expect(recorded.createdAt).toBe("2025-11-05T15:03:20Z");
  second += 100;
  expect(await record(first, details, { timestamp: second })).toMatchObject({
    createdAt: recorded.createdAt,
  });
  await ledger.ingest();
  second += 100;
  expect(await record(first, details, { timestamp: second })).toMatchObject({
    createdAt: recorded.createdAt,
  });
  await first.intake.drain();
  const next = await openTestIntake({ ledger, now });
  expect(await record(next, details, { timestamp: second })).toMatchObject({ createdAt: recorded.createdAt });
  await ledger.close();
  second += 86_400;
  expect(await record(next, details, { timestamp: second })).toMatchObject({ createdAt: recorded.createdAt });
  await ledger.ingest();
  const [known] = await knownEvents(ledger.store, [recorded.id]);
  expect(known).toHaveLength(1);
});

test("given the same job many times at once, over a turn of the second, it is one event", async () => {
  let calls = 0;
  const now = () => start * 1000 + calls++ * 400;
  const test = await openTestIntake({ now, gatherMilliseconds: 20 });
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => record(test, details, { timestamp: start })),
  );
  expect(new Set(answers.map(({ createdAt }) => createdAt)).size).toBe(1);
  expect(await test.ledger.ingest()).toMatchObject({ accepted: 1, duplicates: 19, rejected: 0 });
});

test("given jobs that differ in anything, or come from another producer, they are other events", async () => {
  const test = await openTestIntake();
  await record(test, details);
  await record(test, details, { signer: signers.other });
  await record(test, { ...details, roundJob: 3142 });
  await record(test, { ...details, jobID: "second of two that are alike" });
  expect(await test.ledger.ingest()).toMatchObject({ accepted: 4, duplicates: 0, rejected: 0 });
  expect(await payloadsOf(test)).toContainEqual(
    expect.objectContaining({ further: { jobID: "second of two that are alike" } }),
  );
});

test("given a job with only what money needs, it is recorded; what it does not say is null", async () => {
  const test = await openTestIntake();
  const recorded = await record(test, { transcoder: account(2), faceValue: 5 });
  expect(recorded).toMatchObject({
    pixels: null,
    duration: null,
    profiles: null,
    roundJob: null,
    txHash: null,
  });
  expect(await test.ledger.ingest()).toMatchObject({ accepted: 1 });
});

test("given a job that cannot be used, it is refused with the reason and nothing is stored", async () => {
  const test = await openTestIntake();
  const { transcoder: _, ...anonymous } = details;
  const refusals: readonly (readonly [unknown, string])[] = [
    ["jobDetails", "intake-body-invalid"],
    ["{}", "intake-body-invalid"],
    [JSON.stringify({ jobDetails: [] }), "intake-body-invalid"],
    [{ ...details, pixels: 1.5 }, "intake-body-invalid"],
    [{ ...details, pixels: -1 }, "intake-body-invalid"],
    [{ ...details, duration: "long" }, "intake-body-invalid"],
    [{ ...details, txHash: 7 }, "intake-body-invalid"],
    [anonymous, "intake-events-refused"],
    [{ ...details, transcoder: "0x1" }, "intake-events-refused"],
    [{ ...details, faceValue: "1e18" }, "intake-events-refused"],
    [{ ...details, faceValue: -5 }, "intake-events-refused"],
    [{ ...details, faceValue: "99999999999999999999999" }, "intake-events-refused"],
  ];
  for (const [given, code] of refusals) {
    await expect(record(test, given), JSON.stringify(given)).rejects.toMatchObject({ code });
  }
  expect(await test.keys()).toEqual([]);
});

test("given a log that is not read yet, a job waits, since it may be in there", async () => {
  let caughtUp = false;
  const test = await openTestIntake({ caughtUp: () => caughtUp });
  await expect(record(test, details)).rejects.toMatchObject({ code: "intake-starting", retryable: true });
  caughtUp = true;
  expect(await record(test, details)).toMatchObject({ transcoder: account(1) });
});
