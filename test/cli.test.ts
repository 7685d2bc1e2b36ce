import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { main } from "../offchain/cli.ts";
import packageJson from "../package.json" with { type: "json" };
import { samples } from "./commands/sample.ts";

const address = "0xAb5801a7D398351b8bE11C439e05C5B3259aeC9B";

async function payroot(
  argv: readonly string[],
  given: { env?: NodeJS.ProcessEnv; signal?: AbortSignal } = {},
) {
  const seen = { stdout: "", stderr: "", code: -1 };
  const stream = (name: "stdout" | "stderr") => ({
    write: (text: string) => {
      seen[name] += text;
    },
  });
  const { env = {}, signal = new AbortController().signal } = given;
  const streams = { stdout: stream("stdout"), stderr: stream("stderr") };
  seen.code = await main({ argv, ...streams, signal, env, commands: samples });
  return seen;
}

function start(file: "offchain/cli.ts" | "test/commands/sample-process.ts", argv: readonly string[]) {
  const path = fileURLToPath(new URL(`../${file}`, import.meta.url));
  const child = spawn(process.execPath, [path, ...argv], { stdio: ["ignore", "pipe", "pipe"] });
  const seen = { child, stdout: "", stderr: "" };
  child.stdout.on("data", (chunk) => (seen.stdout += chunk));
  child.stderr.on("data", (chunk) => (seen.stderr += chunk));
  return seen;
}

async function ended(child: ChildProcess): Promise<unknown> {
  const [code, signal] = await once(child, "close");
  return code ?? signal;
}

test("given --help, the whole table and the global flags are on stdout", async () => {
  const { code, stdout, stderr } = await payroot(["--help"]);
  expect([code, stderr]).toEqual([0, ""]);
  for (const part of ["--json", "--config <file>", "--log <url>", "--data-dir <dir>", "worker", "opening"]) {
    expect(stdout).toContain(part);
  }
});

test.each([
  ["worker", "help", "echo"],
  ["worker", "echo", "--help"],
])("given %s %s %s, its arguments, options and the global flags are on stdout", async (...argv) => {
  const { code, stdout } = await payroot(argv);
  expect(code).toBe(0);
  for (const part of ["<account> <epoch>", "--from-mirror <text>", "--broadcast", "--json", "the worker"]) {
    expect(stdout).toContain(part);
  }
});

test("given --version, it is that of the package", async () => {
  expect(await payroot(["--version"])).toMatchObject({ code: 0, stdout: `${packageJson.version}\n` });
});

test("given arguments and options, the command reads them and its value is printed for people", async () => {
  const { code, stdout, stderr } = await payroot(["worker", "echo", address.toLowerCase(), "7"]);
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toBe(`account   ${address}\nepochWei  100000000000000000000\n`);
});

test.each([
  [
    "before",
    ["--json", "--data-dir", "/d", "worker", "echo", address, "7", "--broadcast", "--from-mirror=m"],
  ],
  [
    "behind",
    ["worker", "echo", address, "7", "--broadcast", "--from-mirror", "m", "--json", "--data-dir", "/d"],
  ],
])("given global flags %s the command, stdout is one JSON document", async (_place, argv) => {
  const { code, stdout } = await payroot(argv, { env: { DATA_DIR: "/env" } });
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual({
    account: address,
    epoch: 7,
    fromMirror: "m",
    broadcast: true,
    dataDir: "/d",
    epochWei: "100000000000000000000",
  });
});

test.each([
  [["wroker"], "Unknown command 'wroker'.", "did you mean worker?"],
  [["worker", "eco"], "Unknown command 'eco'.", "did you mean echo?"],
  [["opening", "--jsno"], "Unknown option '--jsno'.", "did you mean --json?"],
  [["opening", "--key=hunter2"], "Unknown option '--key'.", "see payroot --help"],
  [["worker", "echo", address], "Missing required argument 'epoch'.", "see payroot --help"],
  [
    ["opening", "more"],
    "Too many arguments for 'opening'. Expected 0 arguments but got 1: more.",
    "see payroot --help",
  ],
  [["opening", "--log"], "Option '--log <url>' argument missing.", "see payroot --help"],
  [
    ["worker", "echo", "0x12", "7"],
    'The value of "account" cannot be used.',
    "correct it and run the command again",
  ],
  [
    ["worker", "echo", address, "-1"],
    'The value of "epoch" cannot be used.',
    "correct it and run the command again",
  ],
  [
    ["worker", "echo", address, "1.5"],
    'The value of "epoch" cannot be used.',
    "correct it and run the command again",
  ],
])("given %j, it is a usage error that says what to do", async (argv, message, next) => {
  const { code, stdout, stderr } = await payroot(["--json", ...argv]);
  expect(code).toBe(2);
  expect(JSON.parse(stdout).error).toMatchObject({ code: "usage-invalid", message, next });
  expect(stderr).toContain(`error [usage-invalid]: ${message}`);
  expect(stderr).not.toContain("hunter2");
});

