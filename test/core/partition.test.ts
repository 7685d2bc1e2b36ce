import { expect, test } from "vitest";
import {
  firstTimeOfKey,
  keyFloorAt,
  parsePartitionName,
  partitionFolder,
  partitionName,
  partitionOfKey,
} from "../../offchain/core/partition.ts";

const partition = { region: "eu-central", nodeType: "transcode" };
const key = "eu-central/transcode/eu-central-transcode-20251105T152124Z_20251105T152223Z.json";

test("given the key of an object, then its partition and first time are read", () => {
  expect(partitionOfKey(key)).toEqual(partition);
  expect(firstTimeOfKey(key)).toBe(Date.UTC(2025, 10, 5, 15, 21, 24));
  expect(partitionName(partition)).toBe("transcode|eu-central");
  expect(parsePartitionName("transcode|eu-central")).toEqual(partition);
  expect(partitionFolder(partition)).toBe("eu-central/transcode/");
});

test.each([
  `${key}.gz`,
  key.replace(".json", ".ndjson"),
  key.replace(".json", ".jsonl.gz"),
  "eu-central/transcode/eu-central-transcode-.json",
  "eu-central/transcode/eu-central-transcode-anything at all!.json",
  "a.b/c_d/a.b-c_d-1.json",
])("given %s, then it is an event object", (text) => {
  expect(partitionOfKey(text)).toBeDefined();
});

test.each([
  "",
  "README.md",
  key.replace(".json", ".txt"),
  key.replace(".json", ".json.zst"),
  `archive/${key}`,
  key.slice("eu-central/".length),
  key.replace("/eu-central-", "/us-west-"),
  key.replace("-transcode-", "-ai-"),
  key.replace("transcode/", "transcode/2025/"),
  key.replace("eu-central/", "eu|central/"),
  key.replace(".json", "é.json"),
  `${key}\n`,
])("given '%s', then it is not part of the log", (text) => {
  expect(partitionOfKey(text)).toBeUndefined();
});

test.each(["transcode", "transcode|", "|eu", "a|b|c", "a b|c"])(
  "given the name '%s', then it is no partition",
  (name) => {
    expect(parsePartitionName(name)).toBeUndefined();
  },
);

test("given a time, then the floor sorts after older keys and before every key from then on", () => {
  const floor = keyFloorAt(partition, Date.UTC(2025, 10, 5, 15, 21, 24, 999));
  expect(floor < key).toBe(true);
  expect(floor > key.replace("152124Z_", "152123Z_")).toBe(true);
  expect(floor.startsWith(partitionFolder(partition))).toBe(true);
});

test("given keys without times, or with times that do not exist, then there is no first time", () => {
  for (const name of [
    "a",
    "20251105T152124Z",
    "20251305T152124Z_20251105T152223Z",
    "20251105T256060Z_20251105T152223Z",
  ]) {
    expect(firstTimeOfKey(`eu-central/transcode/eu-central-transcode-${name}.json`), name).toBeUndefined();
  }
});
