import { spawnSync } from "node:child_process";
import { chmod, chown, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { LedgerStore } from "../../offchain/store/ledger-store.ts";
import { openLevelStore } from "../../offchain/store/level.ts";
import { temporaryFolder } from "../support/ledger.ts";
import { testLedgerStore } from "./conformance.ts";

async function openIn(folder: string): Promise<LedgerStore> {
  const store = await openLevelStore(folder);
  onTestFinished(() => store.close());
  return store;
}

testLedgerStore("LevelDB", async () => openIn(join(await temporaryFolder(), "ledger")));

const entry = { key: Buffer.from("key"), value: Buffer.from("value") };

test("given a store that was closed, when it is opened again, then it holds what was written, durable or not", async () => {
  const folder = join(await temporaryFolder(), "deep", "ledger");
  const first = await openLevelStore(folder);
  await first.write([entry], { durable: true });
  await first.write([{ key: Buffer.from("other"), value: Buffer.from("2") }], { durable: false });
  await first.close();
  const again = await openIn(folder);
  const values = await again.getMany([entry.key, Buffer.from("other")]);
  expect(values.map((value) => Buffer.from(value ?? []).toString())).toEqual(["value", "2"]);
});

test("given a directory that is open already, then opening it again says so, and that it may pass", async () => {
  const folder = join(await temporaryFolder(), "ledger");
  const first = await openIn(folder);
  await expect(openLevelStore(folder)).rejects.toMatchObject({
    code: "data-directory-locked",
    retryable: true,
    exitCode: 75,
    facts: { directory: folder },
  });
  await first.write([entry], { durable: true });
  expect(await first.getMany([entry.key])).toEqual([entry.value]);
});

test("given a directory that another process holds, then opening it says that it is locked", async () => {
  const folder = join(await temporaryFolder(), "ledger");
  await openIn(folder);
  const script = `
    import { openLevelStore } from ${JSON.stringify(new URL("../../offchain/store/level.ts", import.meta.url).href)};
    await openLevelStore(process.argv[1]).catch((error) => console.log(error.code));
  `;
  const child = spawnSync(process.execPath, ["--input-type=module", "-e", script, folder], {
    encoding: "utf8",
  });
  expect(child.stdout.trim()).toBe("data-directory-locked");
});

test("given a file where the directory should be, or above it, then it is unusable and the error says what to do", async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, "file"), "");
  for (const path of [join(folder, "file"), join(folder, "file", "ledger")]) {
    await expect(openLevelStore(path)).rejects.toMatchObject({
      code: "data-directory-unusable",
      exitCode: 2,
      facts: { directory: path, reason: expect.stringMatching(/./) },
      next: expect.stringContaining("--data-dir"),
    });
  }
});

test("given a directory that may only be read, then it is unusable", async () => {
  const folder = await temporaryFolder();
  const directory = join(folder, "ledger");
  await mkdir(directory);
  await chmod(directory, 0o555);
  await asOrdinaryUser(folder, async () => {
    await expect(openLevelStore(directory)).rejects.toMatchObject({ code: "data-directory-unusable" });
    await expect(openLevelStore(join(directory, "below"))).rejects.toMatchObject({
      code: "data-directory-unusable",
    });
  });
});

/** Permissions do not bind the superuser, as whom containers often run tests. */
async function asOrdinaryUser(folder: string, work: () => Promise<void>): Promise<void> {
  if (process.geteuid?.() !== 0) return work();
  await chown(folder, 65_534, 65_534);
  process.seteuid?.(65_534);
  try {
    await work();
  } finally {
    process.seteuid?.(0);
  }
}

test("given bytes that are no database in the directory, then it is unusable and they stay as they are", async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, "CURRENT"), "not a database");
  await expect(openLevelStore(folder)).rejects.toMatchObject({ code: "data-directory-unusable" });
});
