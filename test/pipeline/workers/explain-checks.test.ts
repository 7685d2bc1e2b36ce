import { rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { zeroAddress } from "../../../offchain/core/address.ts";
import type { Explanation } from "../../../offchain/core/explanation.ts";
import { createProofBook } from "../../../offchain/pipeline/claims/proof-book.ts";
import { type ExplainPorts, type ExplainQuery, explain } from "../../../offchain/pipeline/workers/explain.ts";
import { readStatement } from "../../../offchain/pipeline/workers/statement.ts";
import { createEstimates, type Estimates, noChainView } from "../../../offchain/pipeline/workers/worker.ts";
import { closedSums, openSums } from "../../../offchain/store/keys.ts";
import { put } from "../../../offchain/store/keyspace.ts";
import { account, transcodeJob, transcodeKey } from "../../support/events.ts";
import { openTestLedger, ruleset, type TestLedger } from "../../support/ledger.ts";

const place = { account: account(0), partition: "transcode|eu-central" };
const wrong = { events: 1, grossWei: 1_200_003_601n, commissionWei: 300_000_900n };

function explained(
  ledger: TestLedger,
  given: Partial<ExplainQuery & ExplainPorts> = {},
): Promise<Explanation> {
  const ports = {
    ...ledger,
    proofs: createProofBook(ledger.artifacts),
    estimates: createEstimates(ledger.store),
    ...given,
  };
  return explain(ports, { account: account(0), ruleset, epoch: given.epoch });
}

/** One job in the first epoch, and one in the open one. */
async function ledgerOfTwo(): Promise<TestLedger> {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("a"), [transcodeJob({ id: "1" })]);
  await ledger.close();
  await ledger.write(transcodeKey("b"), [transcodeJob({ id: "2" })]);
  await ledger.ingest();
  return ledger;
}

test.each([
  { epoch: 1, object: "a" },
  { epoch: 2, object: "b" },
])(
  "given an archive without an object of epoch $epoch, or with another in its place, then its name is told",
  async ({ epoch, object }) => {
    const ledger = await ledgerOfTwo();
    const archiveKey = `archive/${transcodeKey(object)}`;
    await ledger.archive.put(archiveKey, Buffer.from("[]"));
    await expect(explained(ledger, { epoch })).rejects.toMatchObject({
      code: "archive-incomplete",
      facts: { archiveKey, found: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
    await rm(join(ledger.folder, "archive", archiveKey));
    await expect(explained(ledger, { epoch })).rejects.toMatchObject({
      facts: { archiveKey, found: "no such object" },
    });
  },
);

test.each([
  ["manifest.json", "manifest-damaged"],
  ["earnings.ndjson", "artifact-damaged"],
  ["proofs/ab.json", "proof-mismatch"],
])("given an edited %s, then it is not taken for the truth: %s", async (name, code) => {
  const ledger = await ledgerOfTwo();
  const key = `epochs/000001/${name}`;
  const text = Buffer.from((await ledger.artifacts.get(key))?.bytes ?? []).toString();
  await ledger.artifacts.put(key, Buffer.from(text.replaceAll("900002700", "900002701")));
  await expect(explained(ledger, { epoch: 1 })).rejects.toMatchObject({ code });
});

test("given sums of the ledger that the events do not have, then nothing is returned, and the sums are told", async () => {
  const ledger = await ledgerOfTwo();
  await ledger.store.write([put(openSums, place, wrong)], { durable: false });
  const error = { code: "invariant-violated", facts: { epoch: 2, source: "ledger", ...place } };
  await expect(explained(ledger)).rejects.toMatchObject(error);
  const key = { ...place, epoch: 1, asset: zeroAddress };
  await ledger.store.write([put(closedSums, key, wrong)], { durable: false });
  await expect(explained(ledger, { epoch: 1 })).rejects.toMatchObject({
    facts: { epoch: 1, source: "ledger" },
  });
});

test("given a worker show that tells another amount, then nothing is returned", async () => {
  const ledger = await ledgerOfTwo();
  const right = createEstimates(ledger.store);
  const at: Estimates["at"] = async (...given) => {
    const state = await right.at(...given);
    return state && { ...state, paired: new Map([[account(0), 5n]]) };
  };
  const estimates = { ...right, at };
  await expect(explained(ledger, { estimates })).rejects.toMatchObject({
    code: "invariant-violated",
    facts: { source: "worker show", expected: 900_002_705n, found: 900_002_700n },
  });
});

test("given lines that are not what worker show tells, then there is no statement", async () => {
  const ledger = await ledgerOfTwo();
  const key = { ...place, epoch: 1, asset: zeroAddress };
  await ledger.store.write([put(closedSums, key, wrong)], { durable: false });
  const ports = { store: ledger.store, chain: noChainView, estimates: createEstimates(ledger.store) };
  await expect(readStatement(ports, { account: account(0), ruleset })).rejects.toMatchObject({
    code: "invariant-violated",
    facts: { expected: 1_800_005_400n, found: 1_800_005_401n },
  });
});
