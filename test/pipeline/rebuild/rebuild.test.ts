import { rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { archivedKey, checkDataDirectory } from "../../../offchain/pipeline/rebuild/rebuild-archive.ts";
import { rebuildEpoch } from "../../../offchain/pipeline/rebuild/rebuild-epoch.ts";
import { rebuildLedger } from "../../../offchain/pipeline/rebuild/rebuild-ledger.ts";
import type { LedgerStore } from "../../../offchain/store/ledger-store.ts";
import { openLevelStore } from "../../../offchain/store/level.ts";
import { account, aiJob, aiKey, aiReceipt, transcodeJob, transcodeKey } from "../../support/events.ts";
import {
  openLedgerIn,
  openTestLedger,
  ruleset,
  type TestLedger,
  temporaryFolder,
} from "../../support/ledger.ts";
import { epochTexts } from "../../support/published.ts";

test("given the artifacts are lost, when epochs are rebuilt from the archive, then they are byte-identical", async () => {
  const ledger = await closedEpochs();
  const before = await textsOf(ledger);
  await rm(join(ledger.folder, "artifacts/epochs"), { recursive: true });
  await rm(join(ledger.folder, "artifacts/latest.json"));

  const second = await rebuild(ledger, 2);
  const first = await rebuild(ledger, 1);

  expect(await textsOf(ledger)).toEqual(before);
  expect(second).toMatchObject({ epoch: 2, confirmed: "archive" });
  expect([...first.files, ...second.files].map(({ state }) => state)).toEqual(
    Array(first.files.length + second.files.length).fill("written"),
  );
});

test("given files that are there, when an epoch is rebuilt, then it says so and writes nothing", async () => {
  const ledger = await closedEpochs();
  const { files } = await rebuild(ledger, 2);
  expect(new Set(files.map(({ state }) => state))).toEqual(new Set(["same"]));
});

test("given a file that was edited, when an epoch is rebuilt without a chain, then it is named and left alone", async () => {
  const ledger = await closedEpochs();
  const key = "epochs/000002/earnings.ndjson";
  await ledger.artifacts.put(key, Buffer.from("edited\n"));

  const { files } = await rebuild(ledger, 2);

  expect(files.filter(({ state }) => state !== "same")).toEqual([
    { name: "earnings.ndjson", state: "different" },
  ]);
  expect(Buffer.from((await ledger.artifacts.get(key))?.bytes ?? []).toString()).toBe("edited\n");
});

test("given an epoch that was never closed, when it is rebuilt, then it is refused", async () => {
  const ledger = await closedEpochs();
  await expect(rebuild(ledger, 3)).rejects.toMatchObject({ code: "epoch-not-archived" });
  await expect(rebuild(ledger, 0)).rejects.toMatchObject({ code: "epoch-unknown" });
});

test("given an archive that was tampered with, when an epoch is rebuilt, then nothing is written", async () => {
  const ledger = await closedEpochs();
  await rm(join(ledger.folder, "artifacts/epochs"), { recursive: true });
  const key = `archive/${transcodeKey("a")}`;
  const original = (await ledger.archive.get(key))?.bytes ?? Buffer.of();
  await ledger.archive.put(key, Buffer.from("[]"));
  await expect(rebuild(ledger, 2)).rejects.toMatchObject({ code: "archive-incomplete" });

  const forged = (await ledger.archive.get(archivedKey(2, "manifest.json")))?.bytes ?? Buffer.of();
  await ledger.archive.put(key, original);
  const text = Buffer.from(forged).toString().replace('"commissionPpm":250000', '"commissionPpm":250001');
  await ledger.archive.put(archivedKey(2, "manifest.json"), Buffer.from(text));
  await expect(rebuild(ledger, 2)).rejects.toMatchObject({ code: "epoch-not-rederived", exitCode: 3 });
  expect(await textsOf(ledger)).toEqual([new Map(), new Map()]);
});

test("given the data directory is lost, when it is rebuilt, then everything goes on as if nothing had happened", async () => {
  const ledger = await closedEpochs();
  const undisturbed = await closedEpochs();
  await openEpoch(ledger);
  await openEpoch(undisturbed);

  const again = await losingDataDirectory(ledger);
  const lost = await readOrRefuse(again);
  const report = await rebuildLedger({ ...again, chain: undefined }, { ruleset });
  const pass = await again.ingest();

  expect(lost).toBe("data-directory-lost");
  // Four objects were read before: one of them only the archive still has.
  expect(report).toEqual({ epochs: 2, posted: 0, openObjects: 3 });
  expect(pass).toMatchObject({ objects: 0, unread: [] });
  expect(await checkDataDirectory(again)).toBeUndefined();
  const [ours, theirs] = [await again.close(7200), await undisturbed.close(7200)];
  expect(ours?.state.manifestHash).toBe(theirs?.state.manifestHash);
  expect(ours?.manifest.inputs).toMatchObject({ objects: 3, unmatched: 1 });
});

test("given a rebuild of the ledger that was cut short, when it is begun again, then it goes on where it stopped", async () => {
  const ledger = await closedEpochs();
  await openEpoch(ledger);
  const again = await losingDataDirectory(ledger);
  const stop = new AbortController();
  let reads = 0;
  const onProgress = () => {
    reads += 1;
    if (reads === 4) stop.abort(new Error("stopped"));
  };

  const cut = rebuildLedger({ ...again, chain: undefined }, { ruleset, signal: stop.signal, onProgress });
  await expect(cut).rejects.toThrow("stopped");
  expect(await readOrRefuse(again)).toBe("data-directory-lost");
  const report = await rebuildLedger({ ...again, chain: undefined }, { ruleset });

  expect(report).toMatchObject({ epochs: 1, openObjects: 3 });
  expect(await again.ingest()).toMatchObject({ objects: 0 });
  expect(await rebuildLedger({ ...again, chain: undefined }, { ruleset })).toMatchObject({
    epochs: 0,
    openObjects: 0,
  });
});

test("given an old copy of the data directory, when it is used, then it is refused", async () => {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("a"), [transcodeJob({ id: "1" })]);
  await ledger.ingest();
  const copy = await openTestLedger();
  await copy.write(transcodeKey("a"), [transcodeJob({ id: "1" })]);
  await copy.ingest();
  await ledger.close();

  const old = { ...ledger, store: copy.store };
  await expect(checkDataDirectory(old)).rejects.toMatchObject({ code: "data-directory-lost" });
  expect(await checkDataDirectory(ledger)).toBeUndefined();
});

