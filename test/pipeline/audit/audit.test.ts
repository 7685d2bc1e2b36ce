import { expect, test } from "vitest";
import type { ObjectStore } from "../../../offchain/objects/object-store.ts";
import { audit } from "../../../offchain/pipeline/audit/audit.ts";
import { auditOf, failuresOf, openCache, twoEpochs } from "../../support/auditing.ts";
import { account, aiJob, aiKey, aiReceipt, transcodeJob, transcodeKey } from "../../support/events.ts";
import { openTestLedger, type TestLedger } from "../../support/ledger.ts";

const archiveChecks = [
  "manifest",
  "previous manifest",
  "ruleset",
  "files",
  "objects",
  "events",
  "rejections",
  "unmatched",
  "earnings",
  "leaves",
  "conservation",
  "monotonic totals",
  "root",
  "earnings root",
  "proofs",
  "manifest hash",
];

test("given honest epochs, when they are audited, then every check holds, and says what it compared", async () => {
  const ledger = await twoEpochs();

  const report = await auditOf(ledger, { log: ledger.log });

  expect(report.ok).toBe(true);
  expect(Object.keys(report)).toEqual(["ok", "epochs"]);
  expect(report.epochs.map(({ epoch, ok }) => ({ epoch, ok }))).toEqual([
    { epoch: 1, ok: true },
    { epoch: 2, ok: true },
  ]);
  for (const { checks } of report.epochs) {
    expect(checks.map(({ name }) => name)).toEqual([...archiveChecks, "withheld objects"]);
    for (const check of checks) {
      expect(Object.keys(check)).toEqual(["name", "ok", "expected", "actual", "detail"]);
      expect(check.actual, check.name).toBe(check.expected);
    }
  }
});

test("given one epoch asked for, when it is audited, then it alone is told, and the others are not trusted", async () => {
  const ledger = await twoEpochs();
  const report = await auditOf(ledger, { options: { epoch: 2 } });
  expect(report.epochs.map(({ epoch }) => epoch)).toEqual([2]);
  await expect(auditOf(ledger, { options: { epoch: 3 } })).rejects.toMatchObject({ code: "epoch-unknown" });
  await expect(auditOf(ledger, { options: { epoch: 0 } })).rejects.toMatchObject({ code: "epoch-unknown" });
});

test("given a place without epochs, when it is audited, then that is no success", async () => {
  const ledger = await openTestLedger();
  await expect(auditOf(ledger)).rejects.toMatchObject({ code: "nothing-published", exitCode: 2 });
});

