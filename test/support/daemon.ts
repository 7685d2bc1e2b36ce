import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

/** A daemon in a process of its own. */
export type DaemonProcess = {
  /** How it ended: a code, or the signal that killed it. */
  readonly ended: Promise<number | NodeJS.Signals>;
  readonly output: () => string;
  readonly kill: (signal: NodeJS.Signals) => void;
  /** Where it answers. Rejects when it ends before it does. */
  readonly url: () => Promise<string>;
};

/** Where a pool keeps its files in a test. */
export type PoolFolders = {
  readonly log: string;
  readonly data: string;
  readonly archive: string;
  readonly artifacts: string;
};

/** Makes the folders of a pool below `folder`; the log may be one that exists. */
export function poolFolders(folder: string, log: string): PoolFolders {
  const folders = {
    log,
    data: join(folder, "data"),
    archive: join(folder, "archive"),
    artifacts: join(folder, "artifacts"),
  };
  for (const path of Object.values(folders)) mkdirSync(path, { recursive: true });
  return folders;
}

const cli = fileURLToPath(new URL("../../offchain/cli.ts", import.meta.url));
const hook = new URL("./kill-hook.ts", import.meta.url).href;

/** Starts `payroot run` on a pool's folders, with the hook that counts its steps. */
export function startDaemonProcess(
  folders: PoolFolders,
  env: Readonly<Record<string, string>>,
): DaemonProcess {
  const stores = ["--log", `file://${folders.log}`, "--archive", `file://${folders.archive}`];
  const flags = [...stores, "--artifacts", `file://${folders.artifacts}`, "--data-dir", folders.data];
  const child: ChildProcess = spawn(process.execPath, ["--import", hook, cli, "run", ...flags], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env.PATH, HTTP_PORT: "0", S3_SENSOR_INTERVAL_SECONDS: "1", ...env },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (text: Buffer) => (output += text.toString()));
  // Nothing that a test starts outlives it.
  onTestFinished(() => void child.kill("SIGKILL"));
  let over = false;
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once("close", (code, signal) => {
      over = true;
      resolve(signal ?? code ?? -1);
    });
  });
  return {
    ended,
    output: () => output,
    kill: (signal) => void child.kill(signal),
    url: async () => {
      while (!over) {
        const holder = readHolder(join(folders.data, "process.json"));
        if (holder.pid === child.pid && holder.url !== undefined) return holder.url;
        await pause(20);
      }
      throw new Error(`the daemon ended before it answered:\n${output}`);
    },
  };
}

/** Asks `url` until `done` accepts the JSON that it answers with; fails after a minute. */
export async function until<T>(url: string, done: (answer: T) => boolean): Promise<T> {
  let last: unknown;
  for (let tries = 0; tries < 200; tries++) {
    const answer = await fetch(url)
      .then((response) => response.json() as Promise<T>)
      .catch(() => undefined);
    if (answer !== undefined && done(answer)) return answer;
    last = answer;
    await pause(50);
  }
  throw new Error(`${url} did not come to answer as expected, at last with ${JSON.stringify(last)}`);
}

function readHolder(path: string): { pid?: number; url?: string } {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as { pid?: number; url?: string };
  } catch {
    return {};
  }
}
