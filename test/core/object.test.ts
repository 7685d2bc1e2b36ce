import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { decodeElements, parseObject } from "../../offchain/core/object.ts";
import { transcodeJob, transcodeKey } from "../support/events.ts";
import { ruleset } from "../support/ledger.ts";

const key = transcodeKey("a");
const partition = { nodeType: "transcode", region: "eu-central" };
const jobs = [transcodeJob({ id: "1" }), transcodeJob({ id: "2" })];
const array = JSON.stringify(jobs, null, 2);
const lines = jobs.map((job) => `${JSON.stringify(job)}\n`).join("");

function decode(content: string | Uint8Array, options: { key?: string; maxBytes?: number } = {}) {
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  return decodeElements(bytes, { key, maxBytes: 1 << 20, ...options });
}

const malformed = expect.objectContaining({ reason: "object-malformed" });
const tooLarge = expect.objectContaining({ reason: "object-too-large" });

describe("given a whole object, its elements are read", () => {
  test.each<[string, string | Uint8Array, { key?: string }?]>([
    ["an indented array", array],
    ["a compact array", JSON.stringify(jobs)],
    ["white space around it", ` \r\n\t${array}\n\n`],
    ["a byte order mark", `\uFEFF${array}`],
    ["lines", lines],
    ["lines without the last line feed", lines.trimEnd()],
    ["lines with carriage returns and empty ones between", `\n${lines.replaceAll("\n", "\r\n\r\n")}`],
    ["lines with a byte order mark", `\uFEFF${lines}`],
    ["lines under their own name", lines, { key: key.replace(".json", ".ndjson") }],
    ["gzip under a plain name", gzipSync(array)],
    ["gzip under a .gz name", gzipSync(array), { key: `${key}.gz` }],
    ["gzip of lines", gzipSync(lines), { key: key.replace(".json", ".jsonl.gz") }],
    ["two gzip members", Buffer.concat([gzipSync(lines.slice(0, 50)), gzipSync(lines.slice(50))])],
    ["plain text under a .gz name", array, { key: `${key}.gz` }],
  ])("%s", (_, content, options) => {
    expect(decode(content, options)).toEqual(jobs);
  });

  test("an empty array has no elements", () => {
    expect(decode("[]")).toEqual([]);
    expect(parseObject(Buffer.from("[]"), { key, partition, ruleset })).toMatchObject({ elements: 0 });
  });
});

describe("given something else, the whole object is malformed", () => {
  test.each<[string, string | Uint8Array]>([
    ["an empty file", ""],
    ["white space", " \n"],
    ["a byte order mark alone", "\uFEFF"],
    ["two byte order marks", `\uFEFF\uFEFF${array}`],
    ["null", "null"],
    ["a number", "7"],
    ["a long number", "12345678901234567890"],
    ["a text", '"text"'],
    ["an empty object", "{}"],
    ["an object that is no event", '{"events":[]}'],
    ["an indented event alone", JSON.stringify(jobs[0], null, 2)],
    ["text after the array", `${array}x`],
    ["two arrays", `${array}${array}`],
    ["a comma too many", array.replace(/\]$/, ",]")],
    ["NaN", "[NaN]"],
    ["a comment", `[/* */]`],
    ["lines cut inside the last", lines.slice(0, -5)],
    ["lines of which one is no JSON", `${lines}x\n`],
    [
      "invalid UTF-8",
      Buffer.concat([Buffer.from(array.slice(0, 20)), Buffer.of(0xff), Buffer.from(array.slice(20))]),
    ],
    [
      "half a surrogate in UTF-8",
      Buffer.concat([Buffer.from('["'), Buffer.of(0xed, 0xa0, 0x80), Buffer.from('"]')]),
    ],
    ["UTF-16", Buffer.from(array, "utf16le")],
    ["gzip cut short", gzipSync(array).subarray(0, -9)],
    ["gzip with its checksum wrong", gzipSync(array).with(-5, (gzipSync(array).at(-5) ?? 0) ^ 1)],
    ["gzip of nothing", gzipSync("")],
    ["gzip of a cut array", gzipSync(array.slice(0, -2))],
    ["the gzip magic alone", Uint8Array.of(0x1f, 0x8b)],
    ["gzip in gzip", gzipSync(gzipSync(array))],
  ])("%s", (_, content) => {
    expect(decode(content)).toEqual(malformed);
  });

  test("an array cut anywhere", () => {
    const text = JSON.stringify(jobs);
    for (let end = 0; end < text.length; end++) expect(decode(text.slice(0, end))).toEqual(malformed);
  });
});

describe("given a limit of bytes", () => {
  test("then it holds for what is left after decompression", () => {
    const size = Buffer.byteLength(array);
    for (const content of [array, gzipSync(array)]) {
      expect(decode(content, { maxBytes: size })).toEqual(jobs);
      expect(decode(content, { maxBytes: size - 1 })).toEqual(tooLarge);
    }
  });

  test("then a gzip bomb is refused without being unpacked", () => {
    const megabyte = gzipSync(Buffer.alloc(1 << 20, " "));
    const bomb = Buffer.concat(Array.from({ length: 400 }, () => megabyte));
    expect(bomb.length).toBeLessThan(1 << 20);
    const peakBefore = process.resourceUsage().maxRSS;
    expect(decode(bomb)).toEqual(tooLarge);
    expect(process.resourceUsage().maxRSS - peakBefore).toBeLessThan(100_000);
  });

  test("then an object too large says so before it says that it is malformed", () => {
    expect(decode("x".repeat(11), { maxBytes: 10 })).toEqual(tooLarge);
  });
});

test("given events and refused elements, then each keeps its position", () => {
  const elements = [null, jobs[0], { ...jobs[1], Version: 2 }, jobs[1], 5];
  const parsed = parseObject(Buffer.from(JSON.stringify(elements)), { key, partition, ruleset });
  expect(parsed).toMatchObject({
    elements: 5,
    events: [
      { position: 1, id: jobs[0]?.ID },
      { position: 3, id: jobs[1]?.ID },
    ],
    rejections: [
      { position: 0, reason: "malformed", id: null },
      { position: 2, reason: "unsupported-version", id: jobs[1]?.ID },
      { position: 4, reason: "malformed", id: null },
    ],
  });
});

test("given one event as an array, as lines and in gzip, then its content is the same", () => {
  const [job] = jobs;
  const contents = [JSON.stringify([job]), array, lines].map((text) => Buffer.from(text));
  const digests = [...contents, gzipSync(lines)].map((bytes) => {
    const parsed = parseObject(bytes, { key, partition, ruleset });
    return "events" in parsed ? parsed.events[0]?.digest : undefined;
  });
  expect(new Set(digests).size).toBe(1);
  expect(digests[0]).toMatch(/^[0-9a-f]{32}$/);
});
