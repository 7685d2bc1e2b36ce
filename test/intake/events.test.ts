import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { contentDigest } from "../../offchain/core/digest.ts";
import { decodeJson, type JsonObject } from "../../offchain/core/json.ts";
import { encodeJson } from "../../offchain/core/json-text.ts";
import { EventsRefused } from "../../offchain/intake/events.ts";
import { account, aiJob, aiReceipt, connection, reset, transcodeJob } from "../support/events.ts";
import { openTestIntake, signedRequest } from "../support/intake.ts";
import { openTestLedger } from "../support/ledger.ts";

const good = [
  transcodeJob({ id: "1" }),
  transcodeJob({ id: "2", account: account(1), region: "us-west" }),
  aiJob({ id: "job", requestID: "a" }),
  aiReceipt({ id: "receipt", requestID: "a" }),
  connection({ id: "up", type: "worker-connected" }),
  reset({ id: "reset" }),
];

test("given events of several partitions, each becomes one object that ingest reads in full", async () => {
  const { ledger, accept, keys } = await openTestIntake();
  const { accepted, objects } = await accept(good);
  expect(accepted).toBe(6);
  expect([...objects].sort()).toEqual(await keys());
  const shape = (folder: string) =>
    expect.stringMatching(
      new RegExp(`^${folder}-\\d{8}T\\d{6}Z_\\d{8}T\\d{6}Z-intake-[0-9a-f-]{36}\\.json$`),
    );
  expect(await keys()).toEqual([
    shape("eu-central/transcode/eu-central-transcode"),
    shape("us-central/ai/us-central-ai"),
    shape("us-west/transcode/us-west-transcode"),
  ]);
  expect(await ledger.ingest()).toMatchObject({ objects: 3, events: 6, accepted: 6, rejected: 0 });
});

const bodies: Record<string, string | Uint8Array> = {
  "a JSON array": JSON.stringify(good, null, 2),
  NDJSON: good.map((event) => JSON.stringify(event)).join("\n"),
  "a gzipped JSON array": gzipSync(JSON.stringify(good)),
  "gzipped NDJSON": gzipSync(good.map((event) => JSON.stringify(event)).join("\n")),
};
for (const [kind, body] of Object.entries(bodies)) {
  test(`given ${kind}, its events are taken`, async () => {
    const { ledger, intake } = await openTestIntake();
    expect(await intake.acceptEvents(signedRequest({ body }))).toMatchObject({ accepted: 6 });
    expect(await ledger.ingest()).toMatchObject({ accepted: 6, rejected: 0 });
  });
}

test("given events of which some cannot count, every one of these is named and nothing is stored", async () => {
  const { accept, keys } = await openTestIntake({
    partitions: [{ nodeType: "transcode", region: "eu-central" }],
  });
  const [first = transcodeJob({ id: "1" })] = good;
  const events = [
    first,
    { ...first, ID: "b", Payload: { ...first.Payload, fees: 1 } },
    { ...first, ID: "c", Payload: { ...first.Payload, ethAddress: "0x1" } },
    { ...first, ID: "d", Region: "../up" },
    { ...first, ID: "e", Region: ".hidden" },
    { ...first, ID: "f", Region: "us-west" },
    { ...first, ID: "g", DT: "yesterday" },
    { ...first, DT: "2025-11-05T15:00:01Z" },
    "no event",
  ];
  const error = await accept(events).catch((refusal: unknown) => refusal);
  expect(error).toBeInstanceOf(EventsRefused);
  const refused = (error as EventsRefused).refused.map(({ position, id, reason }) => [position, id, reason]);
  expect(refused).toEqual([
    [1, "b", "fee-mismatch"],
    [2, "c", "invalid-address"],
    [3, "d", "wrong-partition"],
    [4, "e", "wrong-partition"],
    [5, "f", "wrong-partition"],
    [6, "g", "invalid-timestamp"],
    [7, first.ID, "conflicting-duplicate"],
    [8, null, "malformed"],
  ]);
  expect(await keys()).toEqual([]);
});

test("given a body that is no list of events, or too much, it is refused and nothing is stored", async () => {
  const { intake, accept, keys } = await openTestIntake();
  for (const body of [
    "",
    "[",
    "null",
    "[]",
    "{}x",
    '"text"',
    gzipSync("[").subarray(0, 15),
    "[1,]",
    "\xff\xfe",
  ]) {
    const refusal = intake.acceptEvents(signedRequest({ body }));
    await expect(refusal, String(body)).rejects.toMatchObject({ code: "intake-body-invalid" });
  }
  const bomb = gzipSync(Buffer.alloc(9 << 20, " "));
  await expect(intake.acceptEvents(signedRequest({ body: bomb }))).rejects.toMatchObject({
    code: "intake-body-too-large",
  });
  const [first] = good;
  await expect(accept(Array.from({ length: 10_001 }, () => first))).rejects.toMatchObject({
    code: "intake-body-too-large",
  });
  const scattered = Array.from({ length: 33 }, (_, index) =>
    transcodeJob({ id: `${index}`, region: `r${index}` }),
  );
  await expect(accept(scattered)).rejects.toMatchObject({ code: "intake-body-too-large" });
  expect(await keys()).toEqual([]);
});

test("given an ID that stands for other content, known to the ledger or just written, it is refused; the same content is not", async () => {
  const ledger = await openTestLedger();
  const { accept } = await openTestIntake({ ledger });
  const one = transcodeJob({ id: "1" });
  const void1 = { ...one, Payload: { ...one.Payload, ethAddress: account(1) } };
  await accept([one]);
  const refusal = {
    code: "intake-events-refused",
    refused: [{ position: 0, id: one.ID, reason: "conflicting-duplicate" }],
  };
  await expect(accept([void1])).rejects.toMatchObject(refusal);
  expect(await accept([one])).toMatchObject({ accepted: 1 });
  expect(await ledger.ingest()).toMatchObject({ accepted: 1, duplicates: 1, rejected: 0 });
  await expect(accept([void1])).rejects.toMatchObject(refusal);
  const { accept: later } = await openTestIntake({ ledger });
  await expect(later([void1])).rejects.toMatchObject(refusal);
  await ledger.close();
  await expect(later([void1])).rejects.toMatchObject(refusal);
  expect(await later([one])).toMatchObject({ accepted: 1 });
});

test("given numbers of any size and form, their text in the log is the one that was sent", async () => {
  const number = fc.oneof(
    fc.bigInt().map(String),
    fc.tuple(fc.bigInt(), fc.nat(), fc.integer({ min: -400, max: 400 })).map(([a, b, c]) => `${a}.${b}e${c}`),
  );
  const json = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 5 },
      number,
      fc.string({ unit: "binary" }).map((text) => JSON.stringify(text)),
      tie("list"),
      tie("object"),
    ),
    list: fc.array(tie("value")).map((items) => `[${items.join(",")}]`),
    object: fc.dictionary(fc.string(), tie("value")).map(
      (entries) =>
        `{${Object.entries(entries)
          .map(([key, value]) => `${JSON.stringify(key)}:${value}`)
          .join(",")}}`,
    ),
  })).value;
  fc.assert(
    fc.property(json, (text) => {
      const decoded = decodeJson(`{"a":${text}}`) as JsonObject;
      const again = decodeJson(encodeJson(decoded)) as JsonObject;
      expect(again).toEqual(decoded);
      expect(contentDigest(again)).toBe(contentDigest(decoded));
    }),
  );
});
