import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { retryQuarantine } from "../../../offchain/pipeline/ingest/quarantine.ts";
import { derivedPrefixes } from "../../../offchain/pipeline/rebuild/ledger-difference.ts";
import * as jobKeyspaces from "../../../offchain/store/job-keys.ts";
import * as keyspaces from "../../../offchain/store/keys.ts";
import { account, transcodeJob, transcodeKey } from "../../support/events.ts";
import { openTestLedger, ruleset, type TestLedger, withTestLedger } from "../../support/ledger.ts";
import { epochTexts, leavesOf } from "../../support/published.ts";
import { anyLog, type LogObject } from "../../support/random-log.ts";
import { dump, reopen } from "../../support/reopening.ts";

// After every event of a random log.
const later = 10 * 86_400;

test("given epochs that are closed and reopened, then the ledger is, byte for byte, as if they had never been closed", async () => {
  const anyCase = fc.record({
    log: anyLog({ objects: 12, events: 45 }),
    sizes: fc.tuple(fc.nat(5), fc.integer({ min: 1, max: 5 }), fc.nat(4)),
    rules: fc.constantFrom(
      {},
      { commissionPpm: 100_000 },
      { correlationWindowSeconds: 60, maxEventFeeWei: "9" },
    ),
  });
  await fc.assert(
    fc.asyncProperty(anyCase, async ({ log, sizes: [first, second, third], rules }) => {
      const parts = [
        log.slice(0, first),
        log.slice(first, first + second),
        log.slice(first + second, first + second + third),
        log.slice(first + second + third),
      ];
      const reopened = await withTestLedger(async (ledger) => {
        await read(ledger, parts[0]);
        const before = (await ledger.close(later))?.manifest.epoch ?? 0;
        await read(ledger, parts[1]);
        const closed = await ledger.close(later + 1);
        await read(ledger, parts[2]);
        await ledger.close(later + 2);
        await read(ledger, parts[3]);
        if (closed === undefined) return undefined;
        await reopen(ledger, { epoch: before + 1, rules });
        return { before, dump: await dump(ledger), again: await closeAgain(ledger, rules) };
      });
      fc.pre(reopened !== undefined);
      const { before } = reopened ?? { before: 0 };
      const untouched = await withTestLedger(async (ledger) => {
        // Where nobody earned at first, everything belongs to the epoch that is reopened.
        await read(ledger, parts[0], before === 0 ? rules : {});
        if (before > 0) await ledger.close(later);
        await read(ledger, [...(parts[1] ?? []), ...(parts[2] ?? []), ...(parts[3] ?? [])], rules);
        return { before, dump: await dump(ledger), again: await closeAgain(ledger, rules) };
      });
      expect(reopened).toEqual(untouched);
    }),
    { numRuns: 20 },
  );
});

test("given an epoch that is reopened and closed again as it was, then it is the same epoch", async () => {
  await fc.assert(
    fc.asyncProperty(anyLog({ objects: 8 }), fc.nat(6), async (log, size) => {
      await withTestLedger(async (ledger) => {
        await read(ledger, log.slice(0, size));
        await ledger.close(later);
        await read(ledger, log.slice(size));
        const closed = await ledger.close(later + 1);
        fc.pre(closed !== undefined);
        const { epoch } = closed?.manifest ?? { epoch: 0 };
        const before = [await dump(ledger), await epochTexts(ledger.artifacts, epoch)];

        const { reopened } = await reopen(ledger, { epoch });
        const again = await ledger.close(later + 1);

        expect(again).toEqual(closed);
        expect([await dump(ledger), await epochTexts(ledger.artifacts, epoch)]).toEqual(before);
        expect(await textsIn(ledger, reopened[0]?.files ?? "")).toEqual(before[1]);
      });
    }),
    { numRuns: 10 },
  );
});

test("given a wrong commission, when the epoch is reopened by other rules and closed, then it pays by those", async () => {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("a"), [transcodeJob({ id: "a", units: 1000, price: 1 })]);
  const wrong = await ledger.close(0, { commissionPpm: 500_000 });

  const report = await reopen(ledger, { epoch: 1 });
  const right = await ledger.close(0);

  expect(report).toMatchObject({ epoch: 1, objects: 1, rulesChanged: true, ruleset });
  expect(wrong?.manifest.totals[0]?.earned).toBe("500");
  expect(await leavesOf(ledger.artifacts, 1)).toEqual({ [account(0)]: 750n });
  expect(right?.manifest).toMatchObject({ epoch: 1, previousManifest: null });
});

test("given an object that was forgotten, when the epoch is reopened, then closing it again pays for both", async () => {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("a"), [transcodeJob({ id: "a", units: 1000, price: 1 })]);
  const closed = await ledger.close();
  await reopen(ledger, { epoch: 1 });
  expect(await ledger.artifacts.get("latest.json")).toBeUndefined();
  await ledger.write(transcodeKey("b"), [
    transcodeJob({ id: "b", units: 1000, price: 1, account: account(1) }),
  ]);

  await ledger.close();

  expect(await leavesOf(ledger.artifacts, 1)).toEqual({ [account(0)]: 750n, [account(1)]: 750n });
  const hash = closed?.state.manifestHash.slice(2, 18);
  const kept = await textsIn(ledger, `revoked/000001-${hash}/`);
  expect([...kept.keys()]).toContain("manifest.json");
});

