import { StandardMerkleTree } from "@openzeppelin/merkle-tree";
import fc from "fast-check";
import { expect, test } from "vitest";
import { zeroAddress } from "../../../offchain/core/address.ts";
import { earningEncoding } from "../../../offchain/core/merkle/leaf.ts";
import type { StatementRow } from "../../../offchain/core/statement.ts";
import { type EarningProof, earningProofs } from "../../../offchain/pipeline/workers/earning-proof.ts";
import { readStatement, type Statement } from "../../../offchain/pipeline/workers/statement.ts";
import {
  type ChainView,
  createEstimates,
  noChainView,
  readWorker,
  type Worker,
  type WorkerClaim,
} from "../../../offchain/pipeline/workers/worker.ts";
import { listWorkerEpochs } from "../../../offchain/pipeline/workers/worker-epochs.ts";
import {
  account,
  accounts,
  aiJob,
  aiKey,
  aiReceipt,
  objectKey,
  transcodeJob,
  transcodeKey,
} from "../../support/events.ts";
import { openTestLedger, ruleset, type TestLedger, withTestLedger } from "../../support/ledger.ts";
import { anyLog } from "../../support/random-log.ts";

const partition = "transcode|eu-central";
const earned: Omit<StatementRow, "time" | "epoch"> = {
  ...{ partition, events: 1, asset: zeroAddress, claimed: 0n, transaction: null },
  ...{ gross: 1_200_003_600n, commission: 300_000_900n, earned: 900_002_700n },
};
const ai = { gross: 1_000_000_007n, commission: 250_000_001n, earned: 750_000_006n };

function statementOf(ledger: TestLedger, of = account(0), chain = noChainView): Promise<Statement> {
  const ports = { store: ledger.store, chain, estimates: createEstimates(ledger.store) };
  return readStatement(ports, { account: of, ruleset });
}

function workerOf(ledger: TestLedger, of = account(0), chain = noChainView): Promise<Worker> {
  const ports = { store: ledger.store, chain, estimates: createEstimates(ledger.store) };
  return readWorker(ports, { account: of, ruleset });
}

/** A chain that has paid claims, and knows of nothing else. */
function chainWith(claims: readonly WorkerClaim[]): ChainView {
  const claimed = claims.reduce((sum, { amount }) => sum + amount, 0n);
  const all = 10n ** 18n;
  return {
    ...noChainView,
    amountsOf: async (account) => {
      const own = account === accounts[0] ? claimed : 0n;
      return { posted: all < own ? all : own, active: own, claimed: own };
    },
    claimsOf: async (account) => (account === accounts[0] ? claims : []),
  };
}

const claim = (epoch: number, amount: bigint, time: number | null = null): WorkerClaim => {
  return { asset: zeroAddress, epoch, amount, transaction: `0x${"0".repeat(63)}${epoch}`, block: 9, time };
};

async function ledgerOfThree(): Promise<TestLedger> {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("1"), [transcodeJob({ id: "1" })]);
  await ledger.close(0);
  await ledger.write(transcodeKey("2"), [transcodeJob({ id: "other", account: account(1) })]);
  await ledger.close(1);
  await ledger.write(objectKey("transcode", "us-west", "3"), [transcodeJob({ id: "2", region: "us-west" })]);
  await ledger.write(transcodeKey("3"), [transcodeJob({ id: "3" })]);
  await ledger.close(2);
  await ledger.write(aiKey("4"), [
    aiJob({ id: "4", requestID: "r" }),
    aiReceipt({ id: "5", requestID: "r" }),
  ]);
  await ledger.write(transcodeKey("4"), [transcodeJob({ id: "6" })]);
  await ledger.ingest();
  return ledger;
}

test("given epochs closed and open, then there is a line for each epoch and partition, the open one without time", async () => {
  const ledger = await ledgerOfThree();
  const { rows, totals, asOf } = await statementOf(ledger);
  expect(rows).toEqual([
    { ...earned, epoch: 1, time: "2025-11-06T00:00:00Z" },
    { ...earned, epoch: 3, time: "2025-11-06T00:00:02Z" },
    { ...earned, epoch: 3, time: "2025-11-06T00:00:02Z", partition: "transcode|us-west" },
    { ...earned, ...ai, epoch: 4, time: null, partition: "ai|us-central" },
    { ...earned, epoch: 4, time: null },
  ]);
  expect(totals).toEqual([
    {
      ...{ asset: zeroAddress, events: 5, claimed: 0n },
      ...{ gross: 5_800_014_407n, commission: 1_450_003_601n, earned: 4_350_010_806n },
    },
  ]);
  const worker = await workerOf(ledger);
  expect(totals[0]?.earned).toBe(worker.assets[0]?.earned);
  expect(asOf).toEqual(worker.asOf);
});

