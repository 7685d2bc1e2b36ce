import { expect, test } from "vitest";
import type { Address } from "../../../offchain/core/address.ts";
import { requireEpoch } from "../../../offchain/pipeline/close/epochs.ts";
import { previewEpoch } from "../../../offchain/pipeline/close/preview.ts";
import { findJumps, median, timesMedian } from "../../../offchain/pipeline/publish/anomaly.ts";
import { createBelt } from "../../../offchain/pipeline/publish/belt.ts";
import { account, transcodeJob, transcodeKey } from "../../support/events.ts";
import { openTestLedger, ruleset, type TestLedger } from "../../support/ledger.ts";

const zero = "0x0000000000000000000000000000000000000000";

test("given amounts, the median is the middle one, or the floor between the two in the middle", () => {
  expect(median([])).toBeUndefined();
  expect(median([7n])).toBe(7n);
  expect(median([9n, 1n, 5n])).toBe(5n);
  expect(median([9n, 2n, 5n, 1n])).toBe(3n);
});

test("given an account at twenty times its median, the epoch passes; given more, it is refused", async () => {
  const ledger = await openTestLedger();
  // Half of each fee is commission: the median of the earlier epochs is 100.
  await closeWith(ledger, 1, [
    [0, 60],
    [1, 200],
  ]);
  await closeWith(ledger, 2, [
    [0, 200],
    [1, 200],
  ]);
  await closeWith(ledger, 3, [
    [0, 500],
    [1, 200],
  ]);
  await closeWith(ledger, 4, [
    [0, 4000],
    [1, 200],
  ]);
  await expect(check(ledger, 4)).resolves.toBeUndefined();

  await closeWith(ledger, 5, [
    [0, 200],
    [1, 4002],
  ]);

  await expect(check(ledger, 5)).rejects.toMatchObject({
    code: "epoch-anomalous",
    facts: {
      epoch: 5,
      accounts: 1,
      account: account(1),
      earned: 2001n,
      "its median epoch": 100n,
      times: "20.0",
    },
    next: expect.stringMatching(`payroot explain ${account(1)} --epoch 5.*--accept-anomaly`),
  });
  await expect(check(ledger, 5, 21)).resolves.toBeUndefined();
  await expect(check(ledger, 5, 0)).resolves.toBeUndefined();
});

test("given a new account, it is compared with the median of everybody in the epoch before", async () => {
  const ledger = await openTestLedger();
  await closeWith(ledger, 1, [
    [0, 200],
    [1, 400],
    [2, 600],
  ]);
  await closeWith(ledger, 2, [
    [0, 200],
    [3, 8002],
  ]);

  await expect(check(ledger, 2)).rejects.toMatchObject({
    facts: { account: account(3), earned: 4001n, "the median of all accounts in the epoch before": 200n },
  });
});

test("given the first epoch of a pool, there is nothing to compare with and it passes", async () => {
  const ledger = await openTestLedger();
  await closeWith(ledger, 1, [
    [0, 2],
    [1, 2_000_000],
  ]);
  await expect(check(ledger, 1)).resolves.toBeUndefined();
});

test("given epochs in which an account earned nothing, they do not count into its median", async () => {
  const ledger = await openTestLedger();
  await closeWith(ledger, 1, [
    [0, 200],
    [1, 200],
  ]);
  for (const epoch of [2, 3, 4]) await closeWith(ledger, epoch, [[1, 200]]);
  await closeWith(ledger, 5, [
    [0, 300],
    [1, 200],
  ]);
  const earned = new Map<Address, bigint>([[account(0), 150n]]);
  const jumps = await findJumps(ledger, { epoch: 5, asset: zero, earned });
  expect(jumps).toEqual([{ account: account(0), earned: 150n, median: 100n, of: "own" }]);
  expect(jumps.map(timesMedian)).toEqual(["1.5"]);
});

test("given more than thirty earlier epochs, the newest thirty count", async () => {
  const ledger = await openTestLedger();
  const fees = (epoch: number) => (epoch === 1 ? 20_000 : epoch <= 16 ? 200 : 600);
  for (let epoch = 1; epoch <= 31; epoch += 1) await closeWith(ledger, epoch, [[0, fees(epoch)]]);
  const earned = new Map<Address, bigint>([[account(0), 100n]]);
  // Of the newest thirty one half is 100 and the other 300; with the first, 300 would be in the middle.
  const [jump] = await findJumps(ledger, { epoch: 32, asset: zero, earned });
  expect(jump?.median).toBe(200n);
  // Later epochs than the one looked at do not count.
  const [earlier] = await findJumps(ledger, { epoch: 2, asset: zero, earned });
  expect(earlier?.median).toBe(10_000n);
});

