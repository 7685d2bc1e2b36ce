import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type BacklogOptions, writeBacklog } from "../../offchain/demo/backlog.ts";
import type { IngestMeasurement, IngestWork, Memory } from "./ingest-child.ts";
import { diskOf, machine, median } from "./report.ts";

const works: readonly IngestWork[] = ["parse", "hash", "ingest", "threaded"];
const rounds = 5;
const backlog: BacklogOptions = { seed: "bench", objects: 100, eventsPerObject: 10_000, workers: 200 };
const smallBacklog: BacklogOptions = { seed: "bench", objects: 20_000, eventsPerObject: 10, workers: 200 };

/** Ingest from a directory against bare `JSON.parse` and SHA-256 of the same bytes, and its memory as history grows. */
export async function run(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "payroot-bench-"));
  try {
    console.log("Ingest: a backlog in a directory, archived to another, into an empty ledger");
    console.log(`machine: ${machine()}, ${await diskOf(folder)}`);
    console.log(
      "method:  each measurement in a fresh process, cold, order alternating from round to round; the",
    );
    console.log(
      "         backlog was just written, so its bytes come from the page cache; ingest ends with its",
    );
    console.log(
      "         last durable write; parse = reading plus JSON.parse alone; hash = reading plus SHA-256;",
    );
    console.log("         threaded = ingest with the parser in a thread of its own\n");
    await measureLarge(join(folder, "large"));
    await measureSmall(join(folder, "small"));
  } finally {
    await rm(folder, { recursive: true });
  }
}

type Results = ReadonlyMap<IngestWork, IngestMeasurement[]>;

async function measureLarge(folder: string): Promise<void> {
  const { log, events, bytes } = await writeLog(folder, backlog);
  const size = `${events.toLocaleString("en")} events in ${backlog.objects} objects`;
  console.log(`${size}, ${(bytes / events).toFixed(0)} bytes an event, 200 workers`);
  const results: Results = new Map(works.map((work) => [work, []]));
  for (let round = 0; round < rounds; round++) {
    for (const work of round % 2 === 0 ? works : works.toReversed())
      results.get(work)?.push(await measureOnce(work, log));
  }
  console.log("work      events/s (median)   µs of processor time an event   raw events/s");
  for (const [work, list] of results) {
    const raw = list.map(({ seconds }) => format(events / seconds)).join("  ");
    const processor = median(list.map(({ cpuSeconds }) => (cpuSeconds / events) * 1e6)).toFixed(1);
    const rate = format(events / secondsOf(results, work));
    console.log(`${work.padEnd(8)} ${rate.padStart(18)} ${processor.padStart(31)}   ${raw}`);
  }
  for (const work of ["ingest", "threaded"] as const) reportIngest(work, results);
  console.log();
}

function secondsOf(results: Results, work: IngestWork): number {
  return median((results.get(work) ?? []).map(({ seconds }) => seconds));
}

function reportIngest(work: IngestWork, results: Results): void {
  const ratio = (other: IngestWork): string =>
    (secondsOf(results, other) / secondsOf(results, work)).toFixed(3);
  console.log(
    `\n${work}: ${ratio("parse")} of the speed of parse, ${ratio("hash")} of hash; MiB of its own memory`,
  );
  console.log("and with mapped files after each 100,000 events, one line a round:");
  for (const { memory } of results.get(work) ?? []) console.log(`  ${memoryLine(memory)}`);
}

function memoryLine(memory: readonly Memory[]): string {
  return memory.map(({ ownMiB, allMiB }) => `${ownMiB}/${allMiB}`).join("  ");
}

/** What an object costs by itself: the same work on objects of ten events. */
async function measureSmall(folder: string): Promise<void> {
  const { log } = await writeLog(folder, smallBacklog);
  const { seconds, memory } = await measureOnce("ingest", log);
  const rate = format(smallBacklog.objects / seconds);
  const memories = `${memoryLine(memory)} MiB after each 100,000 events`;
  console.log(`${format(smallBacklog.objects)} objects of 10 events: ${rate} objects/s, ${memories}`);
}

async function writeLog(
  folder: string,
  options: BacklogOptions,
): Promise<{ log: string; events: number; bytes: number }> {
  const log = join(folder, "log");
  await mkdir(log, { recursive: true });
  const { events, bytes } = await writeBacklog(log, options);
  return { log, events, bytes };
}

async function measureOnce(work: IngestWork, log: string): Promise<IngestMeasurement> {
  const child = new URL("ingest-child.ts", import.meta.url).pathname;
  const { stdout } = await promisify(execFile)(process.execPath, [child, work, log]);
  return JSON.parse(stdout);
}

function format(value: number): string {
  return Math.round(value).toLocaleString("en");
}