test("given claims, then each stands after what its epoch earned, with time and transaction, and totals add up", async () => {
  const ledger = await ledgerOfThree();
  const claims = [claim(1, 900_002_000n, Date.UTC(2025, 10, 6, 12)), claim(3, 700n), claim(3, 5n)];
  const { rows, totals } = await statementOf(ledger, account(0), chainWith(claims));
  const lines = rows.map(({ epoch, partition, claimed, time }) => [epoch, partition, claimed, time]);
  expect(lines).toEqual([
    [1, partition, 0n, "2025-11-06T00:00:00Z"],
    [1, null, 900_002_000n, "2025-11-06T12:00:00Z"],
    [3, partition, 0n, "2025-11-06T00:00:02Z"],
    [3, "transcode|us-west", 0n, "2025-11-06T00:00:02Z"],
    [3, null, 700n, null],
    [3, null, 5n, null],
    [4, "ai|us-central", 0n, null],
    [4, partition, 0n, null],
  ]);
  expect(rows[1]).toMatchObject({ events: 0, gross: 0n, earned: 0n, transaction: claim(1, 0n).transaction });
  const worker = await workerOf(ledger, account(0), chainWith(claims));
  expect(totals[0]).toMatchObject({ claimed: worker.assets[0]?.claimed, earned: worker.assets[0]?.earned });
});

test("given a chain that moves between two looks, then the statement is made again, of one look", async () => {
  const ledger = await ledgerOfThree();
  let looks = 0;
  const moving: ChainView = {
    ...chainWith([claim(1, 10n)]),
    claimsOf: async () => (looks++ === 0 ? [] : [claim(1, 10n)]),
  };
  const { totals } = await statementOf(ledger, account(0), moving);
  expect([totals[0]?.claimed, looks]).toEqual([10n, 2]);
  const never: ChainView = { ...chainWith([claim(1, 10n)]), claimsOf: async () => [] };
  await expect(statementOf(ledger, account(0), never)).rejects.toMatchObject({ code: "ledger-busy" });
});

test("given an account that never worked, then its statement has no line", async () => {
  const ledger = await ledgerOfThree();
  expect(await statementOf(ledger, account(3))).toMatchObject({ account: account(3), rows: [], totals: [] });
});

test("given the epochs of an account, then they come newest first, partitions summed, from a cursor down", async () => {
  const ledger = await ledgerOfThree();
  const list = async (before?: number) =>
    Array.fromAsync(listWorkerEpochs(ledger.store, { account: account(0), before }), ({ state, assets }) => ({
      epoch: state.epoch,
      assets,
    }));
  const { gross, commission } = earned;
  const one = { asset: zeroAddress, events: 1, gross, commission, earned: earned.earned };
  const two = { ...one, events: 2, gross: 2n * gross, commission: 2n * commission, earned: 2n * one.earned };
  expect(await list()).toEqual([
    { epoch: 3, assets: [two] },
    { epoch: 1, assets: [one] },
  ]);
  expect(await list(3)).toEqual([{ epoch: 1, assets: [one] }]);
  expect(await list(1)).toEqual([]);
});

async function proofsOf(ledger: TestLedger, of = account(0)): Promise<EarningProof[]> {
  return Array.fromAsync(earningProofs(ledger, of));
}

test("given closed epochs, then each in which the account earned is proven against its earnings root", async () => {
  const ledger = await ledgerOfThree();
  const proofs = await proofsOf(ledger);
  expect(proofs.map(({ epoch, earned }) => [epoch, earned])).toEqual([
    [1, 900_002_700n],
    [3, 1_800_005_400n],
  ]);
  for (const { epoch, asset, earned, record, proof } of proofs) {
    const leaf = [BigInt(epoch), account(0), asset, earned];
    expect(StandardMerkleTree.verify(record.earningsRoot, [...earningEncoding], leaf, [...proof])).toBe(true);
    expect(record).toMatchObject({ epoch, totals: [{ asset: zeroAddress }] });
  }
  const [first, third] = proofs;
  expect(first?.record.previous).toBe(`0x${"0".repeat(64)}`);
  // The second epoch stands between them.
  expect(third?.record.previous).not.toBe(first?.recordHash);
  expect((await proofsOf(ledger, account(1)))[0]?.record.previous).toBe(first?.recordHash);
  expect(await proofsOf(ledger, account(3))).toEqual([]);
});

test("given an edited earnings file, then nothing is proven from it", async () => {
  const ledger = await ledgerOfThree();
  const key = "epochs/000003/earnings.ndjson";
  const text = Buffer.from((await ledger.artifacts.get(key))?.bytes ?? []).toString();
  await ledger.artifacts.put(key, Buffer.from(text.replace("900002700", "900002701")));
  const error = { code: "artifact-damaged", exitCode: 3, facts: { file: key } };
  await expect(proofsOf(ledger)).rejects.toMatchObject(error);
});

test("given any log, then every statement sums to what worker show tells, and is proven", async () => {
  await fc.assert(
    fc.asyncProperty(anyLog({ objects: 8 }), fc.nat(8), async (log, first) => {
      await withTestLedger(async (ledger) => {
        for (const [index, object] of log.entries()) {
          await ledger.write(object.key, object.bytes);
          await ledger.ingest();
          if (index === first) await ledger.close(10 * 86_400);
        }
        for (const of of accounts) {
          const { totals, rows } = await statementOf(ledger, of);
          const worker = await workerOf(ledger, of);
          expect(totals[0]?.earned ?? 0n).toBe(worker.assets[0]?.earned);
          const closed = rows.filter(({ time }) => time !== null).reduce((sum, row) => sum + row.earned, 0n);
          const proofs = await proofsOf(ledger, of);
          expect(proofs.reduce((sum, proof) => sum + proof.earned, 0n)).toBe(closed);
        }
      });
    }),
    { numRuns: 15 },
  );
});
