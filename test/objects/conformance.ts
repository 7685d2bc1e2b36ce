import { createHash, randomUUID } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareKeys, type ObjectStore } from "../../offchain/objects/object-store.ts";
import { infosOf, keysOf, pagesOf } from "./listing.ts";

/** Every promise of the object-store port, against a fresh and empty store for each test. */
export function testObjectStore(name: string, openEmpty: () => ObjectStore): void {
  describe(`${name} as an object store`, () => {
    testObjects(openEmpty);
    testListing(openEmpty);
    testKeys(openEmpty);
  });
}

function testObjects(openEmpty: () => ObjectStore): void {
  it("given stored bytes of any kind, then they come back exactly", async () => {
    const store = openEmpty();
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 4096 }), async (bytes) => {
        await store.put("any/bytes", bytes);
        const stored = await store.get("any/bytes");
        expect(Buffer.from(stored?.bytes ?? [1]).equals(bytes)).toBe(true);
      }),
      { numRuns: 25 },
    );
  });

  it("given gzip bytes, an empty object and one of 9 MB, then none is decoded, refused or cut", async () => {
    const store = openEmpty();
    const contents = {
      "log.json.gz": Buffer.from("1f8b08000000000000038b8e050029bb4c0d02000000", "hex"),
      empty: new Uint8Array(0),
      large: Buffer.alloc(9_000_001, "payroot"),
    };
    for (const [key, bytes] of Object.entries(contents))
      await store.put(key, bytes, { contentType: "text/plain" });
    for (const [key, bytes] of Object.entries(contents)) {
      const stored = await store.get(key);
      expect(sha256(stored?.bytes)).toBe(sha256(bytes));
    }
  });

  it("given no such key, then get says undefined, and delete is no error", async () => {
    const store = openEmpty();
    expect(await store.get("nothing/here.json")).toBeUndefined();
    await store.delete("nothing/here.json");
    await store.put("a/b", text("x"));
    expect(await store.get("a")).toBeUndefined();
    expect(await store.get("a/b/c")).toBeUndefined();
    await store.delete("a");
    expect(await keysOf(store)).toEqual(["a/b"]);
  });

  it("when an object is deleted, then it is gone from get, list and listFolders", async () => {
    const store = openEmpty();
    await store.put("folder/gone", text("x"));
    await store.delete("folder/gone");
    expect(await store.get("folder/gone")).toBeUndefined();
    expect(await keysOf(store)).toEqual([]);
    expect(await store.listFolders("")).toEqual([]);
  });

  it("when a key is overwritten, then the new content is read and the version changes, in list as in get", async () => {
    const store = openEmpty();
    const versions = new Set<string>();
    for (const content of ["one", "two", "three", "one!"]) {
      await store.put("same/key.json", text(content));
      const stored = await store.get("same/key.json");
      const [info] = await infosOf(store);
      expect(Buffer.from(stored?.bytes ?? []).toString()).toBe(content);
      expect(info).toEqual({ key: "same/key.json", size: content.length, version: stored?.version });
      versions.add(stored?.version ?? "");
    }
    expect(versions.size).toBe(4);
  });

  it("given an object above maxBytes, then it is refused with its size and version; at maxBytes it is read", async () => {
    const store = openEmpty();
    await store.put("big", Buffer.alloc(100_000));
    const [info] = await infosOf(store);
    await expect(store.get("big", { maxBytes: 99_999 })).rejects.toMatchObject({
      code: "object-too-large",
      key: "big",
      size: 100_000,
      version: info?.version,
      retryable: false,
    });
    expect((await store.get("big", { maxBytes: 100_000 }))?.bytes.length).toBe(100_000);
    expect((await store.get("big"))?.bytes.length).toBe(100_000);
  });

  it("when writers and readers of one key run together, then each read is one whole content", async () => {
    const store = openEmpty();
    const contents = [Buffer.alloc(200_000, "a"), Buffer.alloc(300_000, "b"), Buffer.alloc(100_000, "c")];
    const whole = new Set(contents.map(sha256));
    await store.put("contested", contents[0] ?? text(""));
    const writes = Array.from({ length: 12 }, (_, turn) =>
      store.put("contested", contents[turn % 3] ?? text("")),
    );
    const reads = Array.from({ length: 24 }, () => store.get("contested"));
    for (const stored of await Promise.all(reads)) expect(whole).toContain(sha256(stored?.bytes));
    await Promise.all(writes);
  });

  it("given an aborted signal, then list and get throw its reason", async () => {
    const store = openEmpty();
    await store.put("a", text("x"));
    const reason = new Error("stopped by the user");
    const signal = AbortSignal.abort(reason);
    await expect(store.get("a", { signal })).rejects.toBe(reason);
    await expect(keysOf(store, { signal })).rejects.toBe(reason);
  });
}