test.each([[[]], [["worker"]]])("given %j, the help is on stderr and it is a usage error", async (argv) => {
  const { code, stdout, stderr } = await payroot(argv);
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(/^Usage: payroot/);
  expect(stderr).toContain("error [usage-invalid]: A command is missing.");
});

test("given a bad configuration, the command does not start", async () => {
  const { code, stderr } = await payroot(["opening", "--log", "here"], { env: { HTTP_PORT: "x" } });
  expect(code).toBe(2);
  expect(stderr).toContain("error [configuration-invalid]: 2 settings are wrong.");
  expect(stderr).toMatch(/--log {6}given "here", expected s3:/);
  expect(stderr).not.toContain("closed");
});

test("given a command that opens things, they are closed before it prints, the last first", async () => {
  expect(await payroot(["opening"])).toMatchObject({
    code: 0,
    stdout: "opened\n",
    stderr: "closed 2\nclosed 1\n",
  });
});

test("given a command that fails, what it opened is closed and the first fault is the one reported", async () => {
  const { code, stdout, stderr } = await payroot(["opening", "--fail", "--fail-closing"]);
  expect([code, stdout]).toEqual([75, ""]);
  expect(stderr).toBe("closed 2\nclosed 1\nerror [busy]: It is busy.\n");
});

test("given a command that cannot close what it opened, that is its failure", async () => {
  const { code, stdout, stderr } = await payroot(["opening", "--fail-closing"]);
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toContain("closed 1\nerror [closing-failed]");
});

test("given a value that is a discrepancy, it is printed and the exit code is 3", async () => {
  expect(await payroot(["differing"])).toMatchObject({ code: 3, stdout: "ok false\n", stderr: "" });
});

test("given a fault of ours, it is an internal error without a stack", async () => {
  const { code, stderr } = await payroot(["broken"]);
  expect(code).toBe(1);
  expect(stderr).toContain("error [internal]");
  expect(stderr).not.toContain("sample.ts");
  expect((await payroot(["broken"], { env: { PAYROOT_DEBUG: "1" } })).stderr).toContain("sample.ts");
});

test("given a signal, a command that returns is done and one that throws its reason is temporary", async () => {
  const stopping = (argv: string[]) => {
    const stop = new AbortController();
    const call = payroot(argv, { signal: stop.signal });
    stop.abort();
    return call;
  };
  expect(await stopping(["endless"])).toMatchObject({ code: 0, stdout: "stopped cleanly\n" });
  const aborted = await stopping(["endless", "--abort"]);
  expect([aborted.code, aborted.stdout]).toEqual([75, ""]);
  expect(aborted.stderr).toContain("error [interrupted]: It was stopped before it was done.");
});

test("given payroot as a process, --version works and a wrong flag exits 2", async () => {
  const version = start("offchain/cli.ts", ["--version"]);
  expect([await ended(version.child), version.stdout]).toEqual([0, `${packageJson.version}\n`]);
  const wrong = start("offchain/cli.ts", ["--wrong"]);
  expect([await ended(wrong.child), wrong.stdout]).toEqual([2, ""]);
  expect(wrong.stderr).toContain("error [usage-invalid]: Unknown option '--wrong'.");
});

test.each(["SIGINT", "SIGTERM"] as const)("given %s, a process ends cleanly", async (signal) => {
  const seen = start("test/commands/sample-process.ts", ["endless"]);
  await once(seen.child.stderr, "data");
  seen.child.kill(signal);
  expect(await ended(seen.child)).toBe(0);
  expect(seen.stdout).toBe("stopped cleanly\n");
});

test("given a process that does not stop, a second signal makes it", async () => {
  const seen = start("test/commands/sample-process.ts", ["endless", "--stubborn"]);
  await once(seen.child.stderr, "data");
  seen.child.kill("SIGINT");
  await once(seen.child.stderr, "data");
  expect(seen.stderr).toContain("stopping; once more to stop at once");
  seen.child.kill("SIGINT");
  expect(await ended(seen.child)).toBe(75);
});

test("given a reader that goes away, a process ends without a complaint", async () => {
  const seen = start("test/commands/sample-process.ts", ["flood"]);
  await once(seen.child.stdout, "data");
  seen.child.stdout.destroy();
  expect(await ended(seen.child)).toBe(0);
  expect(seen.stderr).toBe("");
});

test("given an error that nobody catches, a process says so in one sentence and exits 1", async () => {
  const seen = start("test/commands/sample-process.ts", ["leaking"]);
  expect(await ended(seen.child)).toBe(1);
  expect(seen.stderr).toContain("error [internal]");
  expect(seen.stderr).toContain("nobody catches this");
  expect(seen.stderr).not.toContain("sample.ts");
});
