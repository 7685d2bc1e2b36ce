import { rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { postEpochCall } from "../../../offchain/chain/calls.ts";
import { epochFolder, type Manifest } from "../../../offchain/core/artifacts.ts";
import { recordOf } from "../../../offchain/pipeline/publish/epoch-record.ts";
import { publishEpoch, resumePublish } from "../../../offchain/pipeline/publish/publish.ts";
import { rebuildEpoch } from "../../../offchain/pipeline/rebuild/rebuild-epoch.ts";
import { rebuildLedger } from "../../../offchain/pipeline/rebuild/rebuild-ledger.ts";
import { deployTestDistributor, useAnvil } from "../../support/anvil.ts";
import { auditOf, failuresOf, openCache } from "../../support/auditing.ts";
import { openLedgerIn, openTestLedger, ruleset, type TestLedger } from "../../support/ledger.ts";
import { epochTexts } from "../../support/published.ts";
import { closeForChain } from "../../support/published-epochs.ts";

const anvil = useAnvil();

test("given the operator is gone, when epochs on chain are rebuilt, then every file is byte-identical and the audit passes", async () => {
  const { ledger, chain } = await postedEpochs(2);
  const before = await textsOf(ledger, 2);
  await rm(join(ledger.folder, "artifacts"), { recursive: true });
  await rm(join(ledger.folder, "log"), { recursive: true });
  const { artifacts } = await emptied(ledger);

  for (const epoch of [2, 1]) {
    const report = await rebuildEpoch({ ...ledger, artifacts, chain, scratch: await openCache() }, { epoch });
    expect(report.confirmed).toBe("chain");
    expect(new Set(report.files.map(({ state }) => state))).toEqual(new Set(["written"]));
  }

  expect(await textsOf({ ...ledger, artifacts }, 2)).toEqual(before);
  const report = await auditOf({ ...ledger, artifacts }, { chain });
  expect(report.ok, JSON.stringify(failuresOf(report))).toBe(true);
});

test("given files of an epoch on chain that were edited, when it is rebuilt, then they are those of the chain again", async () => {
  const { ledger, chain } = await postedEpochs(1);
  const before = await textsOf(ledger, 1);
  await ledger.artifacts.put("epochs/000001/earnings.ndjson", Buffer.from("edited\n"));
  await ledger.artifacts.put("epochs/000001/record.json", Buffer.from("{}"));

  const report = await rebuildEpoch({ ...ledger, chain, scratch: await openCache() }, { epoch: 1 });

  expect(report.files.filter(({ state }) => state !== "same")).toEqual([
    { name: "earnings.ndjson", state: "replaced" },
    { name: "record.json", state: "replaced" },
  ]);
  expect(await textsOf(ledger, 1)).toEqual(before);
});

test("given another record on chain, when its epoch is rebuilt, then nothing is written", async () => {
  const { ledger, distributor, chain } = await closedEpochs(1);
  const stored = await ledger.artifacts.get(`${epochFolder(1)}manifest.json`);
  const manifest = JSON.parse(Buffer.from(stored?.bytes ?? []).toString()) as Manifest;
  const record = { ...recordOf(manifest, `0x${"00".repeat(32)}`), root: `0x${"11".repeat(32)}` as const };
  const { data } = postEpochCall(record, []);
  await anvil.control().send({ from: distributor.poster.address, to: distributor.address, data });
  await ledger.artifacts.delete("epochs/000001/leaves.ndjson");

  const rebuilding = rebuildEpoch({ ...ledger, chain, scratch: await openCache() }, { epoch: 1 });

  await expect(rebuilding).rejects.toMatchObject({ code: "epoch-differs-from-chain", exitCode: 3 });
  expect(await ledger.artifacts.get("epochs/000001/leaves.ndjson")).toBeUndefined();
});

test("given the data directory is lost, when it is rebuilt from archive and chain, then publishing goes on", async () => {
  const { ledger, distributor, chain } = await postedEpochs(2);
  await ledger.store.close();
  await rm(join(ledger.folder, "ledger"), { recursive: true });
  const again = await openLedgerIn(ledger.folder);
  onTestFinished(() => again.store.close());
  const before = await textsOf(again, 2);

  const report = await rebuildLedger({ ...again, chain }, { ruleset });
  const ports = { ...again, chain };
  const options = { broadcast: true, signer: distributor.poster, pollMs: 5 };
  const resumed = await resumePublish(ports, options);
  const after = await textsOf(again, 2);
  await closeForChain(again, { epoch: 3, distributor: distributor.address });
  const third = await publishEpoch(ports, 3, options);

  expect(report).toEqual({ epochs: 2, posted: 2, openObjects: 0 });
  expect(resumed.map(({ epoch, state }) => [epoch, state])).toEqual([
    [1, "posted"],
    [2, "posted"],
  ]);
  expect(after).toEqual(before);
  expect(third.state).toBe("posted");
  expect(await chain.latestEpoch()).toBe(3);
  expect((await auditOf(again, { chain })).ok).toBe(true);
});

async function closedEpochs(count: number) {
  const distributor = await deployTestDistributor(anvil);
  const ledger = await openTestLedger();
  for (let epoch = 1; epoch <= count; epoch += 1) {
    await closeForChain(ledger, { epoch, distributor: distributor.address });
  }
  return { ledger, distributor, chain: distributor.open() };
}

async function postedEpochs(count: number) {
  const closed = await closedEpochs(count);
  const { ledger, distributor, chain } = closed;
  for (let epoch = 1; epoch <= count; epoch += 1) {
    const options = { broadcast: true, signer: distributor.poster, pollMs: 5 };
    await publishEpoch({ ...ledger, chain }, epoch, options);
  }
  return closed;
}

/** The stores of a ledger whose folders may be gone. */
async function emptied(ledger: TestLedger): Promise<Pick<TestLedger, "artifacts">> {
  const { store, artifacts } = await openLedgerIn(join(ledger.folder, "again"));
  await store.close();
  return { artifacts };
}

async function textsOf({ artifacts }: TestLedger, epochs: number): Promise<Map<string, string>[]> {
  const texts: Map<string, string>[] = [];
  for (let epoch = 1; epoch <= epochs; epoch += 1) texts.push(await epochTexts(artifacts, epoch));
  const latest = await artifacts.get("latest.json");
  return [...texts, new Map([["latest.json", Buffer.from(latest?.bytes ?? []).toString()]])];
}
