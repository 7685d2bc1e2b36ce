import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { type Address, addressFromBytes, zeroAddress } from "../../offchain/core/address.ts";
import { encodeSamples, type JobSample } from "../../offchain/core/job-samples.ts";
import { firstHead } from "../../offchain/pipeline/ingest/ingest.ts";
import { readPerformance } from "../../offchain/pipeline/performance/performance.ts";
import { noChainView } from "../../offchain/pipeline/workers/worker.ts";
import { jobSamples, type PairedJob, pairedJobs } from "../../offchain/store/job-keys.ts";
import { heads } from "../../offchain/store/keys.ts";
import { put } from "../../offchain/store/keyspace.ts";
import type { LedgerStore, StoreWrite } from "../../offchain/store/ledger-store.ts";
import { openLevelStore } from "../../offchain/store/level.ts";

/** One measurement, made in a process of its own and printed as JSON. */
export type PerformanceMeasurement = {
  readonly jobs: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakMiB: number;
  readonly pauseMs: number;
};

const days = 7;
const minutes = days * 1440;
const end = Date.UTC(2025, 10, 12);
const partitions = [
  ...["eu-central", "us-west", "us-central", "oceania"].map((region) => ({
    name: `transcode|${region}`,
    jobs: 156,
  })),
  { name: "ai|us-central", jobs: 70 },
];
const accounts = Array.from({ length: 500 }, (_, index): Address => {
  const bytes = new Uint8Array(20).fill(7);
  new DataView(bytes.buffer).setUint32(0, (index + 1) * 8_400_001);
  return addressFromBytes(bytes);
});
const tasks = Array.from({ length: 8 }, (_, n) => ({
  pipeline: n % 2 ? "text-to-image" : "upscale",
  modelID: `m${n}`,
}));

const [work = "", folder = ""] = process.argv.slice(2);
const store = await openLevelStore(join(folder, "ledger"));
console.log(work === "fill" ? await fill(store) : JSON.stringify(await measure(store, Number(work))));
await store.close();

/** Writes a week of jobs as ingest and closes would have; says how many bytes each takes. */
async function fill(ledger: LedgerStore): Promise<string> {
  let random = 12_345;
  const next = (below: number): number => {
    random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((random / 2 ** 32) * below);
  };
  let ordinal = 0;
  let bytes = 0;
  let count = 0;
  for (let minute = 0; minute < minutes; minute++) {
    const writes: StoreWrite[] = [];
    const begin = end - (minutes - minute) * 60_000;
    for (const { name, jobs } of partitions) {
      const isAi = name.startsWith("ai");
      const pairs: PairedJob[] = [];
      const samples = Array.from({ length: jobs }, (_, n): JobSample => {
        const position = isAi ? 2 * n : n;
        const account = accounts[next(accounts.length)] ?? zeroAddress;
        if (isAi) pairs.push({ position, account });
        const computeUnits = 100_000 + next(10_000_000);
        const responseTime = isAi ? 500_000_000 + next(4_000_000_000) : 100 + next(2000);
        const realTimeRatio = isAi ? undefined : Math.floor(2000 / responseTime);
        const jobWork = { computeUnits, responseTime, realTimeRatio, durationMs: isAi ? undefined : 2000 };
        const sample = {
          position,
          time: begin + 1000 * Math.floor((60 * n) / jobs),
          feesWei: BigInt(computeUnits) * 1200n,
        };
        const task = isAi ? tasks[next(tasks.length)] : undefined;
        return { ...sample, account: isAi ? undefined : account, work: { ...jobWork, task } };
      });
      const value = encodeSamples(samples);
      writes.push(put(jobSamples, { partition: name, newest: begin + 59_000, ordinal }, value));
      if (isAi) writes.push(put(pairedJobs, { ordinal, epoch: 1 + Math.floor(minute / 1440) }, pairs));
      bytes += value.length + 24 * pairs.length;
      count += jobs;
      ordinal += 1;
    }
    await ledger.write(writes, { durable: false });
  }
  const head = { ...firstHead, sequence: ordinal, epoch: days + 1, openFrom: ordinal, nextOrdinal: ordinal };
  await ledger.write([put(heads, "head", head)], { durable: true });
  return (bytes / count).toFixed(1);
}

async function measure(ledger: LedgerStore, window: number): Promise<PerformanceMeasurement> {
  const rssMiB = (): number => Math.round(process.memoryUsage().rss / 2 ** 20);
  const before = rssMiB();
  let peak = before;
  const watch = setInterval(() => {
    peak = Math.max(peak, rssMiB());
  }, 20);
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const cpuBefore = process.cpuUsage();
  const began = performance.now();
  const ruleset = {
    ...({ scheme: "per-job-fee", asset: zeroAddress, commissionPpm: 250_000 } as const),
    ...{ correlationWindowSeconds: 3600, maxEventFeeWei: "10000000000000000000", maxObjectBytes: 1 << 26 },
  };
  const span = { from: end - window * 86_400_000, until: end };
  const { rows } = await readPerformance({ store: ledger, chain: noChainView, ruleset }, span);
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  delay.disable();
  clearInterval(watch);
  const jobs = rows.reduce((sum, row) => sum + row.jobs, 0);
  const pauseMs = Math.round(delay.max / 1e6);
  return { jobs, seconds, cpuSeconds: (user + system) / 1e6, peakMiB: peak - before, pauseMs };
}
