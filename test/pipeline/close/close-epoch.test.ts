import { createHash } from "node:crypto";
import { StandardMerkleTree } from "@openzeppelin/merkle-tree";
import { describe, expect, test } from "vitest";
import { manifestHash, type ProofShard, shardOf } from "../../../offchain/core/artifacts.ts";
import { canonicalJson } from "../../../offchain/core/canonical.ts";
import type { ObjectStore } from "../../../offchain/objects/object-store.ts";
import { closeEpoch, finishClose } from "../../../offchain/pipeline/close/close-epoch.ts";
import { activeConnections } from "../../../offchain/pipeline/close/closing-writes.ts";
import { ingest, readHead } from "../../../offchain/pipeline/ingest/ingest.ts";
import {
  account,
  accounts,
  aiJob,
  aiKey,
  aiReceipt,
  connection,
  reset,
  transcodeJob,
  transcodeKey,
} from "../../support/events.ts";
import { closeOptions, openTestLedger, type TestLedger, withTestLedger } from "../../support/ledger.ts";
import { epochTexts, leavesOf, linesOf, manifestIn } from "../../support/published.ts";

const zero = "0x0000000000000000000000000000000000000000";
const earned = (fees: bigint, ppm = 250_000n): bigint => fees - (fees * ppm) / 1_000_000n;
const fees = 1_000_003n * 1200n;

test("given transcode jobs and a paired AI job, when the epoch closes, then the root is OpenZeppelin's", async () => {
  const ledger = await openTestLedger();
  await writeMixedLog(ledger);

  const closed = await ledger.close();

  const expected = StandardMerkleTree.of(
    [
      [account(0), zero, earned(fees)],
      [account(1), zero, earned(999_999_999n * 1200n)],
      [account(2), zero, earned(1_000_000_007n)],
    ],
    ["address", "address", "uint256"],
  );
  expect(closed?.manifest.root).toBe(expected.root);
  expect(closed?.manifest.inputs).toMatchObject({
    objects: 3,
    events: 4,
    accepted: 4,
    rejected: 0,
    unmatched: 0,
  });
});

async function writeMixedLog(ledger: TestLedger): Promise<void> {
  await ledger.write(transcodeKey("a"), [
    transcodeJob({ id: "1", account: account(0), units: 1_000_003 }),
    transcodeJob({ id: "2", account: account(1), units: 999_999_999 }),
  ]);
  await ledger.write(aiKey("a"), [aiJob({ id: "3", requestID: "r1", fees: 1_000_000_007 })]);
  await ledger.write(aiKey("b"), [aiReceipt({ id: "4", requestID: "r1", account: account(2) })]);
}

