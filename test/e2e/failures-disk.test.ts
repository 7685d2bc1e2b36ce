import { spawnSync } from "node:child_process";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  close,
  expectNothingLost,
  failure,
  openFilledPool,
  payroot,
  program,
  start,
  undisturbed,
} from "./process.ts";

// In front of a command: no file of its may grow beyond so many blocks of 512 bytes.
const limited = (blocks: number) => ["sh", "-c", `ulimit -S -f ${blocks}; exec "$0" "$@"`];

test.each([
  ["the ledger's first file", 0, "data-directory-write-failed"],
  ["the archive", 40, "log-incomplete"],
  ["the ledger in the middle of the log", 100, "data-directory-write-failed"],
])("given no room for %s, it says so, and with room nothing is lost", async (_what, blocks, code) => {
  const pool = await openFilledPool();
  const { facts, next } = await failure(payroot(close, pool.env, limited(blocks)), { exitCode: 75, code });
  expect(facts.reason).toMatch(/file too large/i);
  expect(next).toMatch(/free (disk|some) space/);
  await expectNothingLost(pool);
});

// A disk of its own, which only the processes started here see.
const disk = (kilobytes: number) => `mount -t tmpfs -o size=${kilobytes}k none "$DATA_DIR"`;
const mayMount = spawnSync("unshare", ["-rm", "sh", "-c", disk(64)], {
  env: { ...process.env, DATA_DIR: "/tmp" },
});
// The first holds half of the objects, the second everything but what a close needs beside it.
test.each(mayMount.status === 0 ? [600, 1200] : [])(
  "given a disk of %i kB that is full, it says so, and on a larger one nothing is lost",
  async (kilobytes) => {
    const pool = await openFilledPool();
    const { LOG_URL, DATA_DIR = "" } = pool.env;
    await mkdir(DATA_DIR);
    const document = join(pool.folder, "error.json");
    const script = `${disk(kilobytes)}; "$0" "$@" > ${document}; test $? = 75 || exit 99
      mount -o remount,size=64m "$DATA_DIR"; exec "$0" "$@"`;
    const commandLine = ["unshare", "-rm", "sh", "-c", script, ...program, ...close];
    const { code, stdout, stderr } = await start(commandLine, { LOG_URL, DATA_DIR }).ended;
    expect(code, stderr).toBe(0);
    const { error } = JSON.parse(await readFile(document, "utf8"));
    expect(error.code).toMatch(/^(data-directory-write-failed|log-incomplete|disk-full)$/);
    expect(error.facts.reason).toMatch(/no space left on device/i);
    expect(error.next).toMatch(/free (disk|some) space/);
    expect(JSON.parse(stdout)).toEqual((await undisturbed()).manifest);
  },
);

// In front of a command: root, too, is bound by the modes of files.
const bound = "-dac_override,-dac_read_search";
const asMortal =
  process.getuid?.() === 0 ? ["setpriv", `--bounding-set=${bound}`, `--inh-caps=${bound}`] : [];

test.each([
  ["data", "data-directory-unusable", "directory"],
  ["archive", "log-incomplete", "reason"],
  ["artifacts", "store-read-only", "directory"],
])(
  "given a directory of the %s that is read-only, it says so, and once it is writable nothing is lost",
  async (name, code, fact) => {
    const pool = await openFilledPool();
    const directory = join(pool.folder, name);
    await mkdir(directory);
    await chmod(directory, 0o555);
    const { facts, next } = await failure(payroot(close, pool.env, asMortal), { exitCode: 2, code });
    await chmod(directory, 0o755);
    expect(facts[fact]).toContain(directory);
    expect(facts.reason).toMatch(/permission denied/);
    expect(next).toMatch(/write/);
    await expectNothingLost(pool);
  },
);

test("given a log that may only be read, that is enough", async () => {
  const pool = await openFilledPool();
  const log = join(pool.folder, "log");
  spawnSync("chmod", ["-R", "a-w", log]);
  const { code, stdout } = await payroot(close, pool.env, asMortal);
  spawnSync("chmod", ["-R", "u+w", log]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual((await undisturbed()).manifest);
});

test.each([
  ["DATA_DIR", "data-directory-unusable", (path: string) => `${path}/data`],
  ["ARCHIVE_URL", "store-not-a-directory", (path: string) => `file://${path}`],
])(
  "given a file where %s expects a directory, it says so, and with a directory nothing is lost",
  async (name, code, valueAt) => {
    const pool = await openFilledPool();
    const file = join(pool.folder, "file");
    await writeFile(file, "");
    const { facts } = await failure(payroot(close, { ...pool.env, [name]: valueAt(file) }), {
      exitCode: 2,
      code,
    });
    expect(JSON.stringify(facts)).toContain(file);
    expect(await readFile(file, "utf8")).toBe("");
    await expectNothingLost(pool);
  },
);
