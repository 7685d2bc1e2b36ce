import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { writeBacklog } from "../../offchain/demo/backlog.ts";
import type { AuditMeasurement } from "./audit-child.ts";
import { diskOf, machine, median } from "./report.ts";

const rounds = 3;

/** An audit of one epoch of a million events against ingesting it, and audits of one more epoch after hundreds. */
export async function run(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "payroot-bench-"));
  try {
    console.log("Audit: an epoch derived again from its archive in a directory, with an empty cache");
    console.log(`machine: ${machine()}, ${await diskOf(folder)}`);
    console.log("method:  each measurement in a fresh process, ingest and audit in turn, both with a parser");
    console.log("         thread; ingest into an empty ledger, with its copies to the archive; files in the");
    console.log("         page cache\n");
    await measureMillion(folder);
    await measureThousand(join(folder, "thousand"));
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function measureMillion(folder: string): Promise<void> {
  const log = join(folder, "log");
  await mkdir(log);
  const backlog = { seed: "bench", objects: 100, eventsPerObject: 10_000, workers: 2000 };
  const { events } = await writeBacklog(log, backlog);
  const times = { ingest: [] as AuditMeasurement[], audit: [] as AuditMeasurement[] };
  for (let round = 0; round < rounds; round++) {
    const place = join(folder, `round-${round}`);
    await mkdir(place);
    times.ingest.push(await measureOnce("ingest", place, log));
    times.audit.push(await measureOnce("audit", place));
    await rm(place, { recursive: true });
  }
  console.log(`${events.toLocaleString("en")} events in 100 objects, 2,000 workers`);
  for (const [work, list] of Object.entries(times)) {
    const raw = list.map(({ seconds, residentMiB }) => `${seconds.toFixed(2)} s, ${residentMiB} MiB`);
    console.log(`${work.padEnd(7)} ${secondsOf(list).toFixed(2)} s (median)   raw: ${raw.join("; ")}`);
  }
  const ratio = secondsOf(times.audit) / secondsOf(times.ingest);
  const holds = times.audit.every(({ ok }) => ok) ? "every check held" : "NOT EVERY CHECK HELD";
  console.log(`audit ÷ ingest = ${ratio.toFixed(2)} (at most 2 wanted); ${holds}\n`);
}

async function measureThousand(place: string): Promise<void> {
  await mkdir(place);
  const { steps = {}, ok, residentMiB } = await measureOnce("thousand", place);
  console.log("A thousand epochs of 100 events, each audited as it closed: milliseconds (median of 50)");
  for (const first of [1, 100, 500, 950]) {
    const own = Array.from({ length: 50 }, (_, index) => (steps[first + index] ?? Number.NaN) * 1000);
    console.log(`  after ${String(first).padStart(3)} epochs: ${median(own).toFixed(1)} ms`);
  }
  console.log(`${ok ? "every check held" : "NOT EVERY CHECK HELD"}, ${residentMiB} MiB at the end`);
}

function secondsOf(list: readonly AuditMeasurement[]): number {
  return median(list.map(({ seconds }) => seconds));
}

async function measureOnce(...given: readonly string[]): Promise<AuditMeasurement> {
  const child = new URL("audit-child.ts", import.meta.url).pathname;
  const { stdout } = await promisify(execFile)(process.execPath, [child, ...given]);
  return JSON.parse(stdout) as AuditMeasurement;
}