describe("given a closed epoch", () => {
  test("then its files are canonical, the manifest names each by hash and size, and every proof leads to the root", async () => {
    const ledger = await openTestLedger();
    const jobs = accounts.map((who, index) =>
      transcodeJob({ id: `${index}`, account: who, units: index + 1 }),
    );
    await ledger.write(transcodeKey("a"), jobs);
    const closed = await ledger.close();

    const files = await epochTexts(ledger.artifacts, 1);
    const manifest = manifestIn(files);
    expect(manifest).toEqual(closed?.manifest);
    expect(manifestHash(manifest)).toBe(closed?.state.manifestHash);
    expect([...files.keys()].filter((name) => name !== "manifest.json").sort()).toEqual(
      manifest.files.map((file) => file.name),
    );
    for (const { name, sha256, bytes } of manifest.files) {
      const text = files.get(name) ?? "";
      expect(createHash("sha256").update(text).digest("hex"), name).toBe(sha256);
      expect(Buffer.byteLength(text)).toBe(bytes);
      const values = name.endsWith(".json") ? [text] : text.split("\n").slice(0, -1);
      for (const value of values) expect(canonicalJson(JSON.parse(value))).toBe(value);
    }
    for (const who of accounts) {
      const shard = JSON.parse(files.get(`proofs/${shardOf(who)}.json`) ?? "") as ProofShard;
      const [entry] = shard.accounts[who] ?? [];
      const leaf = [who, zero, entry?.cumulative];
      expect(entry).toBeDefined();
      const types = ["address", "address", "uint256"];
      expect(StandardMerkleTree.verify(manifest.root, types, leaf, [...(entry?.proof ?? [])])).toBe(true);
    }
    const latest = await ledger.artifacts.get("latest.json");
    expect(JSON.parse(Buffer.from(latest?.bytes ?? []).toString())).toEqual({
      epoch: 1,
      manifestHash: closed?.state.manifestHash,
      posted: false,
    });
  });

  test("when more are closed, then amounts add up, times and manifests link, and only earners stand in earnings", async () => {
    const ledger = await openTestLedger();
    const results = [];
    for (const [index, who] of [0, 1, 0].entries()) {
      await ledger.write(transcodeKey(`${index}`), [transcodeJob({ id: `${index}`, account: account(who) })]);
      results.push(await ledger.close(index));
    }
    const manifests = results.map((result) => result?.manifest);
    expect(manifests.map((manifest) => manifest?.epoch)).toEqual([1, 2, 3]);
    expect(manifests.map((manifest) => manifest?.opensAt)).toEqual([
      "2025-11-05T15:00:00Z",
      "2025-11-06T00:00:00Z",
      "2025-11-06T00:00:01Z",
    ]);
    expect(manifests.map((manifest) => manifest?.previousManifest)).toEqual([
      null,
      results[0]?.state.manifestHash,
      results[1]?.state.manifestHash,
    ]);
    expect(manifests.map((manifest) => [manifest?.leaves, manifest?.earnings])).toEqual([
      [1, 1],
      [2, 1],
      [2, 1],
    ]);
    expect(await leavesOf(ledger.artifacts, 2)).toEqual({
      [account(0)]: earned(fees),
      [account(1)]: earned(fees),
    });
    expect(await leavesOf(ledger.artifacts, 3)).toEqual({
      [account(0)]: 2n * earned(fees),
      [account(1)]: earned(fees),
    });
    expect(manifests[2]?.totals[0]).toMatchObject({
      gross: `${fees}`,
      earned: `${earned(fees)}`,
      cumulative: `${3n * earned(fees)}`,
      accounts: 2,
    });
  });
});

describe("given nobody earned", () => {
  test("then nothing is closed, however often, and what was read counts in the epoch that does close", async () => {
    const ledger = await openTestLedger();
    expect(await ledger.close()).toBeUndefined();
    await ledger.write(transcodeKey("a"), [
      transcodeJob({ id: "free", units: 0 }),
      connection({ id: "up", type: "worker-connected", second: -60 }),
    ]);
    await ledger.write(aiKey("a"), [aiReceipt({ id: "receipt", requestID: "r" })]);
    expect(await ledger.close()).toBeUndefined();
    expect(await ledger.close(5)).toBeUndefined();
    expect((await readHead(ledger.store)).closing).toBeNull();

    await ledger.write(aiKey("b"), [aiJob({ id: "job", requestID: "r", fees: 8 })]);
    const closed = await ledger.close(5);
    expect(closed?.manifest).toMatchObject({
      epoch: 1,
      opensAt: "2025-11-05T14:59:00Z",
      inputs: { objects: 3, accepted: 4 },
    });
    expect(await leavesOf(ledger.artifacts, 1)).toEqual({ [account(0)]: 6n });
  });

  test("then a second close of nothing changes nothing, and the next epoch closes as ever", async () => {
    const ledger = await openTestLedger();
    await writeMixedLog(ledger);
    await ledger.close();
    const before = await readHead(ledger.store);
    expect(await ledger.close(1)).toBeUndefined();
    expect(await ledger.close(2)).toBeUndefined();
    expect(await readHead(ledger.store)).toEqual(before);

    await ledger.write(transcodeKey("b"), [transcodeJob({ id: "5" })]);
    expect((await ledger.close(3))?.manifest).toMatchObject({ epoch: 2, opensAt: "2025-11-06T00:00:00Z" });
  });
});

