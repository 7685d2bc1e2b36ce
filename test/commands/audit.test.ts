import { rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openObjectStore } from "../../offchain/objects/open.ts";
import { account, transcodeJob, transcodeKey } from "../support/events.ts";
import { temporaryFolder } from "../support/ledger.ts";
import { startReceiver, webhookSecret } from "../support/receiver.ts";
import { openPool, type TestPool } from "./payroot.ts";

test("given closed epochs, when they are audited, then the document has exactly the shape that is promised", async () => {
  const pool = await closedPool();

  const report = await pool.json(["audit"]);

  expect(Object.keys(report)).toEqual(["ok", "epochs"]);
  const epochs = report.epochs as Record<string, unknown>[];
  expect(epochs.map((epoch) => [Object.keys(epoch), epoch.epoch, epoch.ok])).toEqual([
    [["epoch", "ok", "checks"], 1, true],
    [["epoch", "ok", "checks"], 2, true],
  ]);
  const [checks] = epochs.map((epoch) => epoch.checks as Record<string, unknown>[]);
  expect(Object.keys(checks?.[0] ?? {})).toEqual(["name", "ok", "expected", "actual", "detail"]);
  const alone = { ...epochs[1], checks: checks?.slice(0, -1).map(({ name }) => name) };
  const [second] = (await pool.json(["audit", "--epoch", "2"])).epochs as { checks: { name: string }[] }[];
  expect({ ...second, checks: second?.checks.map(({ name }) => name) }).toEqual(alone);
});

test("given no chain and no data directory, when epochs are audited, then it says what was not compared", async () => {
  const pool = await closedPool();
  await rm(join(pool.folder, "data"), { recursive: true });

  const { code, stdout } = await pool.call(["audit", "--cache", join(pool.folder, "cache")]);

  expect(code).toBe(0);
  expect(stdout).toBe(
    "every check holds in 2 epochs\nno chain is configured: nothing was compared with what is on chain\n",
  );
  const { LOG_URL: _, ...env } = pool.env;
  const without = await pool.call(["audit", "--quiet"], { env: { ...env, LOG_URL: "" } });
  expect(without.stdout).toContain("withheld was not looked at");
});

test("given a discrepancy, when epochs are audited, then it ends with 3 and names account, event and object", async () => {
  const pool = await closedPool();
  const artifacts = openObjectStore(pool.env.ARTIFACTS_URL ?? "");
  const key = "epochs/000002/earnings.ndjson";
  const text = Buffer.from((await artifacts.get(key))?.bytes ?? []).toString();
  await artifacts.put(key, Buffer.from(text.replace('"earned":"', '"earned":"1')));

  const { code, stdout } = await pool.call(["audit"]);

  expect(code).toBe(3);
  expect(stdout).toMatch(/^epoch 2: 3 of 17 checks do not hold\n {2}files\n/);
  expect(stdout).toContain(`wei too much for ${account(1)}`);
  expect(stdout).toContain(`in object ${transcodeKey("b")} at position 0`);
  expect((await pool.json(["audit"], 3)).ok).toBe(false);
});

test("given a mirror, when it is audited, then nothing else is read", async () => {
  const pool = await closedPool();
  const mirror = await mirrorOf(pool);
  const url = await served(mirror);
  const env = { LOG_URL: "", ARCHIVE_URL: "file:///nowhere/a", ARTIFACTS_URL: "file:///nowhere/b" };
  const expected = (await pool.json(["audit"])).epochs as { checks: unknown[] }[];

  for (const from of [`file://${mirror}`, url]) {
    const cache = await temporaryFolder();
    const { code, stdout } = await pool.call(["audit", "--json", "--from", from, "--cache", cache], { env });
    expect(code).toBe(0);
    const { epochs } = JSON.parse(stdout) as { epochs: { checks: unknown[] }[] };
    expect(epochs.map(({ checks }) => checks)).toEqual(expected.map(({ checks }) => checks.slice(0, -1)));
  }
});

test("given a mirror of the published files alone, when an archive is given beside it, then that is read", async () => {
  const pool = await closedPool();
  const { ARTIFACTS_URL: mirror = "", ARCHIVE_URL: archive = "" } = pool.env;
  const env = { LOG_URL: "", ARCHIVE_URL: "file:///nowhere/a", ARTIFACTS_URL: "file:///nowhere/b" };
  const auditOf = async (...flags: string[]) => {
    const cache = await temporaryFolder();
    return pool.call(["audit", "--from", mirror, "--cache", cache, ...flags], { env });
  };

  const without = await auditOf();
  expect([without.code, without.stdout]).toEqual([3, expect.stringContaining("archive")]);
  const given = await auditOf("--archive", archive);
  expect(given.code, given.stderr).toBe(0);
  expect(given.stdout).toContain("every check holds in 2 epochs");
});

test("given a mirror that does not answer, when it is audited, then that is no discrepancy: 75", async () => {
  const pool = await closedPool();
  const broken = createServer((_, response) => response.writeHead(503).end());
  const url = await listening(broken);

  const called = await pool.call(["audit", "--from", url]);

  expect(called.code).toBe(75);
  expect(called.stderr).toContain("store-unreachable");
}, 60_000);

