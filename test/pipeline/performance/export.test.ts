import fc from "fast-check";
import { expect, test } from "vitest";
import { zeroAddress } from "../../../offchain/core/address.ts";
import type { EarningLine } from "../../../offchain/core/artifacts.ts";
import { decodeJson, isJsonObject, type Json, type JsonObject } from "../../../offchain/core/json.ts";
import { openObjectStore } from "../../../offchain/objects/open.ts";
import { createDaemon } from "../../../offchain/pipeline/operate/daemon.ts";
import { type ExportStageOptions, exportStage } from "../../../offchain/pipeline/performance/export-stage.ts";
import { createPerformances } from "../../../offchain/pipeline/performance/performances.ts";
import { type ChainView, noChainView, type WorkerClaim } from "../../../offchain/pipeline/workers/worker.ts";
import {
  account,
  aiJob,
  aiKey,
  aiReceipt,
  connection,
  objectKey,
  transcodeJob,
  transcodeKey,
} from "../../support/events.ts";
import { openTestLedger, ruleset, type TestLedger, withTestLedger } from "../../support/ledger.ts";
import { epochTexts, linesOf } from "../../support/published.ts";
import { anyJobs } from "../../support/random-jobs.ts";

const now = Date.UTC(2025, 10, 5, 16);

/** The chain as one on which these claims were made. */
function chainWith(claims: ReadonlyMap<string, readonly WorkerClaim[]>): ChainView {
  const sum = [...claims.values()].flat().reduce((total, { amount }) => total + amount, 0n);
  return {
    ...noChainView,
    claimsOf: async (who) => claims.get(who) ?? [],
    totals: async () => ({ posted: 0, active: 0, claimed: new Map([[zeroAddress, sum]]) }),
  };
}

function claim(epoch: number, amount: bigint, block = epoch): WorkerClaim {
  const transaction = `0x${block.toString(16).padStart(64, "0")}` as const;
  return { asset: zeroAddress, epoch, amount, transaction, block, time: now + block * 1000 };
}

/** The stage over a ledger, with a folder as its metrics store, and what it has written by path. */
async function openExports(
  { store, folder }: TestLedger,
  options: Partial<ExportStageOptions> & { chain?: ChainView } = {},
) {
  const { chain = noChainView, ...rest } = options;
  const metrics = openObjectStore(`file://${folder}/metrics`, { create: true });
  const performance = createPerformances({ store, chain, ruleset }, { now: () => now, leastAgeMs: 0 });
  const usual = { ruleset, now: () => now, showConnections: false, paymentThresholdWei: 10n ** 16n };
  const stage = exportStage({ store, chain, performance, metrics }, { ...usual, ...rest });
  const read = async (path: string): Promise<JsonObject> => {
    const stored = await metrics.get(path);
    const value = decodeJson(Buffer.from(stored?.bytes ?? []).toString());
    if (!isJsonObject(value)) throw new Error(`no object at ${path}`);
    return value;
  };
  return { stage, metrics, read };
}

const at = (value: Json | undefined, ...path: string[]): Json | undefined =>
  path.reduce<Json | undefined>((inner, name) => (isJsonObject(inner) ? inner[name] : undefined), value);

async function workersOf({ read }: Awaited<ReturnType<typeof openExports>>, partition: string) {
  const [nodeType, region] = partition.split("|");
  const workers = at(await read(`${region}/${nodeType}/worker_summary.json`), "data", "workers");
  return isJsonObject(workers) ? workers : {};
}

test("given a ledger, then both files of every partition are written, with what was earned, open epoch and AI pairs included", async () => {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("a"), [
    connection({ id: "c", type: "worker-connected", second: 1 }),
    transcodeJob({ id: "1", units: 1000, price: 1 }),
  ]);
  await ledger.close();
  await ledger.write(transcodeKey("b"), [transcodeJob({ id: "2", units: 500, price: 1 })]);
  await ledger.write(aiKey("b"), [
    aiJob({ id: "job", requestID: "r", fees: 40 }),
    aiReceipt({ id: "receipt", requestID: "r", account: account(1) }),
  ]);
  await ledger.ingest();
  const exports = await openExports(ledger);

  await exports.stage.run();

  expect(await workersOf(exports, "transcode|eu-central")).toMatchObject({
    [account(0)]: {
      total_fees: 1500,
      worker_earnings: 1125,
      pool_commission: 375,
      connections: [],
      connection_count: 1,
    },
  });
  expect(await workersOf(exports, "ai|us-central")).toMatchObject({
    [account(1)]: { total_fees: 40, worker_earnings: 30, active: false, payment_due: false },
  });
  const performance = await exports.read("us-central/ai/worker_performance.json");
  expect(at(performance, "ai_model_pipeline_rankings")).toMatchObject({
    "model | text-to-image": [{ worker_address: account(1), median_response_time: 2400, rank: 1 }],
  });
  expect(await exports.read("eu-central/transcode/worker_performance.json")).toMatchObject({
    transcode_performance: [{ worker_address: account(0), job_count: 2, median_real_time_ratio: 8 }],
  });
});

