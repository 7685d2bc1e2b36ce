import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { StandardMerkleTree } from "@openzeppelin/merkle-tree";
import fc from "fast-check";
import { expect, test } from "vitest";
import type {
  EarningLine,
  LeafLine,
  ObjectLine,
  RejectionLine,
  UnmatchedLine,
} from "../../../offchain/core/artifacts.ts";
import { partitionName } from "../../../offchain/core/partition.ts";
import type { CloseResult } from "../../../offchain/pipeline/close/close-epoch.ts";
import { activeConnections } from "../../../offchain/pipeline/close/closing-writes.ts";
import { lastSeen } from "../../../offchain/store/keys.ts";
import { walk } from "../../../offchain/store/keyspace.ts";
import { type TestLedger, withTestLedger } from "../../support/ledger.ts";
import { epochTexts, linesOf } from "../../support/published.ts";
import { anyLog, type LogObject, logObject, origins } from "../../support/random-log.ts";
import { type ModelEpoch, slowModel } from "../../support/slow-model.ts";

const zero = "0x0000000000000000000000000000000000000000";

// After every event of a random log.
const later = 10 * 86_400;

/** How a log is delivered: an order of its objects, and after which of them a pass is made. */
type Delivery = { ranks: readonly number[]; passes: readonly boolean[] };

const anyDelivery: fc.Arbitrary<Delivery> = fc.record({
  ranks: fc.array(fc.nat(1000), { minLength: 16, maxLength: 16 }),
  passes: fc.array(fc.boolean(), { minLength: 16, maxLength: 16 }),
});

/** Writes the objects in the order of the delivery; a key is read before it is overwritten. */
async function deliver(ledger: TestLedger, objects: readonly LogObject[], delivery: Delivery): Promise<void> {
  const rank = (object: LogObject): number => delivery.ranks[objects.indexOf(object) % 16] ?? 0;
  const unread = new Set<string>();
  for (const [index, object] of [...objects].sort((a, b) => rank(a) - rank(b)).entries()) {
    if (unread.has(object.key)) {
      await ledger.ingest();
      unread.clear();
    }
    const path = join(ledger.folder, "log", object.key);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, object.bytes);
    unread.add(object.key);
    if (delivery.passes[index % 16]) {
      await ledger.ingest();
      unread.clear();
    }
  }
}

async function connectionsOf(ledger: TestLedger): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (const origin of origins) {
    const partition = partitionName(origin);
    for (const [account, count] of await activeConnections(ledger.store, partition)) {
      found.set(`${partition} ${account}`, count);
    }
  }
  return found;
}

/** What an epoch published and what the ledger remembers of workers, free of the order of arrival. */
async function outcomeOf(ledger: TestLedger, closed: CloseResult | undefined) {
  const files = closed && (await epochTexts(ledger.artifacts, closed.manifest.epoch));
  const objects =
    files && linesOf<ObjectLine>(files, "objects.ndjson").map(({ archiveKey: _, ...line }) => line);
  const money = closed && {
    root: closed.manifest.root,
    earningsRoot: closed.manifest.earningsRoot,
    totals: closed.manifest.totals,
    files: ["earnings.ndjson", "leaves.ndjson", "unmatched.ndjson"].map((name) => files?.get(name)),
  };
  const seen = await Array.fromAsync(walk(ledger.store, lastSeen));
  const workers = { connections: await connectionsOf(ledger), seen };
  return {
    money,
    inputs: closed?.manifest.inputs,
    objects,
    rejections: files?.get("rejections.ndjson"),
    workers,
  };
}

test("given the same objects in any order and any number of passes, then the epoch is the same to the wei", async () => {
  await fc.assert(
    fc.asyncProperty(anyLog({ objects: 9 }), anyDelivery, anyDelivery, async (log, one, other) => {
      const run = (delivery: Delivery) =>
        withTestLedger(async (ledger) => {
          await deliver(ledger, log, delivery);
          return outcomeOf(ledger, await ledger.close(later));
        });
      expect(await run(one)).toEqual(await run(other));
    }),
    { numRuns: 25 },
  );
});

