import { cp, mkdir, readdir, readFile, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openPool, type TestPool } from "../commands/payroot.ts";
import { account, transcodeJob, transcodeKey } from "../support/events.ts";
import { close, filesOf, openFilledPool, payroot, program, start, undisturbed, writeLog } from "./process.ts";

const backupIn = (pool: TestPool) => join(pool.folder, "copy.backup");
const elsewhere = (pool: TestPool) => ({ ...pool.env, DATA_DIR: join(pool.folder, "restored") });

/** Restores a backup beside the pool's own data directory, reads the rest, and closes. */
async function expectSameAfterRestore(pool: TestPool): Promise<void> {
  const env = elsewhere(pool);
  const restored = await payroot(["restore", backupIn(pool)], env);
  expect(restored.code, restored.stderr).toBe(0);
  const { code, stdout, stderr } = await payroot(close, env);
  expect(code, stderr).toBe(0);
  const { manifest, artifacts } = await undisturbed();
  expect(JSON.parse(stdout)).toEqual(manifest);
  expect(await filesOf(join(pool.folder, "artifacts"))).toEqual(artifacts);
}

test("given a daemon in the middle of reading, a backup of that moment, restored elsewhere, goes on to the same epoch", async () => {
  const pool = await openPool();
  await mkdir(join(pool.folder, "log"), { recursive: true });
  const daemon = start([...program, "run"], {
    ...pool.env,
    S3_SENSOR_INTERVAL_SECONDS: "1",
    EPOCH_SECONDS: "31536000",
  });
  const [, url = ""] = await daemon.until(/serving (\S+),/);
  const writing = writeLog(pool);
  await daemon.until(/read \d+ objects/);

  const made = await payroot(["backup", backupIn(pool), "--json"], pool.env);

  expect(made.code, made.stderr).toBe(0);
  expect(JSON.parse(made.stdout)).toMatchObject({
    file: backupIn(pool),
    epoch: 1,
    entries: expect.any(Number),
  });
  expect((await stat(backupIn(pool))).mode & 0o777).toBe(0o600);
  expect((await fetch(`${url}/v1/workers/${account(0)}`)).status).toBe(200);
  await writing;
  daemon.kill("SIGKILL");
  await daemon.ended;
  await expectSameAfterRestore(pool);
});

test("given nobody on the data directory, a backup into a directory has a name of its own, and restores", async () => {
  const pool = await openFilledPool();
  await pool.call(["ingest", "--once"]);
  const folder = join(pool.folder, "backups");
  await mkdir(folder);

  const { file } = await pool.json(["backup", folder]);

  expect(await readdir(folder)).toEqual([expect.stringMatching(/^payroot-\d{8}T\d{6}Z\.backup$/)]);
  await cp(String(file), backupIn(pool));
  await expectSameAfterRestore(pool);
});

test("given a path of the data directory that is too long for a socket, the daemon is reached all the same", async () => {
  const pool = await openPool();
  const env = { ...pool.env, DATA_DIR: join(pool.folder, "d".repeat(120)), S3_SENSOR_INTERVAL_SECONDS: "1" };
  const daemon = start([...program, "run"], env);
  await daemon.until(/serving/);
  const made = await payroot(["backup", backupIn(pool)], env);
  expect(made.code, made.stderr).toBe(0);
});

async function openBackedUp(): Promise<TestPool> {
  const pool = await openPool();
  await pool.write(transcodeKey("1"), [transcodeJob({ id: "1", account: account(0) })]);
  await pool.call(["ingest", "--once"]);
  await pool.json(["backup", backupIn(pool)]);
  return pool;
}

test.each([
  ["cut short", (file: string) => truncate(file, 300)],
  [
    "damaged",
    async (file: string) =>
      writeFile(
        file,
        (await readFile(file)).map((byte, at) => (at === 400 ? byte ^ 1 : byte)),
      ),
  ],
  ["something else", (file: string) => writeFile(file, "no backup")],
])("given a backup that is %s, nothing is put in place", async (_how, spoil) => {
  const pool = await openBackedUp();
  await spoil(backupIn(pool));

  const { code, stdout } = await pool.call(["restore", backupIn(pool), "--json"], { env: elsewhere(pool) });

  expect([code, JSON.parse(stdout).error.code]).toEqual([3, "backup-invalid"]);
  expect(await readdir(join(pool.folder, "restored"))).toEqual([]);
});

test("given a data directory with a ledger, or a file of that name, both are left as they are", async () => {
  const pool = await openBackedUp();
  const before = await filesOf(join(pool.folder, "data", "ledger"));

  expect(await pool.json(["restore", backupIn(pool)], 2)).toMatchObject({
    error: { code: "data-directory-not-empty" },
  });
  expect(await pool.json(["backup", backupIn(pool)], 2)).toMatchObject({ error: { code: "backup-exists" } });
  expect(await filesOf(join(pool.folder, "data", "ledger"))).toEqual(before);
});

test("given no ledger, no backup, and no ledger made", async () => {
  const pool = await openPool();
  expect(await pool.json(["backup", backupIn(pool)], 2)).toMatchObject({
    error: { code: "data-directory-missing" },
  });
  expect(await readdir(pool.folder)).toEqual(["log"]);
  expect(await pool.json(["restore", backupIn(pool)], 2)).toMatchObject({
    error: { code: "backup-unreadable" },
  });
});

test("given a backup older than the last close, it is refused with what to do, and that brings it up to date", async () => {
  const pool = await openBackedUp();
  await pool.json(["epoch", "close", "--at", "2025-11-06T00:00:00Z"]);
  const env = elsewhere(pool);
  await pool.call(["restore", backupIn(pool)], { env });

  const refused = await pool.call(["ingest", "--once", "--json"], { env });

  expect(JSON.parse(refused.stdout).error).toMatchObject({
    code: "data-directory-lost",
    next: expect.stringContaining("payroot ledger rebuild"),
  });
  expect((await pool.call(["ledger", "rebuild"], { env })).code).toBe(0);
  const { code, stdout } = await pool.call(["epoch", "list", "--json"], { env });
  expect([code, JSON.parse(stdout)]).toMatchObject([0, { epochs: [{ epoch: 1 }] }]);
});
