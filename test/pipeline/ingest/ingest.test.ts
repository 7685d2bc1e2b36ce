import { createHash } from "node:crypto";
import { readdir, readFile, utimes } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { ObjectLine, RejectionLine } from "../../../offchain/core/artifacts.ts";
import { ingest } from "../../../offchain/pipeline/ingest/ingest.ts";
import type { LedgerStore } from "../../../offchain/store/ledger-store.ts";
import {
  account,
  aiJob,
  aiKey,
  aiReceipt,
  connection,
  objectKey,
  transcodeJob,
  transcodeKey,
} from "../../support/events.ts";
import { openTestLedger, ruleset, type TestLedger, withTestLedger } from "../../support/ledger.ts";
import { epochTexts, leavesOf, linesOf } from "../../support/published.ts";

const earned = 900_002_700n;

async function rejectionsOf(ledger: TestLedger, epoch: number): Promise<string[]> {
  const lines = linesOf<RejectionLine>(await epochTexts(ledger.artifacts, epoch), "rejections.ndjson");
  return lines.map(({ object, position, reason }) => `${object.split("-").at(-1)} ${position} ${reason}`);
}

describe("objects that are no good", () => {
  test("given malformed and too large objects, then they contribute nothing and hold nothing up", async () => {
    const ledger = await openTestLedger();
    const text = JSON.stringify([transcodeJob({ id: "1" })]);
    await ledger.write(transcodeKey("a"), text.slice(0, -1));
    await ledger.write(transcodeKey("b"), "");
    await ledger.write(transcodeKey("c"), "null");
    await ledger.write(transcodeKey("d"), `[${" ".repeat(1000)}]`);
    await ledger.write(transcodeKey("e"), [transcodeJob({ id: "2" })]);

    const report = await ledger.ingest({ maxObjectBytes: 900 });
    expect(report).toMatchObject({ listed: 5, objects: 5, events: 1, accepted: 1, rejected: 0, unread: [] });
    const closed = await ledger.close();

    expect(closed?.manifest.inputs).toMatchObject({ objects: 5, events: 1, accepted: 1, rejected: 0 });
    expect(await rejectionsOf(ledger, 1)).toEqual([
      "a.json -1 object-malformed",
      "b.json -1 object-malformed",
      "c.json -1 object-malformed",
      "d.json -1 object-too-large",
    ]);
  });

  test("given a truncated object, when its whole content comes under the same key, then it is read again and counts", async () => {
    const ledger = await openTestLedger();
    const text = JSON.stringify([transcodeJob({ id: "1" })]);
    await ledger.write(transcodeKey("a"), text.slice(0, 100));
    expect(await ledger.ingest()).toMatchObject({ objects: 1, events: 0 });
    expect(await ledger.ingest()).toMatchObject({ objects: 0 });

    await ledger.write(transcodeKey("a"), text);
    expect(await ledger.ingest()).toMatchObject({ objects: 1, accepted: 1 });
    await ledger.close();

    expect(await leavesOf(ledger.artifacts, 1)).toEqual({ [account(0)]: earned });
    expect(await rejectionsOf(ledger, 1)).toEqual(["a.json -1 object-malformed"]);
  });

  test("given a rejected event, when it comes corrected under the same ID, now or an epoch later, then it counts", async () => {
    const ledger = await openTestLedger();
    const wrong = (id: string) => {
      const job = transcodeJob({ id });
      return { ...job, Payload: { ...job.Payload, fees: 1 } };
    };
    await ledger.write(transcodeKey("a"), [wrong("1"), wrong("2"), wrong("2")]);
    await ledger.ingest();
    await ledger.write(transcodeKey("b"), [transcodeJob({ id: "1" })]);
    const first = await ledger.close();
    expect(first?.manifest.inputs).toMatchObject({ events: 4, accepted: 1, rejected: 3, duplicates: 0 });

    await ledger.write(transcodeKey("a"), [transcodeJob({ id: "1" }), transcodeJob({ id: "2" })]);
    const second = await ledger.close(1);
    expect(second?.manifest.inputs).toMatchObject({ events: 2, accepted: 1, rejected: 0, duplicates: 1 });
    expect(await leavesOf(ledger.artifacts, 2)).toEqual({ [account(0)]: 2n * earned });
  });

  test("given an event dated in the year 9999, or 0000, then it is like any other", async () => {
    const ledger = await openTestLedger();
    const dated = (id: string, DT: string) => ({ ...transcodeJob({ id }), DT });
    const change = connection({ id: "4", type: "worker-connected" });
    await ledger.write(transcodeKey("a"), [
      dated("1", "9999-12-31T23:59:59Z"),
      dated("2", "0000-01-01T00:00:00Z"),
      dated("3", "2025-11-05T00:00:00Z"),
      { ...change, DT: "9999-12-31T23:59:59Z" },
    ]);
    const closed = await ledger.close();
    expect(closed?.manifest).toMatchObject({ opensAt: "0000-01-01T00:00:00Z", inputs: { accepted: 4 } });
  });
});

