import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { zeroAddress } from "../../offchain/core/address.ts";
import type { Ruleset } from "../../offchain/core/ruleset.ts";
import { openObjectStore } from "../../offchain/objects/open.ts";
import { ingest } from "../../offchain/pipeline/ingest/ingest.ts";
import { type ObjectParser, openParserThread, parseInTurns } from "../../offchain/pipeline/ingest/parser.ts";
import { openLevelStore } from "../../offchain/store/level.ts";

/** One measurement, made in a process of its own and printed as JSON. */
export type IngestMeasurement = {
  readonly seconds: number;
  /** Processor time of all threads. */
  readonly cpuSeconds: number;
  /** After each 100,000 events. */
  readonly memory: readonly Memory[];
};

/** Resident memory in MiB: the process's own, and with the pages of mapped files (LevelDB's tables among them). */
export type Memory = { readonly ownMiB: number; readonly allMiB: number };

const ruleset: Ruleset = {
  scheme: "per-job-fee",
  asset: zeroAddress,
  commissionPpm: 250_000,
  correlationWindowSeconds: 3600,
  maxEventFeeWei: "10000000000000000000",
  maxObjectBytes: 1 << 26,
};

const works = {
  parse: parseLog,
  hash: hashLog,
  ingest: (log: string) => ingestLog(log),
  threaded: async (log: string) => {
    const { parse, close } = openParserThread();
    const measurement = await ingestLog(log, parse);
    await close();
    return measurement;
  },
};

/** What can be measured: the bare work on the same bytes, and ingest without and with a parser thread. */
export type IngestWork = keyof typeof works;

const [work, folder = ""] = process.argv.slice(2);
console.log(JSON.stringify(await works[work as IngestWork](folder)));

/** Reading plus `JSON.parse` alone, which already corrupts integers above 2^53. */
function parseLog(log: string): Promise<IngestMeasurement> {
  return readLog(log, (bytes) => JSON.parse(Buffer.from(bytes.buffer).toString()));
}

/** Reading plus one SHA-256 of each whole object. */
function hashLog(log: string): Promise<IngestMeasurement> {
  return readLog(log, (bytes) => createHash("sha256").update(bytes).digest());
}

async function readLog(log: string, work: (bytes: Uint8Array) => unknown): Promise<IngestMeasurement> {
  const store = openObjectStore(`file://${log}`);
  return timed(async () => {
    for await (const page of store.list()) {
      for (const { key } of page) {
        const object = await store.get(key);
        if (object !== undefined) work(object.bytes);
      }
    }
    return [];
  });
}

/** The whole of ingest: listing, reading, archiving to a directory, and all ledger writes, the last one durable. */
async function ingestLog(log: string, parse: ObjectParser = parseInTurns): Promise<IngestMeasurement> {
  const place = await mkdtemp(join(dirname(log), "ingest-"));
  await mkdir(join(place, "archive"));
  const ports = {
    parse,
    store: await openLevelStore(join(place, "ledger")),
    log: openObjectStore(`file://${log}`),
    archive: openObjectStore(`file://${join(place, "archive")}`),
  };
  const measurement = await timed(async () => {
    const memory: Memory[] = [];
    await ingest(ports, {
      ruleset,
      partitions: undefined,
      onProgress: ({ events }) => {
        while (events >= (memory.length + 1) * 100_000) memory.push(memoryNow());
      },
    });
    return memory;
  });
  await ports.store.close();
  await rm(place, { recursive: true });
  return measurement;
}

async function timed(work: () => Promise<readonly Memory[]>): Promise<IngestMeasurement> {
  const cpuBefore = process.cpuUsage();
  const started = performance.now();
  const memory = await work();
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { seconds, cpuSeconds: (user + system) / 1e6, memory };
}

function memoryNow(): Memory {
  const allMiB = Math.round(process.memoryUsage().rss / 2 ** 20);
  const [, kibibytes] = /^RssAnon:\s+(\d+)/m.exec(readStatus()) ?? [];
  return { allMiB, ownMiB: kibibytes === undefined ? allMiB : Math.round(Number(kibibytes) / 2 ** 10) };
}

// Only Linux tells the two apart.
function readStatus(): string {
  return existsSync("/proc/self/status") ? readFileSync("/proc/self/status", "latin1") : "";
}
