import { setTimeout as pause } from "node:timers/promises";
import type { StageReport } from "../../offchain/pipeline/operate/daemon.ts";
import type { TestPool } from "../commands/payroot.ts";
import { program, type Running, start } from "./process.ts";

/** What `/ready` answers. */
export type Ready = { readonly ready: boolean; readonly stages: readonly StageReport[] };

/** Starts `payroot run`, in front of it the words of `through`, and gives it with the URL that it serves. */
export async function startDaemon(
  pool: Pick<TestPool, "env">,
  env: NodeJS.ProcessEnv = {},
  through: readonly string[] = [],
): Promise<{ daemon: Running; url: string }> {
  const own = { ...pool.env, S3_SENSOR_INTERVAL_SECONDS: "1", ...env };
  const daemon = start([...through, ...program, "run"], own);
  const [, url = ""] = await daemon.until(/serving (\S+), see/);
  return { daemon, url };
}

/** Asks until the answer is as wanted; fails within a minute. */
export async function until<T>(address: string, wanted: (answer: T) => boolean, daemon: Running): Promise<T> {
  const end = Date.now() + 50_000;
  for (let last = "no answer"; ; ) {
    const response = await fetch(address).catch(() => undefined);
    if (response !== undefined) {
      last = await response.text();
      const answer = JSON.parse(last) as T;
      if (wanted(answer)) return answer;
    }
    if (Date.now() > end) throw new Error(`${address} stays at ${last}\n${daemon.said()}`);
    await pause(25);
  }
}

/** Whether every stage is up to date. */
export function isReady({ ready }: Ready): boolean {
  return ready;
}

/** Whether a stage could not do its work. */
export function isBehind({ state }: StageReport): boolean {
  return state === "behind";
}