test("given EXPORT_CONNECTIONS, then the workers' connections are shown", async () => {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("a"), [connection({ id: "c", type: "worker-connected" })]);
  await ledger.ingest();
  const exports = await openExports(ledger, { showConnections: true });
  await exports.stage.run();
  const shown = await workersOf(exports, "transcode|eu-central");
  expect(shown[account(0)]).toMatchObject({ connections: ["203.0.113.10:43432"], connection_count: 1 });
});

test("a threshold kept per region: given little earned in each of many partitions, then it is due in all of them as one sum", async () => {
  const ledger = await openTestLedger();
  const regions = ["eu-central", "oceania", "us-west"];
  for (const region of regions) {
    await ledger.write(objectKey("transcode", region, "a"), [
      transcodeJob({ id: region, region, units: 4, price: 1 }),
    ]);
  }
  await ledger.ingest();
  for (const [paymentThresholdWei, due] of [
    [9n, true],
    [10n, false],
  ] as const) {
    const exports = await openExports(ledger, { paymentThresholdWei });
    await exports.stage.run();
    for (const region of regions) {
      const workers = await workersOf(exports, `transcode|${region}`);
      expect(workers[account(0)]).toMatchObject({ pending_fees: 3, payment_due: due });
      const data = at(await exports.read(`${region}/transcode/worker_summary.json`), "data", "aggregates");
      expect(at(data, "workers_eligible_for_payment")).toBe(due ? 1 : 0);
    }
  }
});

test("given claims, then each is shown in the partitions that had earned it, and what is pending is what is left", async () => {
  const ledger = await openTestLedger();
  const jobs = (name: string, units: { "eu-central": number; "us-west": number }) =>
    Promise.all(
      Object.entries(units).map(([region, count]) =>
        ledger.write(objectKey("transcode", region, name), [
          transcodeJob({ id: `${name} ${region}`, region, units: count, price: 4 }),
        ]),
      ),
    );
  await jobs("a", { "eu-central": 10, "us-west": 5 });
  await ledger.close();
  await jobs("b", { "eu-central": 0, "us-west": 7 });
  await ledger.close(1);
  await jobs("c", { "eu-central": 1, "us-west": 1 });
  await ledger.ingest();
  // Epoch 1 earned 30 and 15, epoch 2 another 21 in the west; the open one 3 and 3.
  const chain = chainWith(new Map([[account(0), [claim(1, 45n), claim(2, 21n)]]]));
  const exports = await openExports(ledger, { chain });
  await exports.stage.run();

  const paid = (workers: JsonObject) => workers[account(0)] as JsonObject;
  const east = paid(await workersOf(exports, "transcode|eu-central"));
  const west = paid(await workersOf(exports, "transcode|us-west"));
  const first = {
    transaction_hash: claim(1, 0n).transaction,
    timestamp: "2025-11-05T16:00:01Z",
    status: "completed",
  };
  expect(east).toMatchObject({
    ...{ payment_count: 1, total_fees_paid: 30, pending_fees: 3, last_payment_date: "2025-11-05T16:00:01Z" },
    payment_history: [{ ...first, amount: 30, eth_address: account(0) }],
  });
  expect(west).toMatchObject({
    ...{ payment_count: 2, total_fees_paid: 36, pending_fees: 3, last_payment_date: "2025-11-05T16:00:02Z" },
    payment_history: [{ ...first, amount: 15 }, { amount: 21 }],
  });
  const ids = [east, west].flatMap(({ payment_history: list }) =>
    (list as JsonObject[]).map(({ payment_id }) => payment_id),
  );
  expect(new Set(ids).size).toBe(3);
});

test("given any claims, whatever the ledger knows, then the parts of each sum to it over all partitions", async () => {
  const anyClaims = fc.array(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.bigInt(1n, 10n ** 20n)), {
    maxLength: 5,
  });
  await fc.assert(
    fc.asyncProperty(anyJobs, anyClaims, ({ objects }, given) =>
      withTestLedger(async (ledger) => {
        for (const [index, { key, events }] of objects.entries()) {
          await ledger.write(key, events);
          await ledger.ingest();
          if (index % 3 === 0) await ledger.close(index);
        }
        const claims = given.map(([epoch, amount], index) => claim(epoch, amount, index + 1));
        const chain = chainWith(new Map([[account(0), claims.sort((a, b) => a.block - b.block)]]));
        const exports = await openExports(ledger, { chain });
        await exports.stage.run();
        const parts = new Map<Json, bigint>();
        let known = false;
        for await (const page of exports.metrics.list()) {
          for (const { key } of page.filter((object) => object.key.endsWith("summary.json"))) {
            const worker = at(await exports.read(key), "data", "workers", account(0));
            known ||= worker !== undefined;
            const history = at(worker, "payment_history");
            for (const part of Array.isArray(history) ? (history as JsonObject[]) : []) {
              const name = part.transaction_hash ?? null;
              parts.set(name, (parts.get(name) ?? 0n) + BigInt(String(part.amount)));
            }
          }
        }
        if (known)
          expect(parts).toEqual(new Map(claims.map(({ transaction, amount }) => [transaction, amount])));
      }),
    ),
    { numRuns: 25 },
  );
});