test("given jobs without fees, paired or not, then they are counted as read and not as paid", async () => {
  const ledger = await openTestLedger();
  await ledger.write(aiKey("a"), [
    aiJob({ id: "paid", requestID: "r1", fees: 8 }),
    aiReceipt({ id: "receipt 1", requestID: "r1" }),
    aiJob({ id: "free", requestID: "r2", fees: 0 }),
    aiReceipt({ id: "receipt 2", requestID: "r2" }),
    aiReceipt({ id: "receipt 3", requestID: "r3", account: account(1) }),
    aiJob({ id: "only free", requestID: "r3", fees: 0 }),
  ]);
  await ledger.write(transcodeKey("a"), [transcodeJob({ id: "unpaid", units: 0, account: account(1) })]);
  const closed = await ledger.close();
  expect(closed?.manifest.inputs).toMatchObject({ accepted: 7, unmatched: 0 });
  const earnings = linesOf(await epochTexts(ledger.artifacts, 1), "earnings.ndjson");
  expect(earnings).toMatchObject([{ account: account(0), events: 1, gross: "8", earned: "6" }]);
});

test("given an event at the very opening of an epoch, then it is not late; a second earlier it is", async () => {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("a"), [transcodeJob({ id: "1" })]);
  await ledger.close();
  const opening = 9 * 3600;
  const seconds = [opening - 1, opening, opening + 1];
  const jobs = seconds.map((second) => transcodeJob({ id: `at ${second}`, second }));
  await ledger.write(transcodeKey("b"), jobs);
  expect((await ledger.close(5))?.manifest.inputs).toMatchObject({ accepted: 3, late: 1 });
});

test("given a time at or before the opening, then the close is refused and nothing is lost", async () => {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("a"), [transcodeJob({ id: "1", second: 60 })]);
  const opening = -9 * 3600 + 60;
  for (const second of [opening, opening - 1]) {
    await expect(ledger.close(second)).rejects.toMatchObject({ code: "closing-time-invalid", exitCode: 2 });
  }
  expect((await ledger.close(opening + 1))?.manifest.opensAt).toBe("2025-11-05T15:01:00Z");
  await ledger.write(transcodeKey("b"), [transcodeJob({ id: "2" })]);
  await expect(ledger.close(opening + 1)).rejects.toMatchObject({ code: "closing-time-invalid" });
  expect((await ledger.close())?.manifest).toMatchObject({ epoch: 2, inputs: { accepted: 1, late: 1 } });
});

test("given other rules while an epoch is open, then they take effect at the next one and its manifest shows them", async () => {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("a"), [transcodeJob({ id: "1" })]);
  await ledger.ingest();
  await ledger.write(transcodeKey("b"), [transcodeJob({ id: "2" })]);
  const rules = { commissionPpm: 100_000 };
  const first = await ledger.close(0, rules);
  expect(first?.manifest.ruleset.commissionPpm).toBe(250_000);
  expect(await leavesOf(ledger.artifacts, 1)).toEqual({ [account(0)]: 2n * earned(fees) });

  await ledger.write(transcodeKey("c"), [transcodeJob({ id: "3" })]);
  const second = await ledger.close(1, rules);
  expect(second?.manifest.ruleset.commissionPpm).toBe(100_000);
  expect(second?.manifest.rulesetHash).not.toBe(first?.manifest.rulesetHash);
  expect(await leavesOf(ledger.artifacts, 2)).toEqual({
    [account(0)]: 2n * earned(fees) + earned(fees, 100_000n),
  });
});

test("given resets and connections of a closed epoch, when older ones come late, then they change nothing", async () => {
  const ledger = await openTestLedger();
  const up = (id: string, second: number, port: number) =>
    connection({ id, type: "worker-connected", second, address: `203.0.113.10:${port}` });
  await ledger.write(transcodeKey("a"), [
    reset({ id: "first", second: 10 }),
    reset({ id: "second", second: 50 }),
    up("1", 60, 1),
    up("2", 60, 2),
    connection({ id: "down", type: "worker-disconnected", second: 90, address: "203.0.113.10:2" }),
    transcodeJob({ id: "paid" }),
  ]);
  await ledger.close();
  expect(await activeConnections(ledger.store, "transcode|eu-central")).toEqual(new Map([[account(0), 1]]));

  await ledger.write(transcodeKey("b"), [up("before the reset", 30, 3), up("before it went", 80, 2)]);
  await ledger.ingest();
  expect(await activeConnections(ledger.store, "transcode|eu-central")).toEqual(new Map([[account(0), 1]]));
});

