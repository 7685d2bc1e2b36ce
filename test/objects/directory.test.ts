import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDirectoryStore } from "../../offchain/objects/directory.ts";
import { directoryError } from "../../offchain/objects/directory-errors.ts";
import { openObjectStore } from "../../offchain/objects/open.ts";
import { testObjectStore } from "./conformance.ts";
import { keysOf } from "./listing.ts";

let home = "";
let made = 0;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "payroot-directory-"));
});

afterAll(async () => {
  await rm(home, { recursive: true, force: true });
});

testObjectStore("a directory", () => openDirectoryStore(newFolder()));

describe("a directory as an object store", () => {
  it("given links out of the root, then nothing is read, listed or written through them", async () => {
    const outside = newFolder();
    const root = newFolder();
    await writeFile(join(outside, "secret"), "secret");
    await symlink(outside, join(root, "folder"));
    await symlink(join(outside, "secret"), join(root, "file"));
    const store = openDirectoryStore(root);

    expect(await keysOf(store)).toEqual([]);
    expect(await keysOf(store, { prefix: "folder/" })).toEqual([]);
    expect(await store.listFolders("")).toEqual([]);
    expect(await store.get("file")).toBeUndefined();
    expect(await store.get("folder/secret")).toBeUndefined();
    await store.delete("folder/secret");
    await expect(store.put("folder/new", Buffer.from("x"))).rejects.toMatchObject({
      code: "key-through-link",
    });
    expect(await readdir(outside)).toEqual(["secret"]);
  });

  it("given a root that is itself a link, then it is used", async () => {
    const root = newFolder();
    await writeFile(join(root, "a"), "x");
    await symlink(root, `${root}-link`);
    expect((await openDirectoryStore(`${root}-link`).get("a"))?.bytes.length).toBe(1);
  });

  it("given hidden and half-written files, sockets and empty folders, then they are no objects", async () => {
    const root = newFolder();
    await writeFile(join(root, ".a.json.Xy12"), "half");
    await mkdir(join(root, "empty", "still-empty"), { recursive: true });
    await once(spawn("mkfifo", [join(root, "pipe")]), "close");
    const store = openDirectoryStore(root);
    expect(await keysOf(store)).toEqual([]);
    expect(await store.listFolders("")).toEqual([]);
    expect(await store.get(".a.json.Xy12")).toBeUndefined();
    expect(await store.get("pipe")).toBeUndefined();
  });

  it("when a put fails, then its temporary file is gone and the old content stands", async () => {
    const root = newFolder();
    const store = openDirectoryStore(root);
    await store.put("folder/a", Buffer.from("old"));
    await expect(store.put("folder", Buffer.from("x"))).rejects.toMatchObject({ code: "key-conflict" });
    await expect(store.put("folder/a/b", Buffer.from("x"))).rejects.toMatchObject({ code: "key-conflict" });
    expect(await readdir(root, { recursive: true })).toEqual(["folder", "folder/a"]);
    expect(Buffer.from((await store.get("folder/a"))?.bytes ?? []).toString()).toBe("old");
  });

  it("when a file is rewritten in place with the same size, or replaced, then its version changes", async () => {
    const root = newFolder();
    const store = openDirectoryStore(root);
    const versions = new Set<string | undefined>();
    const note = async () => versions.add((await store.get("a"))?.version);
    await writeFile(join(root, "a"), "12345");
    await note();
    await truncate(join(root, "a"), 3);
    await note();
    await writeFile(join(root, "other"), "123");
    await rename(join(root, "other"), join(root, "a"));
    await note();
    expect(versions.size).toBe(3);
  });
});

describe("opening and using a directory that is not right", () => {
  it("given a missing root, then reads and writes say so, and create makes it", async () => {
    const url = pathToFileURL(join(newFolder(), "not", "there")).href;
    const store = openObjectStore(url);
    const missing = { code: "directory-missing", exitCode: 2, retryable: false };
    await expect(keysOf(store)).rejects.toMatchObject(missing);
    await expect(store.get("a")).rejects.toMatchObject(missing);
    await expect(store.put("a", Buffer.from("x"))).rejects.toMatchObject(missing);
    await expect(store.listFolders("")).rejects.toMatchObject(missing);

    const created = openObjectStore(url, { create: true });
    await created.put("a", Buffer.from("x"));
    expect((await openObjectStore(url, { create: true }).get("a"))?.bytes.length).toBe(1);
  });

  it("given a file as the root, then it says that it is no directory", async () => {
    const file = join(newFolder(), "file");
    await writeFile(file, "x");
    const wrong = { code: "store-not-a-directory", exitCode: 2, retryable: false };
    await expect(openObjectStore(pathToFileURL(file).href).get("a")).rejects.toMatchObject(wrong);
    await expect(keysOf(openObjectStore(pathToFileURL(file).href))).rejects.toMatchObject(wrong);
    expect(() => openObjectStore(pathToFileURL(join(file, "below")).href, { create: true })).toThrow(
      expect.objectContaining(wrong),
    );
  });

  it("given a place where nobody may write, then put says that it is read-only", async () => {
    // The kernel's own file system refuses new files to everyone, root included.
    const store = openObjectStore("file:///sys/kernel");
    await expect(store.put("payroot", Buffer.from("x"))).rejects.toMatchObject({
      code: "store-read-only",
      exitCode: 2,
      retryable: false,
    });
  });

  it.each([
    ["ENOSPC", "disk-full", 75],
    ["EDQUOT", "disk-full", 75],
    ["EROFS", "store-read-only", 2],
    ["EMFILE", "store-unreachable", 75],
    ["EIO", "store-unreachable", 75],
  ])("given the system error %s, then the error is %s with exit code %i", (code, expected, exitCode) => {
    const error = directoryError(Object.assign(new Error("no"), { code }), {
      root: "/data",
      key: "a",
      writing: true,
    });
    expect(error).toMatchObject({
      code: expected,
      exitCode,
      next: expect.any(String),
      facts: { directory: "/data" },
    });
  });

  it("given a folder that may not be read, then it says access denied, not empty", () => {
    const error = directoryError(Object.assign(new Error("no"), { code: "EACCES" }), { root: "/data" });
    expect(error).toMatchObject({ code: "store-access-denied", exitCode: 2 });
  });
});

function newFolder(): string {
  made += 1;
  const folder = join(home, `store-${made}`);
  mkdirSync(folder);
  return folder;
}