test("given --watch, when an epoch goes wrong, then metrics, notes and webhooks tell, and the end is 3", async () => {
  const pool = await closedPool();
  const stop = new AbortController();
  const receiver = await startReceiver(webhookSecret);
  const webhooks = { WEBHOOK_URLS: receiver.url, WEBHOOK_SECRET: webhookSecret };
  const env = { S3_SENSOR_INTERVAL_SECONDS: "1", ...webhooks };
  const metrics: string[] = [];
  let notes = "";
  const watching = pool.call(["audit", "--watch"], {
    env,
    signal: stop.signal,
    onNote: (text) => {
      notes += text;
    },
  });
  const read = async (wanted: string): Promise<string> => {
    for (;;) {
      const url = /serving (\S+\/metrics)/.exec(notes)?.[1];
      const text = url === undefined ? "" : await (await fetch(url)).text();
      if (text.includes(wanted)) return text;
      await new Promise((resolve) => setImmediate(resolve));
    }
  };

  metrics.push(await read("payroot_root_verified 2\n"));
  await rm(join(pool.folder, "artifacts/epochs/000002/leaves.ndjson"));
  await writeFile(join(pool.folder, "artifacts/epochs/000002/manifest.json"), "{}");
  metrics.push(await read("payroot_root_mismatch_total 1\n"));
  const [told] = await receiver.until(1);
  stop.abort();
  const { code } = await watching;

  expect(metrics[0]).toContain("payroot_root_mismatch_total 0\n");
  expect(metrics[0]).toContain("payroot_audit_lag_epochs 0\n");
  expect(metrics[1]).toContain("payroot_root_verified 1\n");
  expect(metrics[1]).toContain("payroot_audit_lag_epochs 1\n");
  expect(notes).toContain("epoch 2 is at fault: manifest");
  expect(told?.body).toMatchObject({ type: "epoch.mismatch", data: { epoch: 2, check: "manifest" } });
  expect(code).toBe(3);
});

test("given the data directory and the artifacts are lost, when payroot goes on, then it refuses, rebuilds and goes on", async () => {
  const pool = await closedPool();
  const before = await pool.json(["audit"]);
  await rm(join(pool.folder, "data"), { recursive: true });
  await rm(join(pool.folder, "artifacts"), { recursive: true });

  for (const argv of [["ingest", "--once"], ["epoch", "close"], ["run"]]) {
    const refused = await pool.call(argv);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("data-directory-lost");
    expect(refused.stderr).toContain("payroot ledger rebuild");
  }
  expect(await pool.json(["ledger", "rebuild"])).toEqual({ epochs: 2, posted: 0, openObjects: 0 });
  for (const epoch of ["2", "1"]) {
    const rebuilt = await pool.json(["epoch", "rebuild", epoch]);
    expect(rebuilt).toMatchObject({ epoch: Number(epoch), confirmed: "archive" });
  }
  expect(await pool.json(["audit"])).toEqual(before);
  expect(await pool.json(["ingest", "--once"])).toMatchObject({ objects: 0 });
  await pool.write(transcodeKey("c"), [transcodeJob({ id: "3" })]);
  expect(await pool.json(["epoch", "close"])).toMatchObject({ epoch: 3 });
});

test("given an edited file, when its epoch is rebuilt without a chain, then it ends with 3", async () => {
  const pool = await closedPool();
  await writeFile(join(pool.folder, "artifacts/epochs/000001/leaves.ndjson"), "");
  const { code, stdout } = await pool.call(["epoch", "rebuild", "1"]);
  expect(code).toBe(3);
  expect(stdout).toContain("different  leaves.ndjson");
});

async function closedPool(): Promise<TestPool> {
  const pool = await openPool();
  for (const [index, name] of ["a", "b"].entries()) {
    const id = `${index + 1}`;
    await pool.write(transcodeKey(name), [transcodeJob({ id, account: account(index) })]);
    await pool.json(["epoch", "close", "--at", `2025-11-0${index + 6}T00:00:00Z`]);
  }
  return pool;
}

/** A folder with everything that a pool publishes. */
async function mirrorOf(pool: TestPool): Promise<string> {
  const folder = await temporaryFolder();
  const mirror = openObjectStore(`file://${folder}`);
  for (const url of [pool.env.ARTIFACTS_URL, pool.env.ARCHIVE_URL]) {
    const store = openObjectStore(url ?? "");
    for await (const page of store.list()) {
      for (const { key } of page) await mirror.put(key, (await store.get(key))?.bytes ?? Buffer.of());
    }
  }
  return folder;
}

async function served(folder: string): Promise<string> {
  const store = openObjectStore(`file://${folder}`);
  const server = createServer((request, response) => {
    void store.get(decodeURIComponent((request.url ?? "").slice(1))).then((stored) => {
      if (stored === undefined) response.writeHead(404).end();
      else response.writeHead(200, { "content-length": stored.bytes.length }).end(stored.bytes);
    });
  });
  return listening(server);
}

async function listening(server: ReturnType<typeof createServer>): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
