import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type ExportedPartition,
  type ExportedPerformance,
  performanceFile,
  summaryFile,
} from "../../offchain/core/export-files.ts";
import { encodeJson } from "../../offchain/core/json-text.ts";
import { splitClaim } from "../../offchain/core/payment-split.ts";

const account = "0xAb5801a7D398351b8bE11C439e05C5B3259aeC9B";
const other = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
const partition = { nodeType: "transcode", region: "eu-central" };
const time = Date.UTC(2025, 10, 5, 15, 25);

const worker: ExportedPartition["workers"][number] = {
  account,
  gross: 20_000_000_000_000_000n,
  commission: 5_000_000_000_000_000n,
  connections: ["203.0.113.7:43432"],
  payments: [],
  due: true,
};

function summary(over: Partial<ExportedPartition> = {}): string {
  const whole = {
    partition,
    time,
    workers: [worker],
    commissionPpm: 250_000,
    showConnections: true,
    ...over,
  };
  return encodeJson(summaryFile(whole));
}

test("given a time between two seconds, then both times of the file are the second before", () => {
  const file = summary({ time: Date.UTC(2025, 10, 5, 15, 25, 0, 766) });
  expect(file).toContain('"export_timestamp":"20251105_152500"');
  expect(file).toContain('"timestamp":"2025-11-05T15:25:00Z"');
});

test("given the example that pool pages read, then it is written, field by field, digit by digit", () => {
  const expected = `{ "export_timestamp": "20251105_152500",
    "data": { "node_type": "transcode", "region": "eu-central", "timestamp": "2025-11-05T15:25:00Z",
      "workers": { "${account}": {
        "eth_address": "${account}", "node_type": "transcode", "region": "eu-central",
        "total_fees": 20000000000000000, "worker_earnings": 15000000000000000, "pool_commission": 5000000000000000,
        "connections": ["203.0.113.7:43432"], "connection_count": 1, "active": true,
        "payment_count": 0, "payment_history": [], "last_payment_date": null,
        "total_fees_paid": 0, "pending_fees": 15000000000000000, "pending_eth": 0.015, "payment_due": true } },
      "aggregates": { "total_workers": 1, "active_workers": 1, "total_fees": 20000000000000000, "total_fees_paid": 0,
        "total_pending_fees": 15000000000000000, "total_connections": 1, "total_payments": 0,
        "total_pool_commission": 5000000000000000, "total_worker_earnings": 15000000000000000,
        "pool_commission_rate": 0.25, "workers_eligible_for_payment": 1,
        "total_pending_eth": 0.015, "total_fees_eth": 0.02, "total_fees_paid_eth": 0.0,
        "active_worker_percentage": 100.0 } } }`;
  expect(summary()).toBe(
    expected
      .replaceAll(/\s*\n\s*/g, "")
      .replaceAll(/([{[,:]) /g, "$1")
      .replaceAll(/ ([}\]])/g, "$1"),
  );
});

test("given connections that are not to be shown, then only their number is", () => {
  const shown = JSON.parse(summary({ showConnections: false })).data.workers[account];
  expect(shown).toMatchObject({ connections: [], connection_count: 1, active: true });
});

test("given amounts that no float holds, then every digit is written", () => {
  const large = { ...worker, gross: 123_456_789_012_345_678_901_234_567n, commission: 1n };
  const text = summary({ workers: [large] });
  expect(text).toContain('"total_fees":123456789012345678901234567,');
  expect(text).toContain('"worker_earnings":123456789012345678901234566,');
  expect(text).toContain('"total_fees_eth":123456789.012345678901234567,');
  expect(JSON.parse(text).data.aggregates.total_workers).toBe(1);
});

test("given payments, then they are listed, counted and taken off what is pending, and the newest is the last date", () => {
  const payment = (amount: bigint, when: number | null, id: string) => {
    return { id, amount, time: when, transaction: `0x${"12".repeat(32)}` };
  };
  const payments = [payment(5n, time, "a"), payment(7n, time - 1000, "b"), payment(1n, null, "c")];
  const amounts = { gross: 2000n, commission: 500n };
  const { workers, aggregates } = JSON.parse(
    summary({
      workers: [
        { ...worker, ...amounts, payments, connections: [], due: false },
        { ...worker, ...amounts, account: other },
      ],
    }),
  ).data;
  expect(workers[account]).toMatchObject({
    payment_count: 3,
    total_fees_paid: 13,
    pending_fees: 1487,
    last_payment_date: "2025-11-05T15:25:00Z",
    payment_due: false,
    active: false,
  });
  expect(workers[account].payment_history[0]).toEqual({
    payment_id: "a",
    eth_address: account,
    amount: 5,
    timestamp: "2025-11-05T15:25:00Z",
    transaction_hash: `0x${"12".repeat(32)}`,
    status: "completed",
  });
  expect(workers[account].payment_history[2].timestamp).toBeNull();
  expect(aggregates).toMatchObject({
    ...{ total_workers: 2, active_workers: 1, total_fees_paid: 13, total_payments: 3 },
    ...{ workers_eligible_for_payment: 1, active_worker_percentage: 50 },
    total_pending_fees: 2987,
  });
});