describe("contents that conflict under one ID", () => {
  test("given two contents in one epoch, then neither counts; given one stands in a closed epoch, then it stands", async () => {
    const ledger = await openTestLedger();
    const one = transcodeJob({ id: "1" });
    const other = transcodeJob({ id: "1", account: account(1) });
    await ledger.write(transcodeKey("a"), [one, transcodeJob({ id: "2", account: account(2) })]);
    await ledger.ingest();
    await ledger.write(transcodeKey("b"), [other, one, other]);
    const first = await ledger.close();
    expect(first?.manifest.inputs).toMatchObject({ events: 5, accepted: 1, rejected: 2, duplicates: 2 });
    expect(await rejectionsOf(ledger, 1)).toEqual([
      "a.json 0 conflicting-duplicate",
      "b.json 0 conflicting-duplicate",
    ]);
    expect(await leavesOf(ledger.artifacts, 1)).toEqual({ [account(2)]: earned });

    // Both were rejected and left no trace, so one of them alone may come again.
    await ledger.write(transcodeKey("c"), [one]);
    await ledger.close(1);
    expect(await leavesOf(ledger.artifacts, 2)).toMatchObject({ [account(0)]: earned });

    await ledger.write(transcodeKey("d"), [other, one, transcodeJob({ id: "3" })]);
    const third = await ledger.close(2);
    expect(third?.manifest.inputs).toMatchObject({ accepted: 1, rejected: 1, duplicates: 1 });
    expect(await leavesOf(ledger.artifacts, 3)).toEqual({ [account(0)]: 2n * earned, [account(2)]: earned });
  });

  test("given one ID in two partitions, then the contents differ and neither counts", async () => {
    const ledger = await openTestLedger();
    await ledger.write(transcodeKey("a"), [transcodeJob({ id: "1" }), transcodeJob({ id: "2" })]);
    const elsewhere = transcodeJob({ id: "1", region: "us-west" });
    await ledger.write(objectKey("transcode", "us-west", "a"), [elsewhere]);
    const closed = await ledger.close();
    expect(closed?.manifest.inputs).toMatchObject({ accepted: 1, rejected: 2 });
  });

  test("given an AI job whose ID is taken again, then it waits no more and its receipt stays alone", async () => {
    const ledger = await openTestLedger();
    await ledger.write(aiKey("a"), [
      aiJob({ id: "job", requestID: "r" }),
      aiReceipt({ id: "receipt", requestID: "r" }),
    ]);
    await ledger.ingest();
    await ledger.write(aiKey("b"), [aiJob({ id: "job", requestID: "r", fees: 5 })]);
    await ledger.write(transcodeKey("a"), [transcodeJob({ id: "1", account: account(1) })]);
    const closed = await ledger.close();
    expect(closed?.manifest.inputs).toMatchObject({ accepted: 2, rejected: 2, unmatched: 0 });
    expect(await leavesOf(ledger.artifacts, 1)).toEqual({ [account(1)]: earned });
  });
});

