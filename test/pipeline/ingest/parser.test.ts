import { expect, onTestFinished, test } from "vitest";
import { parseObject } from "../../../offchain/core/object.ts";
import { ingest } from "../../../offchain/pipeline/ingest/ingest.ts";
import { openParserThread } from "../../../offchain/pipeline/ingest/parser.ts";
import { aiJob, aiReceipt, connection, reset, transcodeJob, transcodeKey } from "../../support/events.ts";
import { openTestLedger, ruleset } from "../../support/ledger.ts";

const context = {
  key: transcodeKey("a"),
  partition: { region: "eu-central", nodeType: "transcode" },
  ruleset,
};

function thread() {
  const parser = openParserThread();
  onTestFinished(() => parser.close());
  return parser;
}

function objectOf(count: number): Buffer {
  const events = Array.from({ length: count }, (_, i) => transcodeJob({ id: `${count}-${i}` }));
  return Buffer.from(JSON.stringify(events));
}

test("given objects of every kind at once, when a thread parses them, then each answer is parseObject's", async () => {
  const { parse } = thread();
  const mixed = [
    transcodeJob({ id: "1" }),
    connection({ id: "2", type: "worker-connected" }),
    reset({ id: "3" }),
    { ...transcodeJob({ id: "4" }), Version: 2 },
    aiJob({ id: "5", requestID: "r", region: "eu-central" }),
    aiReceipt({ id: "6", requestID: "r", region: "eu-central" }),
    12,
  ];
  const contents = [
    Buffer.from(JSON.stringify(mixed)),
    Buffer.from("not JSON"),
    objectOf(2500),
    new Uint8Array(0),
    objectOf(1),
  ];
  const expected = contents.map((bytes) => parseObject(bytes, context));

  const answers = await Promise.all(contents.map((bytes) => parse(bytes, context)));

  expect(answers).toEqual(expected);
});

test("given a parser thread, when an object is ingested through it, then the ledger is as without it", async () => {
  const { parse } = thread();
  const [through, without] = [await openTestLedger(), await openTestLedger()];
  for (const ledger of [through, without]) {
    await ledger.write(transcodeKey("a"), [transcodeJob({ id: "1" }), transcodeJob({ id: "2" })]);
    await ledger.write(transcodeKey("b"), [transcodeJob({ id: "2" }), { wrong: true }]);
  }

  const report = await ingest({ ...through, parse }, { ruleset, partitions: undefined });

  expect(report).toEqual(await without.ingest());
  expect((await through.close())?.manifest.root).toBe((await without.close())?.manifest.root);
});

test("given a question that stops the thread, then it fails with the cause, and so does every later one", async () => {
  const { parse } = thread();
  const broken = { ...context, ruleset: { ...ruleset, maxEventFeeWei: "no number" } };

  const answers = await Promise.allSettled([parse(objectOf(1), broken), parse(objectOf(2), context)]);

  expect(answers.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  await expect(parse(objectOf(1), context)).rejects.toThrow(SyntaxError);
});

test("given a closed thread, then a question under way is refused rather than never answered", async () => {
  const parser = thread();
  const answer = parser.parse(objectOf(5000), context);
  const [outcome] = await Promise.all([answer.then(() => "answered", String), parser.close()]);

  expect(outcome).toContain("parser thread ended");
  await expect(parser.parse(objectOf(1), context)).rejects.toThrow("parser thread ended");
});