test("given nobody in a partition, then every sum is zero and no share is not a number", () => {
  const { workers, aggregates } = JSON.parse(summary({ workers: [] })).data;
  expect(workers).toEqual({});
  expect(Object.values(aggregates).filter((value) => value !== 0)).toEqual([0.25]);
});

const spread = { mean: 2, min: 1, p50: 1.5, p90: 3, p95: 3, p99: 3, max: 3 };

test("given performance of transcoding and of AI, then each is in its list, with its fields", () => {
  const row: ExportedPerformance = {
    ...{ account, task: null, jobs: 4, realTimeRatio: spread, responseTimeMs: spread },
    ...{ computeUnitsPerSecond: spread, computeUnits: 10n ** 20n, feesWei: 10n ** 20n + 1n },
    ...{ rank: 1, workers: 2, percentile: 100 },
  };
  const transcode = encodeJson(performanceFile(partition, { time, rows: [row] }));
  expect(transcode).toBe(
    `{"export_timestamp":"20251105_152500","node_type":"transcode","region":"eu-central","transcode_performance":[` +
      `{"worker_address":"${account}","job_count":4,"median_real_time_ratio":1.5,"mean_real_time_ratio":2,` +
      `"min_real_time_ratio":1,"max_real_time_ratio":3,"median_response_time":1.5,"mean_response_time":2,` +
      `"total_compute_units":100000000000000000000,"total_fees":100000000000000000001,` +
      `"median_compute_units_per_second":1.5,"mean_compute_units_per_second":2,"min_compute_units_per_second":1,` +
      `"max_compute_units_per_second":3,"rank":1,"percentile":100}],"ai_performance":[],"ai_model_pipeline_rankings":{}}`,
  );
  const task = { pipeline: "text-to-image", modelID: "model" };
  const ai = { ...row, task, realTimeRatio: null };
  const second = { ...ai, account: other, rank: 2 } as const;
  const elsewhere = { ...ai, task: { ...task, modelID: "another" } };
  const file = JSON.parse(encodeJson(performanceFile(partition, { time, rows: [elsewhere, ai, second] })));
  expect(file.transcode_performance).toEqual([]);
  expect(file.ai_performance).toHaveLength(3);
  expect(file.ai_performance[1]).toMatchObject({
    ...{ model_id: "model", pipeline: "text-to-image", model_pipeline: "model | text-to-image" },
    ...{
      median_response_time: 1.5,
      min_response_time: 1,
      max_response_time: 3,
      median_real_time_ratio: null,
    },
  });
  const groups = file.ai_model_pipeline_rankings as Record<string, { worker_address: string }[]>;
  expect(Object.keys(groups)).toEqual(["another | text-to-image", "model | text-to-image"]);
  expect(groups["model | text-to-image"]?.map(({ worker_address }) => worker_address)).toEqual([
    account,
    other,
  ]);
});

test("given a claim and what its partitions had earned, then the parts are the claim, floored, the rest with the first", () => {
  const parts = (amount: bigint, ...unclaimed: [string, bigint][]) =>
    splitClaim(
      amount,
      unclaimed.map(([name, own]) => ({ partition: name, amount: own })),
    ).map(({ partition, amount }) => [partition, amount]);
  expect(parts(10n, ["b", 1n], ["a", 2n])).toEqual([
    ["a", 7n],
    ["b", 3n],
  ]);
  expect(parts(3n, ["b", 1n], ["a", 2n])).toEqual([
    ["a", 2n],
    ["b", 1n],
  ]);
  expect(parts(3n, ["b", 0n], ["a", 0n])).toEqual([
    ["a", 3n],
    ["b", 0n],
  ]);
});

test("given any claim and any partitions, then the sum of the parts is the claim, and none but the first gets more than its share", () => {
  const anyAmount = fc.oneof(fc.bigInt(0n, 20n), fc.bigInt(0n, 10n ** 30n));
  const anyParts = fc.uniqueArray(fc.record({ partition: fc.string({ minLength: 1 }), amount: anyAmount }), {
    minLength: 1,
    maxLength: 6,
    selector: ({ partition }) => partition,
  });
  fc.assert(
    fc.property(anyAmount, anyParts, (amount, unclaimed) => {
      const parts = splitClaim(amount, unclaimed);
      const total = unclaimed.reduce((sum, part) => sum + part.amount, 0n);
      expect(parts.reduce((sum, part) => sum + part.amount, 0n)).toBe(amount);
      for (const part of parts.slice(1)) {
        const own = unclaimed.find(({ partition }) => partition === part.partition)?.amount ?? 0n;
        expect(part.amount * (total || 1n)).toBeLessThanOrEqual(amount * own);
      }
      if (amount === total)
        expect(new Map(parts.map((p) => [p.partition, p.amount]))).toEqual(
          new Map(unclaimed.map((p) => [p.partition, p.amount])),
        );
    }),
  );
});
