import { expect, test } from "vitest";
import { isRejection, parseEvent } from "../../offchain/core/event.ts";
import { decodeJson, type JsonObject } from "../../offchain/core/json.ts";
import { isMeasured, type JobWork, readWork } from "../../offchain/core/work.ts";

const read = (text: string, nodeType = "transcode"): JobWork =>
  readWork(decodeJson(`{${text}}`) as JsonObject, nodeType);

const transcode = '"computeUnits":3,"duration":2000,"realTimeRatio":8,"responseTime":240';
const ai = '"computeUnits":3,"modelID":"m","pipeline":"p","responseTime":2400000001';

test("given a transcode job, then its work is read as it is, in milliseconds", () => {
  expect(read(transcode)).toEqual({
    ...{ computeUnits: 3, responseTime: 240, realTimeRatio: 8, durationMs: 2000, task: undefined },
  });
});

test("given an AI job, then its work is of a pipeline and a model, in nanoseconds", () => {
  expect(read(ai, "ai")).toEqual({
    ...{ computeUnits: 3, responseTime: 2_400_000_001, realTimeRatio: undefined, durationMs: undefined },
    task: { pipeline: "p", modelID: "m" },
  });
});

test("given no ratio but a duration, then the ratio is its definition: integer division", () => {
  expect(read('"duration":2000,"responseTime":240').realTimeRatio).toBe(8);
  expect(read('"duration":2000,"responseTime":240,"realTimeRatio":null').realTimeRatio).toBe(8);
  expect(read('"duration":2000,"responseTime":0').realTimeRatio).toBeUndefined();
  expect(read('"duration":2000').realTimeRatio).toBeUndefined();
});

test.each([
  ['"8"', undefined],
  ["-1", undefined],
  ["8.5", undefined],
  ["1000000000000000", undefined],
  ["1e15", undefined],
  ["1e400", undefined],
  ["[8]", undefined],
  ["true", undefined],
  ["999999999999999", 999_999_999_999_999],
  ["0", 0],
  ["-0", 0],
  ["8.0e0", 8],
  ["0.8e1", 8],
])("given a ratio of %s, then it is %s", (text, expected) => {
  expect(read(`"duration":2000,"responseTime":240,"realTimeRatio":${text}`).realTimeRatio).toBe(expected);
});

test("given a job without a field that performance needs, then it is not measured, and otherwise it is", () => {
  expect(isMeasured(read(transcode), "transcode")).toBe(true);
  expect(isMeasured(read(ai, "ai"), "ai")).toBe(true);
  for (const gone of ["computeUnits", "responseTime", "realTimeRatio"]) {
    expect(isMeasured(read(transcode.replace(gone, "other").replace("duration", "d")), "transcode")).toBe(
      false,
    );
  }
  for (const gone of ["computeUnits", "responseTime", "modelID", "pipeline"]) {
    expect(isMeasured(read(ai.replace(gone, "other"), "ai"), "ai")).toBe(false);
  }
  expect(isMeasured(read(transcode.replace(":240", ":0")), "transcode")).toBe(false);
  expect(isMeasured(read(`${ai},"pipeline":""`, "ai"), "ai")).toBe(false);
  expect(isMeasured(read(`${ai},"modelID":"${"m".repeat(201)}"`, "ai"), "ai")).toBe(false);
  expect(isMeasured(read(`${ai},"modelID":"\\ud800"`, "ai"), "ai")).toBe(false);
});

test("given a job whose work is nonsense, then its money counts all the same", () => {
  const event = `{"DT":"2025-11-05T15:21:31Z","EventType":"job-processed","ID":"1","NodeType":"transcode",
    "Payload":{"ethAddress":"0xAb5801a7D398351b8bE11C439e05C5B3259aeC9B","fees":7,"computeUnits":"many",
    "responseTime":-1,"realTimeRatio":{}},"Region":"eu-central","Version":1}`;
  const partition = { nodeType: "transcode", region: "eu-central" };
  const parsed = parseEvent(decodeJson(event), { partition, rules: { maxEventFeeWei: 10n } });
  if (isRejection(parsed)) throw new Error(parsed.reason);
  expect(parsed.effect).toMatchObject({ kind: "job", feesWei: 7n });
  expect(parsed.work && isMeasured(parsed.work, "transcode")).toBe(false);
});