test("given any ledger with an open epoch, then what the files show is what its epochs publish once it is closed", async () => {
  await fc.assert(
    fc.asyncProperty(anyJobs, ({ objects }) =>
      withTestLedger(async (ledger) => {
        const epochs: number[] = [];
        const close = async (second: number) => {
          const closed = await ledger.close(second);
          if (closed !== undefined) epochs.push(closed.manifest.epoch);
        };
        for (const [index, { key, events }] of objects.entries()) {
          await ledger.write(key, events);
          await ledger.ingest();
          if (index % 3 === 0) await close(index);
        }
        const exports = await openExports(ledger);
        await exports.stage.run();
        await close(1000);
        const expected = new Map<string, bigint>();
        for (const epoch of epochs) {
          for (const line of linesOf<EarningLine>(
            await epochTexts(ledger.artifacts, epoch),
            "earnings.ndjson",
          )) {
            const name = `${line.partition} ${line.account}`;
            expected.set(name, (expected.get(name) ?? 0n) + BigInt(line.earned));
          }
        }
        const found = new Map<string, bigint>();
        for (const partition of ["transcode|eu-central", "transcode|us-west", "ai|us-central"]) {
          const workers = await workersOf(exports, partition).catch((): JsonObject => ({}));
          for (const [who, worker] of Object.entries(workers)) {
            const earned = BigInt(String(at(worker, "worker_earnings")));
            if (earned > 0n) found.set(`${partition} ${who}`, earned);
          }
        }
        expect(found).toEqual(expected);
      }),
    ),
    { numRuns: 25 },
  );
});

test("given nothing moved, then nothing is written again; given it moved, then it is, but not all the time", async () => {
  const ledger = await openTestLedger();
  let ms = 0;
  // Each export takes a second of this clock, which is looked at when one begins and when it has ended.
  const exports = await openExports(ledger, { clock: () => (ms += 500) });
  const path = "eu-central/transcode/worker_summary.json";
  const fees = async () => (await workersOf(exports, "transcode|eu-central"))[account(0)];
  await ledger.write(transcodeKey("a"), [transcodeJob({ id: "1", units: 4, price: 1 })]);
  await ledger.ingest();
  await exports.stage.run();
  await exports.metrics.put(path, Buffer.from("mine"));
  ms += 60_000;
  await exports.stage.run();
  expect(Buffer.from((await exports.metrics.get(path))?.bytes ?? []).toString()).toBe("mine");

  await ledger.write(transcodeKey("b"), [transcodeJob({ id: "2", units: 4, price: 1 })]);
  await ledger.ingest();
  await exports.stage.run();
  expect(await fees()).toMatchObject({ total_fees: 8 });
  await ledger.write(transcodeKey("c"), [transcodeJob({ id: "3", units: 4, price: 1 })]);
  await ledger.ingest();
  await exports.stage.run();
  expect(await fees()).toMatchObject({ total_fees: 8 });
  ms += 10_000;
  await exports.stage.run();
  expect(await fees()).toMatchObject({ total_fees: 12 });
});

test("given a metrics store that fails, then the stage is behind, and nothing else, until it is back", async () => {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("a"), [transcodeJob({ id: "1" })]);
  await ledger.ingest();
  const { metrics } = await openExports(ledger);
  let broken = true;
  const failing = {
    ...metrics,
    put: async (...given: Parameters<typeof metrics.put>) => {
      if (broken) throw new Error("disk full");
      await metrics.put(...given);
    },
  };
  const performance = createPerformances(
    { store: ledger.store, chain: noChainView, ruleset },
    { now: () => now },
  );
  const stage = exportStage(
    { store: ledger.store, chain: noChainView, performance, metrics: failing },
    { ruleset, now: () => now, showConnections: false, paymentThresholdWei: 1n },
  );
  let others = 0;
  const other = {
    name: "other",
    run: async () => {
      others += 1;
    },
  };
  const quiet = { intervalMs: 1, now: () => now, onFailure: () => undefined, onRecovery: () => undefined };
  const daemon = createDaemon([stage, other], quiet);
  await daemon.round();
  expect(daemon.stages().map(({ state }) => state)).toEqual(["behind", "ok"]);
  expect(others).toBe(1);
  broken = false;
  await daemon.round();
  expect(daemon.ready()).toBe(true);
  expect(await metrics.get("eu-central/transcode/worker_summary.json")).toBeDefined();
});