describe("a close that is cut short", () => {
  const everything = async (ledger: TestLedger) => ({
    files: await epochTexts(ledger.artifacts, 1),
    latest: Buffer.from((await ledger.artifacts.get("latest.json"))?.bytes ?? []).toString(),
  });
  const undisturbed = () =>
    withTestLedger(async (ledger) => {
      await writeMixedLog(ledger);
      await ledger.close();
      return everything(ledger);
    });

  test("when any one file fails to be written, then the close is finished exactly as it began", async () => {
    const expected = await undisturbed();
    // Every file, the manifest and the pointer to it.
    for (let failing = 1; failing <= expected.files.size + 1; failing++) {
      await withTestLedger(async (ledger) => {
        await writeMixedLog(ledger);
        const artifacts = failingPuts(ledger.artifacts, failing);
        await expect(closeEpoch({ ...ledger, artifacts }, closeOptions())).rejects.toThrow("bucket gone");
        await finishClose(ledger);
        expect(await everything(ledger)).toEqual(expected);
        expect(await readHead(ledger.store)).toMatchObject({ epoch: 2, closing: null });
      });
    }
  });

  test("when its last write to the ledger fails, then the close is finished exactly as it began", async () => {
    const expected = await undisturbed();
    await withTestLedger(async (ledger) => {
      await writeMixedLog(ledger);
      await ledger.ingest();
      let writes = 0;
      const store: TestLedger["store"] = {
        ...ledger.store,
        async write(...given) {
          writes += 1;
          if (writes === 2) throw new Error("disk full");
          await ledger.store.write(...given);
        },
      };
      await expect(closeEpoch({ ...ledger, store }, closeOptions())).rejects.toThrow("disk full");
      // Another time and other rules given now do not matter: the close was decided.
      expect((await ledger.close(77, { commissionPpm: 1 }))?.manifest.closesAt).toBe("2025-11-06T00:00:00Z");
      expect(await everything(ledger)).toEqual(expected);
    });
  });

  test("when objects come before it is finished, then none is read until it is, and they belong to the next epoch", async () => {
    const expected = await undisturbed();
    await withTestLedger(async (ledger) => {
      await writeMixedLog(ledger);
      const artifacts = failingPuts(ledger.artifacts, 2);
      await expect(closeEpoch({ ...ledger, artifacts }, closeOptions())).rejects.toThrow("bucket gone");
      await ledger.write(transcodeKey("z"), [transcodeJob({ id: "new" })]);
      await expect(ingest(ledger, closeOptions())).rejects.toMatchObject({ code: "invariant-violated" });
      await finishClose(ledger);
      expect(await everything(ledger)).toEqual(expected);
      expect((await ledger.close(1))?.manifest.inputs.objects).toBe(1);
    });
  });
});

/** The same store, except that its nth put fails. */
function failingPuts(store: ObjectStore, nth: number): ObjectStore {
  let puts = 0;
  return {
    ...store,
    async put(...given) {
      puts += 1;
      if (puts === nth) throw new Error("bucket gone");
      await store.put(...given);
    },
  };
}

test("given an epoch with nothing rejected or waiting, then those files are there and empty", async () => {
  const ledger = await openTestLedger();
  await writeMixedLog(ledger);
  await ledger.close();
  const files = await epochTexts(ledger.artifacts, 1);
  expect(files.get("rejections.ndjson")).toBe("");
  expect(files.get("unmatched.ndjson")).toBe("");
  expect(linesOf(files, "objects.ndjson")).toHaveLength(3);
});
