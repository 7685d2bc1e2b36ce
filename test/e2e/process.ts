import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished } from "vitest";
import { openPool, type TestPool } from "../commands/payroot.ts";
import { account, aiJob, aiKey, aiReceipt, transcodeJob, transcodeKey } from "../support/events.ts";

/** The command line of payroot as a process: Node and the program. */
export const program: readonly string[] = [
  process.execPath,
  fileURLToPath(new URL("../../offchain/cli.ts", import.meta.url)),
];

/** Secrets of these tests: no output of any process may hold one. */
export const secrets = {
  s3Key: "s3-secret-that-nobody-may-see",
  rpcPassword: "rpc-password-that-nobody-may-see",
  privateKey: "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
};

/** How a process ended, and all it said. */
export type Ended = { readonly code: number | string; readonly stdout: string; readonly stderr: string };

/** A running process. */
export type Running = {
  readonly pid: number;
  readonly said: () => string;
  readonly kill: (signal: NodeJS.Signals) => void;
  /** Resolves when stderr matches; rejects when the process ends before. */
  readonly until: (pattern: RegExp) => Promise<RegExpExecArray>;
  readonly ended: Promise<Ended>;
};

/** Starts a command with only the given environment; the test's end ends it. */
export function start(commandLine: readonly string[], env: NodeJS.ProcessEnv): Running {
  const [file = "", ...argv] = commandLine;
  const own = { PATH: process.env.PATH, TMPDIR: process.env.TMPDIR, ...env };
  const child = spawn(file, argv, { stdio: ["ignore", "pipe", "pipe"], env: own });
  const said = { stdout: "", stderr: "" };
  const watchers = new Set<() => void>();
  for (const name of ["stdout", "stderr"] as const) {
    child[name].on("data", (chunk: Buffer) => {
      said[name] += chunk.toString();
      for (const watch of watchers) watch();
    });
  }
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code: code ?? signal ?? "unknown", ...said }));
  });
  onTestFinished(async () => {
    child.kill("SIGKILL");
    expectHarmless(await ended, { stacks: env.LOG_LEVEL === "debug" });
  });
  const until = (pattern: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(said.stderr);
        if (match !== null) resolve(match);
      };
      watchers.add(look);
      look();
      ended.then(
        ({ code, stderr }) => reject(new Error(`ended with ${code} before ${pattern}:\n${stderr}`)),
        reject,
      );
    });
  return {
    pid: child.pid ?? 0,
    said: () => said.stderr,
    kill: (signal) => void child.kill(signal),
    until,
    ended,
  };
}

/** Runs payroot to its end as a process, in front of it the words of `through`. */
export function payroot(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  through: readonly string[] = [],
): Promise<Ended> {
  return start([...through, ...program, ...argv], env).ended;
}

/** Runs payroot with `--json`, checks that it failed with `code` and said so in both ways, and gives the error. */
export async function failure(
  called: Promise<Ended>,
  expected: { readonly exitCode: number; readonly code: string },
): Promise<{ facts: Record<string, unknown>; next: string; retryable: boolean; message: string }> {
  const { code, stdout, stderr } = await called;
  expect(code, stderr).toBe(expected.exitCode);
  const { error } = JSON.parse(stdout);
  expect(error.code, stderr).toBe(expected.code);
  expect(error.retryable).toBe(expected.exitCode === 75);
  expect(stderr).toContain(`error [${expected.code}]: ${error.message}\n`);
  expect(stderr).toContain(`  next: ${error.next}\n`);
  return error;
}

/** Checks that a process showed no secret, and no stack unless stacks were asked for. */
function expectHarmless({ stdout, stderr }: Ended, { stacks }: { stacks: boolean }): void {
  for (const text of [stdout, stderr]) {
    if (!stacks) expect(text).not.toMatch(/^\s+at |\.ts:\d+:\d+|node:internal|Error: .*\n\s+at /m);
    for (const secret of Object.values(secrets)) expect(text).not.toContain(secret);
  }
}

/** Fills a pool's log: forty objects of work in two partitions, one of them cut short. */
export async function writeLog(pool: Pick<TestPool, "write">): Promise<void> {
  for (let index = 0; index < 38; index++) {
    const jobs = Array.from({ length: 50 }, (_, job) =>
      transcodeJob({ id: `${index} ${job}`, account: account(job), price: 1000 + index }),
    );
    await pool.write(transcodeKey(String(index).padStart(3, "0")), jobs);
  }
  await pool.write(transcodeKey("cut"), '[{"DT":');
  await pool.write(aiKey("0"), [
    aiJob({ id: "job", requestID: "a" }),
    aiReceipt({ id: "receipt", requestID: "a" }),
  ]);
}

/** The command that closes the epoch of these tests. */
export const close: readonly string[] = ["epoch", "close", "--at", "2025-11-06T00:00:00Z", "--json"];

/** Makes a pool with that log. */
export async function openFilledPool(): Promise<TestPool> {
  const pool = await openPool();
  await writeLog(pool);
  return pool;
}

/** Checks that a pool, whatever befell it, comes to the same epoch, file by file, as one that no fault ever touched. */
export async function expectNothingLost(pool: TestPool, env: NodeJS.ProcessEnv = {}): Promise<void> {
  expect(await outcomeOf(pool, env)).toEqual(await undisturbed());
}

/** The manifest and the artifacts of a pool that no fault ever touched. */
export function undisturbed(): ReturnType<typeof outcomeOf> {
  expected ??= openFilledPool().then(outcomeOf);
  return expected;
}

let expected: ReturnType<typeof outcomeOf> | undefined;

async function outcomeOf(pool: TestPool, env: NodeJS.ProcessEnv = {}) {
  const { code, stdout, stderr } = await pool.call(close, { env });
  expect(code, stderr).toBe(0);
  const manifest = JSON.parse(stdout) as unknown;
  return { manifest, artifacts: await filesOf(join(pool.folder, "artifacts")) };
}

/** A port of this machine that nobody listens on. */
export async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const place = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof place === "object" && place !== null ? place.port : 0;
}

/** The SHA-256 of every file below a directory, by path. */
export async function filesOf(directory: string): Promise<Record<string, string>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const hashes = files.sort().map(async (path) => {
    return [
      relative(directory, path),
      createHash("sha256")
        .update(await readFile(path))
        .digest("hex"),
    ];
  });
  return Object.fromEntries(await Promise.all(hashes));
}
