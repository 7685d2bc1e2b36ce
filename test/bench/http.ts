import { type ChildProcess, execFile, fork } from "node:child_process";
import { on, once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { addressFromBytes } from "../../offchain/core/address.ts";
import type { LoadKind, LoadMeasurement } from "./http-load-child.ts";
import { openLog, writeJobs } from "./http-pool.ts";
import type { Answer, Asked, Memory, Question, Seconds, Told } from "./http-server-child.ts";
import { diskOf, machine, median } from "./report.ts";

const kinds: readonly LoadKind[] = ["bare", "proof", "worker", "both"];
const rounds = 3;
const seconds = 6;

/** The API under load against a bare node:http, on a pool of a million accounts, or `--accounts N`. */
export async function run(options: readonly string[] = []): Promise<void> {
  const given = options.indexOf("--accounts");
  const accounts = given < 0 ? 1_000_000 : Number(options[given + 1]);
  const folder = await mkdtemp(join(tmpdir(), "payroot-bench-"));
  try {
    console.log("HTTP: proof and worker look-ups against a bare node:http hello");
    console.log(`machine: ${machine()}, ${await diskOf(folder)}`);
    console.log(
      `pool:    ${accounts.toLocaleString("en")} accounts in one closed, posted, active epoch; a tenth has`,
    );
    console.log(
      "         claimed, three tenths have worked since, in one of five partitions; made by the real code",
    );
    console.log(
      `method:  ${rounds} rounds of ${seconds} s of load each, order alternating, after a round that is not counted;`,
    );
    console.log(
      "         500 connections kept alive, each request for an account chosen among all with the same",
    );
    console.log(
      "         chance; server, hello and generator in a process each; latencies as the generator sees them,",
    );
    console.log(
      "         its own queueing included; µs each = processor time of the server for a request, all its threads\n",
    );
    console.log(`making the pool, seconds: ${await child("http-make-child.ts", [folder, String(accounts)])}`);
    const bare = await startServer(["bare"]);
    const pool = await startServer(["pool", folder]);
    await reportCold(pool, folder);
    await reportRounds({ bare, pool, folder });
    await reportIngest(pool, folder);
    for (const { process } of [bare, pool]) process.disconnect();
  } finally {
    await rm(folder, { recursive: true });
  }
}

type Server = { readonly url: string; readonly process: ChildProcess };

async function startServer(args: readonly string[]): Promise<Server> {
  const path = new URL("http-server-child.ts", import.meta.url).pathname;
  const process = fork(path, args, { execArgv: ["--expose-gc"] });
  const [{ url }] = await once(process, "message");
  return { url, process };
}

let asked = 0;

async function ask({ process }: Server, question: Question): Promise<Answer> {
  asked += 1;
  const number = asked;
  process.send({ number, question } satisfies Asked);
  for await (const [told] of on(process, "message") as AsyncIterable<[Told]>) {
    if (told.number === number) return told.answer;
  }
  throw new Error("the server ended");
}

async function memoryOf(server: Server): Promise<string> {
  const { ownMiB, allMiB } = (await ask(server, "memory")) as Memory;
  return `${ownMiB}/${allMiB}`;
}

async function child(name: string, args: readonly string[]): Promise<string> {
  const path = new URL(name, import.meta.url).pathname;
  const { stdout } = await promisify(execFile)(process.execPath, [path, ...args]);
  return stdout.trim();
}

/** A run of load, and microseconds of processor time that the server took for each request, all its threads together. */
type Measurement = LoadMeasurement & { readonly microseconds: number };

async function load(server: Server, kind: LoadKind, folder: string): Promise<Measurement> {
  const before = (await ask(server, "processor")) as Seconds;
  const load = await child("http-load-child.ts", [server.url, kind, folder, String(seconds)]);
  const measured = JSON.parse(load) as LoadMeasurement;
  const after = (await ask(server, "processor")) as Seconds;
  return { ...measured, microseconds: ((after.seconds - before.seconds) / measured.requests) * 1e6 };
}

/** The first request of a file of proofs, which reads and checks it, and then all files. */
async function reportCold(pool: Server, folder: string): Promise<void> {
  const before = await memoryOf(pool);
  const accounts = readFileSync(join(folder, "accounts"));
  const latencies: number[] = [];
  const seen = new Set<string>();
  for (let at = 0; seen.size < 10 && at < accounts.length; at += 20) {
    const account = addressFromBytes(accounts.subarray(at, at + 20));
    const shard = account.slice(0, 4).toLowerCase();
    if (seen.has(shard)) continue;
    seen.add(shard);
    const began = performance.now();
    const answer = await fetch(`${pool.url}/v1/workers/${account}/proof`);
    if (!answer.ok) throw new Error(await answer.text());
    await answer.text();
    latencies.push(performance.now() - began);
  }
  const raw = latencies.map((ms) => ms.toFixed(0)).join(" ");
  console.log(`first request of a file of proofs: ${median(latencies).toFixed(0)} ms (median)   raw ${raw}`);
  const answer = (await ask(pool, "load")) as { seconds: number };
  console.log(
    `all files read and checked in ${answer.seconds.toFixed(1)} s; own/all MiB ${before}, then ${await memoryOf(pool)}\n`,
  );
}

type Bench = { readonly bare: Server; readonly pool: Server; readonly folder: string };

async function reportRounds({ bare, pool, folder }: Bench): Promise<void> {
  const results = new Map<LoadKind, Measurement[]>(kinds.map((kind) => [kind, []]));
  const memory: string[] = [];
  for (let round = -1; round < rounds; round++) {
    for (const kind of round % 2 === 0 ? kinds : kinds.toReversed()) {
      const measured = await load(kind === "bare" ? bare : pool, kind, folder);
      if (round >= 0) results.get(kind)?.push(measured);
    }
    memory.push(await memoryOf(pool));
  }
  console.log(
    "load   requests/s (median)   of bare   µs each   of bare   p50 ms   p99 ms   worst ms   raw requests/s         raw p99",
  );
  for (const [kind, list] of results) console.log(loadLine(kind, list, results.get("bare") ?? []));
  console.log(`own/all MiB after the uncounted round and each of the others: ${memory.join("  ")}\n`);
}

function loadLine(kind: string, list: readonly Measurement[], bare: readonly Measurement[]): string {
  const rate = median(list.map(({ requestsPerSecond }) => requestsPerSecond));
  const share = rate / median(bare.map(({ requestsPerSecond }) => requestsPerSecond));
  const [own, bareOwn] = [list, bare].map((some) => median(some.map(({ microseconds }) => microseconds))) as [
    ...[number, number],
  ];
  return [
    kind.padEnd(6),
    format(rate).padStart(19),
    share.toFixed(2).padStart(9),
    own.toFixed(0).padStart(9),
    (bareOwn / own).toFixed(2).padStart(9),
    median(list.map(({ p50 }) => p50))
      .toFixed(0)
      .padStart(8),
    median(list.map(({ p99 }) => p99))
      .toFixed(0)
      .padStart(8),
    Math.max(...list.map(({ worst }) => worst))
      .toFixed(0)
      .padStart(10),
    `  ${list.map(({ requestsPerSecond }) => format(requestsPerSecond)).join(" ")}`.padEnd(25),
    list.map(({ p99 }) => p99).join(" "),
  ].join(" ");
}

/** The same load while the process reads a backlog into the same ledger. */
async function reportIngest(pool: Server, folder: string): Promise<void> {
  const bytes = readFileSync(join(folder, "accounts"));
  const accounts = Array.from({ length: Math.min(bytes.length / 20, 500_000) }, (_, index) =>
    addressFromBytes(bytes.subarray(20 * index, 20 * index + 20)),
  );
  const log = await openLog(folder);
  await writeJobs(log, accounts, 3000);
  const reading = ask(pool, "ingest");
  const measured = await load(pool, "both", folder);
  const { seconds: took, events = 0 } = (await reading) as { seconds: number; events?: number };
  console.log(`while ${format(events)} events are read in ${took.toFixed(1)} s by the same process:`);
  const { requestsPerSecond, p50, p99, worst } = measured;
  console.log(
    `both: ${format(requestsPerSecond)} requests/s, p50 ${p50} ms, p99 ${p99} ms, worst ${worst} ms`,
  );
}

function format(value: number): string {
  return Math.round(value).toLocaleString("en");
}
