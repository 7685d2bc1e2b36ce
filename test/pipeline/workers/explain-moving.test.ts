import { expect, test } from "vitest";
import type { Explanation } from "../../../offchain/core/explanation.ts";
import type { ObjectStore } from "../../../offchain/objects/object-store.ts";
import { createProofBook } from "../../../offchain/pipeline/claims/proof-book.ts";
import { type ExplainQuery, explain } from "../../../offchain/pipeline/workers/explain.ts";
import { createEstimates } from "../../../offchain/pipeline/workers/worker.ts";
import { account, transcodeJob, transcodeKey, uuid } from "../../support/events.ts";
import { openTestLedger, ruleset, type TestLedger } from "../../support/ledger.ts";

/** Explains the account while `during` happens each time that the archive is read, so many times at most. */
async function explainDuring(
  ledger: TestLedger,
  options: Partial<ExplainQuery> & { during: () => Promise<unknown>; times: number },
): Promise<{ explanation: Explanation; reads: string[] }> {
  const { during, times, ...query } = options;
  const reads: string[] = [];
  const archive: ObjectStore = {
    ...ledger.archive,
    get: async (key, ...rest) => {
      reads.push(key);
      if (reads.length <= times) await during();
      return ledger.archive.get(key, ...rest);
    },
  };
  const ports = {
    ...ledger,
    archive,
    proofs: createProofBook(ledger.artifacts),
    estimates: createEstimates(ledger.store),
  };
  return { explanation: await explain(ports, { account: account(0), ruleset, ...query }), reads };
}

async function ledgerWithJob(): Promise<TestLedger> {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("m"), [transcodeJob({ id: "0" })]);
  await ledger.ingest();
  return ledger;
}

const ids = ({ events }: Explanation): string[] => events.map(({ id }) => id);

test("given objects that come while the open epoch is explained, then they are in it, and none is read twice", async () => {
  const ledger = await ledgerWithJob();
  let count = 0;
  const during = async () => {
    count += 1;
    // The second repeats the event of the first object under a key before it, and so takes it over.
    const jobs = [transcodeJob({ id: `${count}`, second: count }), transcodeJob({ id: "0" })];
    await ledger.write(transcodeKey(`${count}`), jobs);
    await ledger.ingest();
  };
  const { explanation, reads } = await explainDuring(ledger, { during, times: 2 });
  expect(reads).toEqual(["m", "1", "2"].map((name) => `archive/${transcodeKey(name)}`));
  expect(ids(explanation)).toEqual(["0", "1", "2"].map(uuid));
  expect(explanation.events[0]).toMatchObject({ object: transcodeKey("1"), position: 1 });
  expect(explanation.excluded.map(({ object, reason }) => `${object} ${reason}`)).toEqual([
    `${transcodeKey("2")} duplicate`,
    `${transcodeKey("m")} duplicate`,
  ]);
});

test.each([
  { asked: 1, told: 1, jobs: ["0"] },
  { asked: undefined, told: 2, jobs: ["next"] },
])("given a close while epoch $asked is explained, then it is epoch $told", async ({ asked, told, jobs }) => {
  const ledger = await ledgerWithJob();
  const during = async () => {
    await ledger.close();
    await ledger.write(transcodeKey("n"), [transcodeJob({ id: "next" })]);
    await ledger.ingest();
  };
  const { explanation } = await explainDuring(ledger, { during, times: 1, epoch: asked });
  expect(explanation.epoch).toBe(told);
  expect(ids(explanation)).toEqual(jobs.map(uuid));
});

test("given a ledger that never stands still, then the caller is told to come again", async () => {
  const ledger = await ledgerWithJob();
  let count = 0;
  const during = async () => {
    await ledger.write(transcodeKey(`n${count++}`), []);
    await ledger.ingest();
  };
  const busy = explainDuring(ledger, { during, times: Number.POSITIVE_INFINITY });
  await expect(busy).rejects.toMatchObject({ code: "ledger-busy", retryable: true });
});