function testListing(openEmpty: () => ObjectStore): void {
  it("given an empty store, then the listing has no page", async () => {
    const store = openEmpty();
    expect(await pagesOf(store)).toEqual([]);
    expect(await pagesOf(store, { prefix: "epochs/" })).toEqual([]);
    expect(await store.listFolders("epochs/")).toEqual([]);
  });

  it("given names around the slash and outside ASCII, then keys ascend in UTF-8 byte order", async () => {
    const store = openEmpty();
    const keys = [
      "a-b",
      "a.b",
      "a/b",
      "a/b-c",
      "a/c/d",
      "a0",
      "B",
      "us-west/x",
      "us/x",
      "é",
      "ﬀ",
      "😀/z",
      "a b+%41&'",
    ];
    for (const key of keys) await store.put(key, text(key));
    const listed = await keysOf(store);
    const inBytes = keys.map((key) => Buffer.from(key)).sort(Buffer.compare);
    expect(listed).toEqual(inBytes.map(String));
    for (const key of listed) expect(Buffer.from((await store.get(key))?.bytes ?? []).toString()).toBe(key);
  });

  it("given 2,345 objects in several folders, then full pages list each exactly once, from any place on", async () => {
    const store = openEmpty();
    const keys = Array.from(
      { length: 2345 },
      (_, n) => `${["us", "us-west", "eu/x"][n % 3]}/${(n * 7919) % 2345}.json`,
    );
    await Promise.all(keys.map((key) => store.put(key, text("{}"))));
    const sorted = [...keys].sort(compareKeys);

    const pages = await pagesOf(store);
    expect(pages.map((page) => page.length)).toEqual([1000, 1000, 345]);
    expect(pages.flat().map(({ key }) => key)).toEqual(sorted);

    for (const place of [0, 999, 1000, 1500, 2343]) {
      const startAfter = sorted[place] ?? "";
      expect(await keysOf(store, { startAfter })).toEqual(sorted.slice(place + 1));
    }
    expect(await keysOf(store, { prefix: "us/" })).toEqual(sorted.filter((key) => key.startsWith("us/")));
    expect(await keysOf(store, { prefix: "us" })).toEqual(sorted.filter((key) => key.startsWith("us")));
    expect(await keysOf(store, { prefix: "us/1", startAfter: "us/15" })).toEqual(
      sorted.filter((key) => key.startsWith("us/1") && compareKeys(key, "us/15") > 0),
    );
  });

  it("given a startAfter that is no key, a folder or outside the prefix, then listing goes on from there", async () => {
    const store = openEmpty();
    const keys = ["a/1", "a/2", "b/1", "b/2", "c"];
    for (const key of keys) await store.put(key, text("x"));
    expect(await keysOf(store, { startAfter: "a/" })).toEqual(keys);
    expect(await keysOf(store, { startAfter: "a" })).toEqual(keys);
    expect(await keysOf(store, { startAfter: "a0" })).toEqual(["b/1", "b/2", "c"]);
    expect(await keysOf(store, { startAfter: "b/1x" })).toEqual(["b/2", "c"]);
    expect(await keysOf(store, { startAfter: "z" })).toEqual([]);
    expect(await keysOf(store, { prefix: "b/", startAfter: "a/1" })).toEqual(["b/1", "b/2"]);
    expect(await keysOf(store, { prefix: "a/", startAfter: "b/1" })).toEqual([]);
  });

  it("given nested folders, then listFolders names those one level below a prefix", async () => {
    const store = openEmpty();
    const keys = [
      "eu-central/transcode/a.json",
      "us-central/ai/b.json",
      "us-central/transcode/c/d.json",
      "readme",
    ];
    for (const key of keys) await store.put(key, text("x"));
    expect(await store.listFolders("")).toEqual(["eu-central/", "us-central/"]);
    expect(await store.listFolders("us-central/")).toEqual(["us-central/ai/", "us-central/transcode/"]);
    expect(await store.listFolders("us-")).toEqual(["us-central/"]);
    expect(await store.listFolders("us-central/ai/")).toEqual([]);
    expect(await store.listFolders("missing/")).toEqual([]);
  });
}

function testKeys(openEmpty: () => ObjectStore): void {
  const refused = [
    "",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "../a",
    "a/../../b",
    "a/.hidden",
    "a\0b",
    "a\nb",
    "x".repeat(256),
  ];
  it.each(refused.map((key) => [JSON.stringify(key.slice(0, 20)), key]))(
    "given the key %s, then put refuses it and stores nothing",
    async (_, key) => {
      const store = openEmpty();
      await expect(store.put(key, text("x"))).rejects.toMatchObject({ code: "key-invalid", exitCode: 2 });
      expect(await keysOf(store)).toEqual([]);
    },
  );

  it("given a key that leaves the store, then get and list find nothing", async () => {
    const store = openEmpty();
    const name = randomUUID();
    await store.put(name, text("x"));
    for (const key of ["../etc/passwd", "a/../../etc/passwd", `./${name}`, `a/../${name}`]) {
      expect(await store.get(key)).toBeUndefined();
      expect(await keysOf(store, { prefix: key })).toEqual([]);
      await store.delete(key);
    }
    for (const prefix of ["/", "//", `/${name}`, ".", "\0"])
      expect(await keysOf(store, { prefix })).toEqual([]);
    expect(await keysOf(store)).toEqual([name]);
  });
}

function text(content: string): Uint8Array {
  return Buffer.from(content);
}

function sha256(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? "missing" : createHash("sha256").update(bytes).digest("hex");
}