test("given a cache, when new epochs are audited, then only they are read and the outcome is that of an audit of all", async () => {
  const ledger = await openTestLedger();
  const cache = await openCache();
  const reads: string[] = [];
  const archive = watched(ledger.archive, reads);
  const artifacts = watched(ledger.artifacts, reads);
  for (let epoch = 1; epoch <= 5; epoch += 1) {
    await ledger.write(transcodeKey(`e${epoch}`), [
      transcodeJob({ id: `${epoch}`, units: epoch, second: epoch }),
    ]);
    await ledger.close(epoch * 3600);
    reads.length = 0;
    const report = await audit({ cache, archive, artifacts });
    expect(report.epochs).toHaveLength(epoch);
    expect(report).toEqual(await auditOf(ledger));
    const before = reads.filter((key) => Number(/epochs\/0*(\d+)\//.exec(key)?.[1] ?? epoch) < epoch - 1);
    expect(before).toEqual([]);
    expect(reads.filter((key) => key.startsWith("archive/"))).toEqual([
      `archive/${transcodeKey(`e${epoch}`)}`,
    ]);
  }
});

test("given operators that read the log in other orders and portions, when both are audited, then both print the same", async () => {
  const first = await openTestLedger();
  const second = await openTestLedger();
  for (const [key, events] of entries) await first.write(key, events);
  await first.close();
  for (const [key, events] of entries.toReversed()) {
    await second.write(key, events);
    await second.ingest();
  }
  await second.close();
  for (const ledger of [first, second]) {
    await ledger.write(transcodeKey("z"), [transcodeJob({ id: "9" })]);
    await ledger.close(3600);
  }
  const cache = await openCache();
  await auditOf(second, { cache, options: { epoch: 1 } });

  expect(await auditOf(second, { cache })).toEqual(await auditOf(first));
});

test("given a file that is put back, when it is audited again with the same cache, then every check holds again", async () => {
  const ledger = await twoEpochs();
  const cache = await openCache();
  const key = "epochs/000001/earnings.ndjson";
  const stored = (await ledger.artifacts.get(key))?.bytes ?? Buffer.of();
  await ledger.artifacts.delete(key);
  const broken = await auditOf(ledger, { cache });
  expect(Object.keys(failuresOf(broken))).toEqual(["1 files", "1 earnings", "1 conservation"]);
  expect(await auditOf(ledger, { cache })).toEqual(broken);

  await ledger.artifacts.put(key, stored);

  expect(await auditOf(ledger, { cache })).toEqual(await auditOf(ledger));
});

test("given an object that is put back, when it is audited again with the same cache, then every check holds again", async () => {
  const ledger = await twoEpochs();
  const cache = await openCache();
  const key = `archive/${transcodeKey("b")}`;
  const stored = (await ledger.archive.get(key))?.bytes ?? Buffer.of();
  await ledger.archive.delete(key);
  const broken = await auditOf(ledger, { cache });
  // What follows goes on from what the first epoch came to without the object.
  expect(broken.epochs.map(({ ok }) => ok)).toEqual([false, false]);

  await ledger.archive.put(key, stored);

  expect((await auditOf(ledger, { cache })).ok).toBe(true);
});

test("given an epoch asked for that was audited before, when a file of it is lost since, then that shows", async () => {
  const ledger = await twoEpochs();
  const cache = await openCache();
  expect((await auditOf(ledger, { cache })).ok).toBe(true);
  await ledger.artifacts.delete("epochs/000001/leaves.ndjson");

  const report = await auditOf(ledger, { cache, options: { epoch: 1 } });

  expect(Object.keys(failuresOf(report))).toContain("1 files");
});

test("given an epoch that was closed anew, when it is audited with the old cache, then the new one is audited", async () => {
  const ledger = await twoEpochs();
  const other = await openTestLedger();
  const cache = await openCache();
  await auditOf(ledger, { cache });
  await other.write(transcodeKey("other"), [transcodeJob({ id: "other" })]);
  await other.close();

  expect(await auditOf(other, { cache })).toEqual(await auditOf(other));
});

test("given an audit that was cut short, when it is made again with the same cache, then it goes on, or begins anew", async () => {
  const ledger = await openTestLedger();
  for (const [key, events] of entries) await ledger.write(key, events);
  await ledger.close();
  const cache = await openCache();
  const cut = async (): Promise<void> => {
    const stop = new AbortController();
    const onProgress = ({ objects }: { objects: number }) => {
      if (objects === entries.length) stop.abort(new Error("stopped"));
    };
    const cutting = auditOf(ledger, { cache, options: { signal: stop.signal, onProgress } });
    await expect(cutting).rejects.toThrow("stopped");
  };
  await cut();
  expect(await auditOf(ledger, { cache })).toEqual(await auditOf(ledger));

  // Cut short, and then the objects are other ones.
  const other = await openTestLedger();
  const otherCache = await openCache();
  const stop = new AbortController();
  const onProgress = () => stop.abort(new Error("stopped"));
  const options = { signal: stop.signal, onProgress };
  await expect(auditOf(ledger, { cache: otherCache, options })).rejects.toThrow("stopped");
  await other.write(transcodeKey("other"), [transcodeJob({ id: "1", units: 7 })]);
  await other.close();
  expect(await auditOf(other, { cache: otherCache })).toEqual(await auditOf(other));
});

test("given manifests that were not read, when the log is looked at, then nobody is accused of withholding", async () => {
  const ledger = await twoEpochs();
  const limited = await auditOf(ledger, { log: ledger.log, options: { epoch: 1 } });
  expect(limited.epochs[0]?.checks.map(({ name }) => name)).toEqual(archiveChecks);

  await ledger.artifacts.put("epochs/000002/manifest.json", Buffer.from("{}"));
  const stopped = await auditOf(ledger, { log: ledger.log });
  expect(Object.keys(failuresOf(stopped))).toEqual(["2 manifest"]);
});

test("given a pointer to an epoch that is not there, when it is audited, then the epoch is missing", async () => {
  const ledger = await twoEpochs();
  const pointer = JSON.stringify({ epoch: 1e15, manifestHash: "0x", posted: false });
  await ledger.artifacts.put("latest.json", Buffer.from(pointer));

  const report = await auditOf(ledger);

  expect(report.epochs.map(({ ok }) => ok)).toEqual([true, true, false]);
  expect(report.epochs[2]?.checks).toEqual([
    {
      name: "manifest",
      ok: false,
      expected: "a readable manifest.json",
      actual: "it is missing",
      detail: null,
    },
  ]);
});

test("given a store that does not answer, when it is audited, then it is no discrepancy but an error", async () => {
  const ledger = await twoEpochs();
  const failing = { ...ledger.archive, get: () => Promise.reject(new Error("no answer")) };
  await expect(audit({ ...ledger, archive: failing, cache: await openCache() })).rejects.toThrow("no answer");
});

test("given rules that change between epochs, when they are audited, then the change is told and is no fault", async () => {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("a"), [transcodeJob({ id: "1" })]);
  await ledger.close();
  await ledger.write(transcodeKey("b"), [transcodeJob({ id: "2" })]);
  await ledger.close(3600, { commissionPpm: 100_000 });

  const report = await auditOf(ledger);

  expect(report.ok).toBe(true);
  const check = report.epochs[1]?.checks.find(({ name }) => name === "ruleset");
  expect(check?.detail).toMatch(/changed from .*"commissionPpm":250000.* to .*"commissionPpm":100000/);
});

const entries: readonly (readonly [string, readonly unknown[]])[] = [
  [transcodeKey("a"), [transcodeJob({ id: "1" }), transcodeJob({ id: "2", account: account(1) })]],
  [
    transcodeKey("b"),
    [transcodeJob({ id: "2", account: account(1) }), transcodeJob({ id: "3", account: "0x" })],
  ],
  [transcodeKey("c"), [transcodeJob({ id: "4", units: 5 })]],
  [transcodeKey("d"), [transcodeJob({ id: "4", units: 6 })]],
  [aiKey("a"), [aiJob({ id: "5", requestID: "r" })]],
  [
    aiKey("b"),
    [aiReceipt({ id: "6", requestID: "r", account: account(2) }), aiJob({ id: "7", requestID: "s" })],
  ],
];

function watched(store: TestLedger["archive"], reads: string[]): ObjectStore {
  return {
    ...store,
    get: (key, options) => {
      reads.push(key);
      return store.get(key, options);
    },
  };
}