test("given a rejected event that a later epoch accepted, when that epoch is reopened, then the event is tried again", async () => {
  const ledger = await openTestLedger();
  const low = { maxEventFeeWei: "10" };
  await ledger.write(transcodeKey("a"), [
    transcodeJob({ id: "cheap", units: 10, price: 1 }),
    transcodeJob({ id: "dear", units: 1000, price: 1 }),
  ]);
  await ledger.close(0, low);
  await retryQuarantine(ledger, ruleset);
  const retried = await dump(ledger);
  await ledger.close(1);

  await reopen(ledger, { epoch: 2 });
  expect(await dump(ledger)).toEqual(retried);
  await ledger.close(1);
  expect(await leavesOf(ledger.artifacts, 2)).toEqual({ [account(0)]: 758n });

  // By the right rules from the beginning nothing is ever rejected.
  await reopen(ledger, { epoch: 1 });
  await ledger.close(0);
  expect(await leavesOf(ledger.artifacts, 1)).toEqual({ [account(0)]: 758n });
});

test("given an archive that lost an object, when an epoch is reopened, then nothing changes", async () => {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("a"), [transcodeJob({ id: "a" })]);
  await ledger.close();
  const before = await dump(ledger);
  await ledger.archive.put(`archive/${transcodeKey("a")}`, Buffer.from("[]"));

  await expect(reopen(ledger, { epoch: 1 })).rejects.toMatchObject({ code: "archive-incomplete" });

  expect(await dump(ledger)).toEqual(before);
  expect(await ledger.artifacts.get("epochs/000001/manifest.json")).toBeDefined();
});

test("given a reopening that is cut short anywhere, when it is made again, then it ends as one that was not", async () => {
  const run = async (failAt: number) => {
    const ledger = await openTestLedger();
    for (const epoch of [1, 2, 3]) {
      await ledger.write(transcodeKey(`e${epoch}`), [
        transcodeJob({ id: `${epoch}`, units: epoch, price: 7 }),
      ]);
      await ledger.close(epoch);
    }
    let calls = 0;
    const failing = async <T>(work: () => Promise<T>): Promise<T> => {
      calls += 1;
      if (calls === failAt) throw new Error("cut short");
      return work();
    };
    const { artifacts, archive, store } = ledger;
    const cut: TestLedger = {
      ...ledger,
      artifacts: {
        ...artifacts,
        put: (...args) => failing(() => artifacts.put(...args)),
        delete: (key) => failing(() => artifacts.delete(key)),
      },
      archive: { ...archive, delete: (key) => failing(() => archive.delete(key)) },
      store: { ...store, write: (...args) => failing(() => store.write(...args)) },
    };
    const first = await reopen(cut, { epoch: 2 }).then(
      () => "done",
      () => "cut",
    );
    if (first === "cut") await reopen(ledger, { epoch: 2 });
    const files = [
      await keysIn(ledger, "epochs/"),
      await keysIn(ledger, "revoked/"),
      await keysIn(ledger, "latest"),
    ];
    const state = [await dump(ledger), ...files];
    const closed = await ledger.close(4);
    return { first, calls, state, root: closed?.manifest.root };
  };
  const whole = await run(0);
  expect(whole.calls).toBeGreaterThan(20);
  for (let at = 1; at <= whole.calls; at += 1) {
    expect({ ...(await run(at)), calls: 0 }).toEqual({ ...whole, first: "cut", calls: 0 });
  }
});

test("given an epoch that was never closed, when it is reopened, then it is refused", async () => {
  const ledger = await openTestLedger();
  await expect(reopen(ledger, { epoch: 1 })).rejects.toMatchObject({ code: "epoch-unknown" });
});

test("given every keyspace, it is known whether reopening makes it again", () => {
  const kept = ["h", "l", "b", "p", "g", "q", "k", "n", "Q", "L", "T"].map((letter) => letter.charCodeAt(0));
  const all = Object.values({ ...keyspaces, ...jobKeyspaces }).flatMap((space) =>
    "prefix" in space ? [space.prefix] : [],
  );
  expect([...derivedPrefixes, ...kept].sort()).toEqual(all.sort());
});

/** Writes and reads objects one by one. */
async function read(ledger: TestLedger, objects: readonly LogObject[] = [], rules = {}): Promise<void> {
  for (const object of objects) {
    const path = join(ledger.folder, "log", object.key);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, object.bytes);
    await ledger.ingest(rules);
  }
}

async function closeAgain(ledger: TestLedger, rules: object): Promise<unknown> {
  const closed = await ledger.close(later + 3, rules);
  return closed === undefined ? undefined : [closed, await dump(ledger)];
}

async function keysIn(ledger: TestLedger, prefix: string): Promise<string[]> {
  const pages = await Array.fromAsync(ledger.artifacts.list({ prefix }));
  return pages.flat().map(({ key }) => key);
}

async function textsIn(ledger: TestLedger, folder: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const page of ledger.artifacts.list({ prefix: folder })) {
    for (const { key } of page) {
      const stored = await ledger.artifacts.get(key);
      found.set(key.slice(folder.length), Buffer.from(stored?.bytes ?? []).toString());
    }
  }
  return found;
}