test("given objects repeated under other keys and keys written back, then no amount changes", async () => {
  const anyRepeats = fc.array(
    fc.record({ object: fc.nat(100), name: fc.nat(5), style: fc.nat(8), back: fc.boolean() }),
    { minLength: 1, maxLength: 4 },
  );
  await fc.assert(
    fc.asyncProperty(anyLog({ objects: 7 }), anyRepeats, anyDelivery, async (log, repeats, delivery) => {
      const repeated = repeats.flatMap(({ object, name, style, back }) => {
        const original = log[object % log.length];
        if (original?.elements === undefined) return [];
        if (back) return [original];
        const key = original.key.replace(/-2025[^/]*$/, `-repeat-${name}.json`);
        return [logObject({ key, origin: original.origin, elements: original.elements, style })];
      });
      const plain = await withTestLedger(async (ledger) => {
        await deliver(ledger, log, { ranks: [], passes: [] });
        return outcomeOf(ledger, await ledger.close(later));
      });
      const again = await withTestLedger(async (ledger) => {
        await deliver(ledger, [...log, ...repeated], delivery);
        return outcomeOf(ledger, await ledger.close(later));
      });
      expect(again.money).toEqual(plain.money);
    }),
    { numRuns: 25 },
  );
});

/** The published epoch in the words of the model. */
async function publishedEpoch(ledger: TestLedger, closed: CloseResult): Promise<ModelEpoch> {
  const files = await epochTexts(ledger.artifacts, closed.manifest.epoch);
  const rows = linesOf<EarningLine>(files, "earnings.ndjson");
  const leaves = linesOf<LeafLine>(files, "leaves.ndjson");
  const earned = new Map<string, bigint>();
  for (const row of rows) earned.set(row.account, (earned.get(row.account) ?? 0n) + BigInt(row.earned));
  return {
    rows: new Map(
      rows.map(({ account, partition, events, gross, commission, earned }) => [
        `${account} ${partition}`,
        { events, gross: BigInt(gross), commission: BigInt(commission), earned: BigInt(earned) },
      ]),
    ),
    earned,
    leaves: new Map(leaves.map(({ account, cumulative }) => [account, BigInt(cumulative)])),
    unmatched: linesOf<UnmatchedLine>(files, "unmatched.ndjson")
      .map(({ id, requestID, fees }) => `${id} ${requestID} ${fees}`)
      .sort(),
    rejections: linesOf<RejectionLine>(files, "rejections.ndjson").map(
      ({ object, position, id, reason }) => `${object} ${position} ${id} ${reason}`,
    ),
    objects: linesOf<ObjectLine>(files, "objects.ndjson").map(
      ({ key, sha256, bytes, events, accepted, rejected, duplicates }) =>
        JSON.stringify({ key, sha256, bytes, events, accepted, rejected, duplicates }),
    ),
    inputs: { ...closed.manifest.inputs },
  };
}

function rootsOf(epoch: ModelEpoch, number: number): { root: string; earningsRoot: string } {
  const leaves = [...epoch.leaves].map(([account, wei]) => [account, zero, wei]);
  const earnings = [...epoch.earned].map(([account, wei]) => [number, account, zero, wei]);
  return {
    root: StandardMerkleTree.of(leaves, ["address", "address", "uint256"]).root,
    earningsRoot: StandardMerkleTree.of(earnings, ["uint256", "address", "address", "uint256"]).root,
  };
}

test("given any log over several epochs, then each epoch is what the slow model of the specification says", async () => {
  const anyEpochs = fc.record({
    log: anyLog({ objects: 14, events: 45 }),
    sizes: fc.array(fc.nat(8), { maxLength: 3 }),
  });
  await fc.assert(
    fc.asyncProperty(anyEpochs, anyDelivery, async ({ log, sizes }, delivery) => {
      await withTestLedger(async (ledger) => {
        const model = slowModel();
        let open: LogObject[] = [];
        let number = 1;
        let from = 0;
        for (const size of [...sizes, log.length]) {
          const batch = log.slice(from, from + size);
          from += size;
          await deliver(ledger, batch, delivery);
          open = [...open, ...batch];
          const expected = model.close(open);
          const closed = await ledger.close(later + number);
          expect(closed === undefined).toBe(expected === undefined);
          if (closed === undefined || expected === undefined) continue;
          expect(await publishedEpoch(ledger, closed)).toEqual(expected);
          expect(closed.manifest).toMatchObject({ epoch: number, ...rootsOf(expected, number) });
          open = [];
          number += 1;
        }
        if (open.length === 0) expect(await connectionsOf(ledger)).toEqual(model.connections());
      });
    }),
    { numRuns: 25 },
  );
});
