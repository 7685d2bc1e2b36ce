import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { Level } from "level";

// Loaded before the daemon: counts its steps into the world (files, database, network) and kills it at the chosen one.
// Each step counts twice, before it is made and after it was made, so that a kill falls on either side of every effect.

const killAt = Number(process.env.KILL_AT ?? "0");
const report = process.env.KILL_REPORT;
let count = 0;

function step(label: string): void {
  count += 1;
  if (report !== undefined) fs.appendFileSync(report, `${label}\n`);
  if (count === killAt) process.kill(process.pid, "SIGKILL");
}

type AsyncFunction = (this: unknown, ...given: unknown[]) => Promise<unknown>;

function counted(label: (given: readonly unknown[]) => string, original: AsyncFunction): AsyncFunction {
  return async function (this: unknown, ...given) {
    step(`before ${label(given)}`);
    const result = await original.apply(this, given);
    step(`after ${label(given)}`);
    return result;
  };
}

for (const name of ["open", "rename", "rm", "writeFile"] as const) {
  const functions = fs.promises as unknown as Record<string, AsyncFunction>;
  functions[name] = counted(() => name, functions[name] as AsyncFunction);
}
syncBuiltinESMExports();

// A batch is chained: it takes effect when it is written.
type Chain = { write: AsyncFunction };
const database = Level.prototype as unknown as { batch: (...given: unknown[]) => Chain };
const openBatch = database.batch;
database.batch = function (this: unknown, ...given) {
  const chain = openBatch.apply(this, given);
  chain.write = counted(() => "batch", chain.write);
  return chain;
};

function methodOf(given: readonly unknown[]): string {
  const body = (given[1] as RequestInit | undefined)?.body;
  const method = typeof body === "string" ? /"method":"(\w+)"/.exec(body)?.[1] : undefined;
  return method ?? "request";
}
globalThis.fetch = counted(methodOf, globalThis.fetch as unknown as AsyncFunction) as unknown as typeof fetch;