test("given an object older than the close that was not read, the epoch is refused until it is", async () => {
  const ledger = await openTestLedger();
  await closeWith(ledger, 1, [[0, 200]]);
  const key = transcodeKey("20251105T150000Z_20251105T151000Z");
  await ledger.write(key, [transcodeJob({ id: "late", units: 1, price: 1 })]);

  await expect(check(ledger, 1)).rejects.toMatchObject({
    code: "log-incomplete",
    facts: { epoch: 1, unread: 1, first: key },
    next: expect.stringMatching(/payroot ingest --once.*payroot epoch reopen 1/),
  });

  await ledger.ingest();
  await expect(check(ledger, 1)).resolves.toBeUndefined();
});

test("given a known object with new contents, it counts as unread", async () => {
  const ledger = await openTestLedger();
  await closeWith(ledger, 1, [[0, 200]]);
  await ledger.write(transcodeKey("epoch-1"), [transcodeJob({ id: "other", units: 1, price: 1 })]);
  await expect(check(ledger, 1)).rejects.toMatchObject({ code: "log-incomplete" });
});

test("given objects that end after the close, foreign files and other partitions, the epoch passes", async () => {
  const ledger = await openTestLedger();
  await closeWith(ledger, 1, [[0, 200]]);
  await ledger.write(transcodeKey("20251105T150000Z_20251107T000000Z"), []);
  await ledger.write("eu-central/transcode/README.md", "none");
  await expect(check(ledger, 1)).resolves.toBeUndefined();
  await ledger.write("us-west/ai/us-west-ai-a.json", []);
  const only = createBelt(ledger, {
    anomalyFactor: 20,
    partitions: [{ nodeType: "transcode", region: "eu-central" }],
  });
  await expect(only(await posting(ledger, 1))).resolves.toBeUndefined();
  await expect(check(ledger, 1)).rejects.toMatchObject({ code: "log-incomplete" });
});

test("given a preview, it shows jumps, the runway and what rejections are worth", async () => {
  const ledger = await openTestLedger();
  await closeWith(ledger, 1, [
    [0, 200],
    [1, 200],
  ]);
  await closeWith(ledger, 2, [
    [0, 200],
    [1, 600],
  ]);
  const refused = { ...transcodeJob({ id: "refused", units: 5000, price: 1 }), Version: 2 };
  await ledger.write(transcodeKey("open"), [
    transcodeJob({ id: "x", units: 1000, price: 1, account: account(1) }),
    transcodeJob({ id: "y", units: 400, price: 1, account: account(0) }),
    refused,
    { ...refused, Payload: {} },
  ]);
  await ledger.ingest({ commissionPpm: 500_000 });
  const funding = async () => ({ balance: 2301n, claimed: 100n });

  const preview = await previewEpoch({ ...ledger, funding }, ruleset);

  expect(preview.jumps).toEqual([
    { account: account(1), earned: 500n, median: 200n, of: "own" },
    { account: account(0), earned: 200n, median: 100n, of: "own" },
  ]);
  expect(preview.rejections).toEqual([
    { reason: "unsupported-version", count: 1, fees: 5000n, unknown: 0 },
    { reason: "malformed", count: 1, fees: 0n, unknown: 1 },
  ]);
  // Owed: 600 of before and 700 now, less 100 claimed; the closed epochs earned 300 on average.
  expect(preview.solvency).toEqual({ balance: 2301n, owed: 1200n, missing: 0n });
  expect(preview.runway).toEqual({ surplus: 1101n, mean: 300n, of: 2, epochs: 3n });
});

test("given a preview before any close, or of a pool that lacks money, the runway says so", async () => {
  const ledger = await openTestLedger();
  const poor = async () => ({ balance: 0n, claimed: 0n });
  const first = await previewEpoch({ ...ledger, funding: poor }, ruleset);
  expect(first.runway).toEqual({ surplus: 0n, mean: 0n, of: 0, epochs: null });
  await closeWith(ledger, 1, [[0, 200]]);
  const second = await previewEpoch({ ...ledger, funding: poor }, ruleset);
  expect(second).toMatchObject({ solvency: { missing: 100n }, runway: { surplus: 0n, epochs: 0n } });
});

/** Closes an epoch in which accounts of the list pay fees of so many wei, half of which is commission. */
async function closeWith(ledger: TestLedger, epoch: number, fees: readonly (readonly [number, number])[]) {
  const jobs = fees.map(([index, units]) =>
    transcodeJob({ id: `${epoch} ${index}`, account: account(index), units, price: 1 }),
  );
  await ledger.write(transcodeKey(`epoch-${epoch}`), jobs);
  const closed = await ledger.close(epoch, { commissionPpm: 500_000 });
  expect(closed?.manifest.epoch).toBe(epoch);
}

async function posting(ledger: TestLedger, epoch: number) {
  const hash = `0x${"00".repeat(32)}` as const;
  const record = {
    epoch: 1n,
    previous: hash,
    root: hash,
    earningsRoot: hash,
    manifestHash: hash,
    totals: [],
  };
  return { state: await requireEpoch(ledger.store, epoch), record, recordHash: hash };
}

async function check(ledger: TestLedger, epoch: number, anomalyFactor = 20): Promise<void> {
  return createBelt(ledger, { anomalyFactor, partitions: undefined })(await posting(ledger, epoch));
}
