import { expect, test } from "vitest";
import type { Manifest } from "../../../offchain/core/artifacts.ts";
import { sha256Hex } from "../../../offchain/core/hash.ts";
import type { ObjectStore } from "../../../offchain/objects/object-store.ts";
import { isLineStart, linesFrom } from "../../../offchain/pipeline/claims/ndjson.ts";
import { createPublishedFiles } from "../../../offchain/pipeline/claims/published-files.ts";
import { openTestLedger } from "../../support/ledger.ts";

const names = ["a.ndjson", "b.ndjson", "c.ndjson"];

async function opened(mostBytes: number) {
  const { artifacts } = await openTestLedger();
  const files = [];
  for (const name of names) {
    const bytes = Buffer.from(name.repeat(10));
    await artifacts.put(`epochs/000001/${name}`, bytes);
    files.push({ name, sha256: sha256Hex(bytes), bytes: bytes.length });
  }
  const reads: string[] = [];
  const watched: ObjectStore = {
    ...artifacts,
    get: (key, options) => {
      reads.push(key.slice("epochs/000001/".length));
      return artifacts.get(key, options);
    },
  };
  const manifest = { epoch: 1, files } as unknown as Manifest;
  const read = createPublishedFiles(watched, { mostBytes });
  return { artifacts, reads, read: (name: string) => read(manifest, name) };
}

test("given many who ask for a file at once and after, it is read once", async () => {
  const { read, reads } = await opened(1000);
  const [first] = await Promise.all([read("a.ndjson"), read("a.ndjson"), read("b.ndjson")]);
  expect(Buffer.from(first ?? []).toString()).toBe("a.ndjson".repeat(10));
  await read("a.ndjson");
  expect(reads).toEqual(["a.ndjson", "b.ndjson"]);
});

test("given more than may be remembered, the one asked for longest ago is forgotten, and one file always stays", async () => {
  const { read, reads } = await opened(160);
  for (const name of ["a.ndjson", "b.ndjson", "a.ndjson", "c.ndjson", "a.ndjson", "b.ndjson"])
    await read(name);
  expect(reads).toEqual(["a.ndjson", "b.ndjson", "c.ndjson", "b.ndjson"]);
  const small = await opened(1);
  for (const name of ["a.ndjson", "a.ndjson", "b.ndjson"]) await small.read(name);
  expect(small.reads).toEqual(["a.ndjson", "b.ndjson"]);
});

test("given a file that was changed and then restored, it is refused, and then read", async () => {
  const { read, artifacts } = await opened(1000);
  await artifacts.put("epochs/000001/a.ndjson", Buffer.from("b.ndjson".repeat(10)));
  await expect(read("a.ndjson")).rejects.toMatchObject({ code: "artifact-damaged" });
  await artifacts.put("epochs/000001/a.ndjson", Buffer.from("a.ndjson".repeat(10)));
  await expect(read("a.ndjson")).resolves.toHaveLength(80);
  await expect(read("none.ndjson")).rejects.toMatchObject({ code: "artifact-damaged" });
});

test("given lines, they come from a place on, and the next place is where another begins", () => {
  const bytes = Buffer.from("one\ntwö\n\nfour\n");
  expect(linesFrom(bytes, { start: 0, limit: 2 })).toEqual({ lines: ["one", "twö"], next: 9 });
  expect(linesFrom(bytes, { start: 9, limit: 9 })).toEqual({ lines: ["", "four"], next: null });
  expect(linesFrom(bytes, { start: 0, limit: 4 })).toEqual({ lines: ["one", "twö", "", "four"], next: null });
  expect(linesFrom(Buffer.alloc(0), { start: 0, limit: 4 })).toEqual({ lines: [], next: null });
  expect([0, 4, 9, 15].map((place) => isLineStart(bytes, place))).toEqual([true, true, true, true]);
  expect([1, 3, 16, 99].map((place) => isLineStart(bytes, place))).toEqual([false, false, false, false]);
});