describe("objects and their keys", () => {
  test("given a key written again with the same bytes, then nothing is read twice", async () => {
    const ledger = await openTestLedger();
    await ledger.write(transcodeKey("a"), [transcodeJob({ id: "1" })]);
    await ledger.ingest();
    await utimes(join(ledger.folder, "log", transcodeKey("a")), 1, 1);
    expect(await ledger.ingest()).toMatchObject({ listed: 1, objects: 0, events: 0 });
  });

  test("given a key with three contents in turn, the first written back, then each content is one object, archived for ever", async () => {
    const ledger = await openTestLedger();
    const contents = ["1", "2", "3", "1"].map((id) => [transcodeJob({ id }), transcodeJob({ id: "all" })]);
    for (const content of contents) {
      await ledger.write(transcodeKey("a"), content);
      await ledger.ingest();
    }
    await ledger.log.delete(transcodeKey("a"));
    const closed = await ledger.close();

    expect(closed?.manifest.inputs).toMatchObject({ objects: 3, events: 6, accepted: 4, duplicates: 2 });
    const objects = linesOf<ObjectLine>(await epochTexts(ledger.artifacts, 1), "objects.ndjson");
    const plain = `archive/${transcodeKey("a")}`;
    expect(objects.filter((object) => object.archiveKey === plain)).toHaveLength(1);
    for (const { archiveKey, sha256, bytes } of objects) {
      expect([plain, `${plain}.${sha256.slice(0, 16)}`]).toContain(archiveKey);
      const stored = await ledger.archive.get(archiveKey);
      expect(stored?.bytes.length).toBe(bytes);
      expect(
        createHash("sha256")
          .update(stored?.bytes ?? "")
          .digest("hex"),
      ).toBe(sha256);
    }
  });

  test("given an archive that holds another content from an earlier life, then it is kept and the new one stands beside it", async () => {
    const ledger = await openTestLedger();
    await ledger.archive.put(`archive/${transcodeKey("a")}`, Buffer.from("[]"));
    await ledger.write(transcodeKey("a"), [transcodeJob({ id: "1" })]);
    await ledger.close();
    const [object] = linesOf<ObjectLine>(await epochTexts(ledger.artifacts, 1), "objects.ndjson");
    expect(object?.archiveKey).toBe(`archive/${transcodeKey("a")}.${object?.sha256.slice(0, 16)}`);
    expect(
      Buffer.from((await ledger.archive.get(`archive/${transcodeKey("a")}`))?.bytes ?? []).toString(),
    ).toBe("[]");
  });

  test("given files that are no event objects, then they are not part of the log", async () => {
    const ledger = await openTestLedger();
    const foreign = [
      "README.txt",
      "eu-central/notes.json",
      "eu-central/transcode/other.json",
      "a/b/c/a-b-1.json",
    ];
    for (const key of foreign) await ledger.write(key, "not for us");
    expect(await ledger.ingest()).toMatchObject({ listed: 0, objects: 0 });
  });

  test("given chosen partitions, then only they are read", async () => {
    const ledger = await openTestLedger();
    await ledger.write(transcodeKey("a"), [transcodeJob({ id: "1" })]);
    await ledger.write(aiKey("a"), [aiReceipt({ id: "2", requestID: "r" })]);
    const partitions = [{ nodeType: "ai", region: "us-central" }];
    expect(await ingest(ledger, { ruleset, partitions })).toMatchObject({ objects: 1, events: 1 });
  });
});

describe("a pass that is cut short", () => {
  async function writeLog(ledger: TestLedger): Promise<void> {
    for (const name of ["a", "b", "c", "d"]) {
      await ledger.write(transcodeKey(name), [transcodeJob({ id: name }), transcodeJob({ id: "shared" })]);
    }
    await ledger.write(aiKey("a"), [aiReceipt({ id: "receipt", requestID: "r", account: account(1) })]);
    await ledger.write(aiKey("b"), [aiJob({ id: "job", requestID: "r" })]);
  }
  const undisturbed = () =>
    withTestLedger(async (ledger) => {
      await writeLog(ledger);
      return (await ledger.close())?.state.manifestHash;
    });

  test("when it is aborted after any object, then the next one goes on and the epoch is the same", async () => {
    const expected = await undisturbed();
    const cutShort: number[] = [];
    for (let after = 1; after <= 5; after++) {
      await withTestLedger(async (ledger) => {
        await writeLog(ledger);
        const controller = new AbortController();
        const onProgress = ({ objects }: { objects: number }): void => {
          if (objects === after) controller.abort();
        };
        const options = { ruleset, partitions: undefined, signal: controller.signal, onProgress };
        await ingest(ledger, options).catch((error: unknown) => {
          expect(error).toMatchObject({ name: "AbortError" });
          cutShort.push(after);
        });
        expect((await ledger.close())?.state.manifestHash).toBe(expected);
      });
    }
    // With the last objects already in hand a pass may end before it sees the signal.
    expect(cutShort).toEqual(expect.arrayContaining([1, 2]));
  });

  test("when any one write to the ledger fails, then the next pass goes on and the epoch is the same", async () => {
    const expected = await undisturbed();
    for (let failing = 1; failing <= 7; failing++) {
      await withTestLedger(async (ledger) => {
        await writeLog(ledger);
        const store = failingStore(ledger.store, failing);
        await expect(ingest({ ...ledger, store }, { ruleset, partitions: undefined })).rejects.toThrow(
          "disk full",
        );
        expect((await ledger.close())?.state.manifestHash).toBe(expected);
      });
    }
  });
});

/** The same store, except that its nth write fails. */
function failingStore(store: LedgerStore, nth: number): LedgerStore {
  let writes = 0;
  return {
    ...store,
    async write(...given) {
      writes += 1;
      if (writes === nth) throw new Error("disk full");
      await store.write(...given);
    },
  };
}

test("given objects read, then the archive holds their bytes as they were", async () => {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("a"), [transcodeJob({ id: "1" })]);
  await ledger.ingest();
  const [name] = await readdir(join(ledger.folder, "archive", "archive", "eu-central", "transcode"));
  const archived = await readFile(
    join(ledger.folder, "archive", "archive", "eu-central", "transcode", name ?? ""),
  );
  expect(archived).toEqual(await readFile(join(ledger.folder, "log", transcodeKey("a"))));
});
