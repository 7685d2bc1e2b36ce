import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { zeroAddress } from "../../offchain/core/address.ts";
import type { Ruleset } from "../../offchain/core/ruleset.ts";
import { openObjectStore } from "../../offchain/objects/open.ts";
import { audit } from "../../offchain/pipeline/audit/audit.ts";
import { closeEpoch } from "../../offchain/pipeline/close/close-epoch.ts";
import { ingest } from "../../offchain/pipeline/ingest/ingest.ts";
import { openParserThread } from "../../offchain/pipeline/ingest/parser.ts";
import { openLevelStore } from "../../offchain/store/level.ts";
import { transcodeJob, transcodeKey } from "../support/events.ts";

/** One measurement, made in a process of its own and printed as JSON. */
export type AuditMeasurement = {
  readonly seconds: number;
  readonly residentMiB: number;
  readonly ok?: boolean;
  /** How long audits of one more epoch took, by how many the cache held. */
  readonly steps?: Readonly<Record<number, number>>;
};

const ruleset: Ruleset = {
  scheme: "per-job-fee",
  asset: zeroAddress,
  commissionPpm: 250_000,
  correlationWindowSeconds: 3600,
  maxEventFeeWei: "10000000000000000000",
  maxObjectBytes: 1 << 26,
};
const reading = { ruleset, partitions: undefined };
const works = { ingest: ingestLog, audit: auditEpochs, thousand: auditThousand };
const [work, place = "", log = ""] = process.argv.slice(2);
console.log(JSON.stringify(await works[work as keyof typeof works]()));

/** Ingest alone is timed; the epoch is closed afterwards for the audits. */
async function ingestLog(): Promise<AuditMeasurement> {
  const thread = openParserThread();
  const ports = { ...(await openPool()), parse: thread.parse };
  const seconds = await timed(() => ingest(ports, reading));
  const residentMiB = memory();
  await close(ports, 1);
  await ports.store.close();
  await thread.close();
  return { seconds, residentMiB };
}

/** The whole of an audit, with an empty cache. */
async function auditEpochs(): Promise<AuditMeasurement> {
  const thread = openParserThread();
  const { archive, artifacts } = stores();
  const cache = await openLevelStore(join(place, `cache-${process.pid}`));
  let ok = false;
  const seconds = await timed(async () => {
    ({ ok } = await audit({ cache, archive, artifacts, parse: thread.parse }));
  });
  await cache.close();
  await thread.close();
  return { seconds, residentMiB: memory(), ok };
}

/** A thousand epochs of a hundred events, each audited when it is closed, with one cache. */
async function auditThousand(): Promise<AuditMeasurement> {
  const ports = await openPool();
  const cache = await openLevelStore(join(place, "cache"));
  const steps: Record<number, number> = {};
  const started = performance.now();
  let ok = true;
  for (let epoch = 1; epoch <= 1000; epoch += 1) {
    const jobs = Array.from({ length: 100 }, (_, index) => transcodeJob({ id: `${epoch} ${index}` }));
    await ports.log.put(transcodeKey(`e${epoch}`), Buffer.from(JSON.stringify(jobs)));
    await close(ports, epoch);
    steps[epoch - 1] = await timed(async () => {
      const report = await audit({ ...ports, log: undefined, cache });
      ok &&= report.ok && report.epochs.length === epoch;
    });
  }
  await ports.store.close();
  await cache.close();
  return { seconds: (performance.now() - started) / 1000, residentMiB: memory(), steps, ok };
}

async function openPool() {
  for (const name of ["archive", "artifacts", "log"]) await mkdir(join(place, name), { recursive: true });
  return { ...stores(), store: await openLevelStore(join(place, "ledger")) };
}

function stores() {
  const at = (folder: string) => openObjectStore(`file://${folder}`);
  return {
    log: at(log === "" ? join(place, "log") : log),
    archive: at(join(place, "archive")),
    artifacts: at(join(place, "artifacts")),
  };
}

async function close(ports: Awaited<ReturnType<typeof openPool>>, epoch: number): Promise<void> {
  const closesAt = Date.UTC(2025, 11, 1) + epoch * 1000;
  await closeEpoch(ports, { ...reading, chainId: 0, distributor: zeroAddress, closesAt });
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

function memory(): number {
  return Math.round(process.memoryUsage().rss / 2 ** 20);
}