/** Two closed epochs: AI pairs over the boundary, a conflict, an overwritten key, and a rejection. */
async function closedEpochs(): Promise<TestLedger> {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("a"), [
    transcodeJob({ id: "1" }),
    transcodeJob({ id: "2", account: account(1) }),
    transcodeJob({ id: "3", account: "0x12" }),
  ]);
  await ledger.write(aiKey("a"), [aiJob({ id: "4", requestID: "r1", second: 10 })]);
  await ledger.ingest();
  await ledger.write(transcodeKey("a"), [transcodeJob({ id: "5", account: account(2) })]);
  await ledger.close();
  await ledger.write(aiKey("b"), [aiReceipt({ id: "6", requestID: "r1", account: account(3) })]);
  await ledger.write(transcodeKey("b"), [transcodeJob({ id: "7", units: 7 }), transcodeJob({ id: "7" })]);
  await ledger.close(3600);
  return ledger;
}

/** Reads three objects into the open epoch, and overwrites one of them in the log. */
async function openEpoch(ledger: TestLedger): Promise<void> {
  await ledger.write(transcodeKey("c"), [transcodeJob({ id: "8", units: 11 })]);
  await ledger.write(aiKey("c"), [aiJob({ id: "9", requestID: "r2" })]);
  await ledger.ingest();
  await ledger.write(transcodeKey("c"), [transcodeJob({ id: "10", units: 13, account: account(3) })]);
  await ledger.ingest();
}

/** The same stores with an empty data directory. */
async function losingDataDirectory(ledger: TestLedger): Promise<TestLedger> {
  await ledger.store.close();
  await rm(join(ledger.folder, "ledger"), { recursive: true });
  const again = await openLedgerIn(ledger.folder);
  onTestFinished(() => again.store.close());
  return again;
}

async function readOrRefuse(ledger: TestLedger): Promise<string | undefined> {
  return checkDataDirectory(ledger).then(
    () => undefined,
    (error: { code: string }) => error.code,
  );
}

async function rebuild(ledger: TestLedger, epoch: number) {
  return rebuildEpoch({ ...ledger, chain: undefined, scratch: await scratchStore() }, { epoch });
}

async function scratchStore(): Promise<LedgerStore> {
  const store = await openLevelStore(join(await temporaryFolder(), "scratch"));
  onTestFinished(() => store.close());
  return store;
}

async function textsOf({ artifacts }: TestLedger): Promise<Map<string, string>[]> {
  return [await epochTexts(artifacts, 1), await epochTexts(artifacts, 2)];
}
