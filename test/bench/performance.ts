import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { PerformanceMeasurement } from "./performance-child.ts";
import { diskOf, machine, median } from "./report.ts";

const rounds = 3;
const days = [1, 7] as const;

/** What it takes to compute performance anew, with a million jobs a day. */
export async function run(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "payroot-bench-"));
  try {
    console.log(
      "Performance: exact medians and percentiles of 500 workers, a million jobs a day, computed anew",
    );
    console.log(`machine: ${machine()}, ${await diskOf(folder)}`);
    console.log(
      "method:  objects of a minute in five partitions, a tenth of the jobs of AI, whose workers closes",
    );
    console.log(
      "         have paired; each measurement in a fresh process, memory above what it began with\n",
    );
    console.log("bytes a job in the ledger", await child("fill", folder));
    console.log("jobs       seconds (median)  processor s   MiB   longest pause ms   raw seconds");
    for (const window of days) {
      const found: PerformanceMeasurement[] = [];
      for (let round = 0; round < rounds; round++)
        found.push(JSON.parse(await child(String(window), folder)));
      const of = (name: keyof PerformanceMeasurement): number => median(found.map((one) => one[name]));
      const raw = found.map(({ seconds }) => seconds.toFixed(2)).join("  ");
      const cells = [of("jobs").toLocaleString("en").padEnd(10), of("seconds").toFixed(2).padStart(16)];
      cells.push(of("cpuSeconds").toFixed(2).padStart(12), String(of("peakMiB")).padStart(5));
      console.log(`${cells.join(" ")} ${String(of("pauseMs")).padStart(18)}   ${raw}`);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function child(work: string, folder: string): Promise<string> {
  const path = new URL("performance-child.ts", import.meta.url).pathname;
  const { stdout } = await promisify(execFile)(process.execPath, [path, work, folder]);
  return stdout.trim();
}
