import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseAddress } from "../../offchain/core/address.ts";
import { writeBacklog } from "../../offchain/demo/backlog.ts";
import type { PoolObject } from "../../offchain/demo/pool-events.ts";
import { openDirectoryStore } from "../../offchain/objects/directory.ts";
import { keysOf } from "../objects/listing.ts";
import { parseLossless, recount } from "./recount.ts";

let home = "";

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "payroot-backlog-"));
});

afterAll(async () => {
  await rm(home, { recursive: true, force: true });
});

describe("a backlog", () => {
  const options = { seed: "backlog", objects: 23, eventsPerObject: 101, workers: 12 };

  it("given a store, then it holds that many objects and events, and its gross is what a slow recount finds", async () => {
    const objects: PoolObject[] = [];
    const put = async (key: string, bytes: Uint8Array) => {
      objects.push({ key, bytes });
    };
    const backlog = await writeBacklog({ put }, options);
    expect(backlog).toMatchObject({ objects: 23, events: 23 * 101 });
    expect(new Set(objects.map(({ key }) => key)).size).toBe(23);
    expect(objects.reduce((total, { bytes }) => total + bytes.length, 0)).toBe(backlog.bytes);
    for (const { bytes } of objects) expect(parseLossless(bytes)).toHaveLength(101);
    const found = recount(objects, (text) => parseAddress(text) !== undefined);
    expect(found.gross).toEqual(backlog.grossWei);
    expect(found.waiting).toBe(0n);
    expect(backlog.grossWei.size).toBe(12);
  });

  it("given a directory, then the same objects are there as through a store", async () => {
    const byPath = join(home, "path");
    const byStore = join(home, "store");
    await writeBacklog(byPath, options);
    await mkdir(byStore);
    const store = openDirectoryStore(byStore);
    await writeBacklog(store, options);
    const keys = await keysOf(store);
    expect(await keysOf(openDirectoryStore(byPath))).toEqual(keys);
    expect(
      (await readdir(byPath, { recursive: true })).filter((name) => name.endsWith(".json")),
    ).toHaveLength(23);
    for (const key of keys) {
      expect(await readFile(join(byPath, key), "utf8")).toBe(await readFile(join(byStore, key), "utf8"));
    }
  });

  it("given full objects, then an event takes about 459 bytes", async () => {
    const put = async () => {};
    const { bytes, events } = await writeBacklog({ put }, { ...options, objects: 10, eventsPerObject: 1000 });
    expect(bytes / events).toBeGreaterThan(445);
    expect(bytes / events).toBeLessThan(470);
  });
});
