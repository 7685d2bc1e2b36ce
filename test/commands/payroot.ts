import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { main } from "../../offchain/cli.ts";
import { openObjectStore } from "../../offchain/objects/open.ts";
import { temporaryFolder } from "../support/ledger.ts";

/** What a call of payroot came to. */
export type Called = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** A pool in a temporary folder, and payroot called on it as from a terminal. */
export type TestPool = {
  readonly folder: string;
  /** The environment that names the pool's directories. */
  readonly env: NodeJS.ProcessEnv;
  /** Writes an object into the log: a list as a JSON array, a text as it is. */
  readonly write: (key: string, content: unknown) => Promise<void>;
  readonly remove: (key: string) => Promise<void>;
  readonly call: (argv: readonly string[], given?: CallOptions) => Promise<Called>;
  /** Calls with `--json` and gives the one document that stdout must hold. */
  readonly json: (argv: readonly string[], code?: number) => Promise<Record<string, unknown>>;
};

type CallOptions = {
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
  /** Told of everything on stderr as it comes. */
  readonly onNote?: (text: string) => void;
};

/** Makes a pool that goes away with the test; `settings` join its environment. */
export async function openPool(settings: NodeJS.ProcessEnv = {}): Promise<TestPool> {
  const folder = await temporaryFolder();
  const directory = (name: string) => join(folder, name);
  await mkdir(directory("log"));
  const log = openObjectStore(`file://${directory("log")}`);
  const env = {
    LOG_URL: log.url,
    ARCHIVE_URL: `file://${directory("archive")}`,
    ARTIFACTS_URL: `file://${directory("artifacts")}`,
    DATA_DIR: directory("data"),
    HTTP_PORT: "0",
    ...settings,
  };
  const call: TestPool["call"] = async (argv, given = {}) => {
    const seen = { stdout: "", stderr: "" };
    const stream = (name: "stdout" | "stderr") => ({
      write: (text: string) => {
        seen[name] += text;
        if (name === "stderr") given.onNote?.(text);
      },
    });
    const { signal = new AbortController().signal } = given;
    const streams = { stdout: stream("stdout"), stderr: stream("stderr") };
    const code = await main({ argv, ...streams, signal, env: { ...env, ...given.env } });
    return { code, ...seen };
  };
  return {
    folder,
    env,
    write: (key, content) =>
      log.put(key, Buffer.from(typeof content === "string" ? content : JSON.stringify(content, null, 2))),
    remove: (key) => rm(join(folder, "log", key)),
    call,
    json: async (argv, code = 0) => {
      const called = await call([...argv, "--json"]);
      expect(called.code, called.stderr).toBe(code);
      expect(called.stdout.endsWith("}\n"), called.stdout).toBe(true);
      return JSON.parse(called.stdout) as Record<string, unknown>;
    },
  };
}

/** The keys of an object, to compare whole shapes. */
export function keysOf(value: unknown): string[] {
  return Object.keys(value as Record<string, unknown>).sort();
}
