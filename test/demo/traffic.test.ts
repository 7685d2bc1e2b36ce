import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addressFault, parseAddress } from "../../offchain/core/address.ts";
import { partitionName, partitionOfKey } from "../../offchain/core/partition.ts";
import { type Dirt, dirtKinds } from "../../offchain/demo/dirt.ts";
import type { PoolObject } from "../../offchain/demo/pool-events.ts";
import { createTraffic, type Traffic } from "../../offchain/demo/traffic.ts";
import { parseLossless, recount } from "./recount.ts";

const start = new Date("2025-11-05T15:21:24.700Z");
const laterDirt: readonly Dirt[] = ["overwritten-key", "repaired-object"];
const anywhere = dirtKinds.filter((kind) => !laterDirt.includes(kind));

describe("traffic of a pool", () => {
  it("given a window, then there is one object for each known partition, named by its first and last second", () => {
    const objects = createTraffic({ seed: "names", start }).window();
    expect(objects.map(({ key }) => key)).toEqual([
      "us-central/ai/us-central-ai-20251105T152124Z_20251105T152223Z.json",
      "us-central/transcode/us-central-transcode-20251105T152124Z_20251105T152223Z.json",
      "us-west/transcode/us-west-transcode-20251105T152124Z_20251105T152223Z.json",
      "eu-central/transcode/eu-central-transcode-20251105T152124Z_20251105T152223Z.json",
      "oceania/transcode/oceania-transcode-20251105T152124Z_20251105T152223Z.json",
    ]);
  });

  it("given dirt of every kind, then each whole object is written as Go writes a sorted map, byte for byte", () => {
    for (const { key, bytes } of dirtyObjects("format")) {
      const events = parseLossless(bytes);
      if (events.length === 0) continue;
      expect(Buffer.from(bytes).toString()).toBe(indented(events, ""));
      const names = ["DT", "EventType", "ID", "NodeType", "Payload", "Region", "Version"];
      for (const event of events) {
        expect(Object.keys(event)).toEqual(names);
        expect(event.ID).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(event.DT).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
        expect({ region: event.Region, nodeType: event.NodeType }).toEqual(partitionOfKey(key));
        const { fees, pricePerComputeUnit, computeUnits } = event.Payload as Record<string, bigint>;
        if (fees !== undefined) expect((pricePerComputeUnit ?? 0n) * (computeUnits ?? 0n)).toBe(fees);
      }
    }
  });

  it("given the same seed, then the same bytes; given another, then others", () => {
    expect(dirtyObjects("one")).toEqual(dirtyObjects("one"));
    expect(dirtyObjects("one")).not.toEqual(dirtyObjects("two"));
  });

  it("given 60 workers and a few windows, then each earns, and some in two partitions", () => {
    const traffic = createTraffic({ seed: "spread", start });
    const objects = [1, 2, 3].flatMap(() => traffic.window({ jobs: 100 }));
    expect(traffic.workers).toHaveLength(60);
    for (const worker of traffic.workers) expect(parseAddress(worker)).toBe(worker);
    expect([...traffic.expected().accounts.keys()].sort()).toEqual([...traffic.workers].sort());
    const partitions = new Map<string, Set<string>>();
    for (const { key, bytes } of objects) {
      const partition = partitionName(partitionOfKey(key) ?? { region: "", nodeType: "" });
      for (const { Payload: payload } of parseLossless(bytes)) {
        if (payload.ethAddress === undefined) continue;
        partitions.set(payload.ethAddress, (partitions.get(payload.ethAddress) ?? new Set()).add(partition));
      }
    }
    expect([...partitions.values()].filter(({ size }) => size === 2).length).toBeGreaterThanOrEqual(10);
  });

  it("given workers of the caller's, then exactly they appear, and fewer than five are refused", () => {
    const { workers } = createTraffic({ seed: "other", start, workers: 7 });
    const traffic = createTraffic({ seed: "given", start, workers });
    traffic.window({ jobs: 50 });
    expect([...traffic.expected().accounts.keys()].sort()).toEqual([...workers].sort());
    expect(() => createTraffic({ seed: "few", start, workers: workers.slice(0, 4) })).toThrow(
      expect.objectContaining({ code: "traffic-impossible", exitCode: 2 }),
    );
  });
});

describe("the money that traffic expects", () => {
  it("given any dirt in any windows, then a slow recount of the objects finds the same, to the wei", () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.array(
          fc.record({ dirt: fc.array(fc.constantFrom(...anywhere)), jobs: fc.integer({ min: 1, max: 20 }) }),
          {
            minLength: 1,
            maxLength: 5,
          },
        ),
        fc.integer({ min: 0, max: 4 }),
        (seed, windows, overwrites) => {
          const traffic = createTraffic({ seed, start });
          const objects = windows.flatMap((options) => traffic.window(options));
          const repairs = windows.flatMap(({ dirt }) => dirt.filter((kind) => kind === "truncated-object"));
          const dirt: Dirt[] = [
            ...repairs.slice(1).map((): Dirt => "repaired-object"),
            ...Array.from({ length: overwrites }, (): Dirt => "overwritten-key"),
          ];
          objects.push(...traffic.window({ dirt, jobs: 3 }));
          expectRecount(traffic, objects);
          expectRecount(traffic, [...new Map(objects.map((object) => [object.key, object])).values()]);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("given an AI job whose second event comes a window later, then it is paid then, in either order", () => {
    for (const kind of ["ai-job-before-receipt", "ai-receipt-before-job"] as const) {
      const traffic = createTraffic({ seed: kind, start });
      traffic.window({ jobs: 1, dirt: [kind] });
      const before = traffic.expected();
      expect(before.waitingWei > 0n).toBe(kind === "ai-job-before-receipt");
      traffic.window({ jobs: 1 });
      expect(traffic.expected().waitingWei).toBe(0n);
      expect(traffic.expected().grossWei > before.grossWei + before.waitingWei).toBe(true);
    }
  });
});

describe("each kind of dirt", () => {
  it.each([
    [
      "repeat-in-object",
      (objects: Events[]) => objects.some((events) => new Set(idsOf([events])).size < events.length),
    ],
    ["repeat-across-objects", (objects: Events[]) => new Set(idsOf(objects)).size < idsOf(objects).length],
    [
      "late-object",
      (objects: Events[]) => objects.flat().some(({ DT }) => Date.parse(DT) < start.getTime() - 7_000_000),
    ],
    ["truncated-object", (objects: Events[]) => objects.some((events) => events.length === 0)],
    [
      "wrong-checksum",
      (objects: Events[]) =>
        payloads(objects).some(({ ethAddress = "" }) => /checksum/.test(addressFault(ethAddress) ?? "")),
    ],
    [
      "conflicting-duplicate",
      (objects: Events[]) => new Set(idsOf(objects)).size === idsOf(objects).length - 1,
    ],
    ["ai-job-without-receipt", (objects: Events[]) => aiHalves(objects).some((count) => count === 1)],
    ["ai-job-before-receipt", (objects: Events[]) => aiHalves(objects).some((count) => count === 1)],
    ["ai-receipt-before-job", (objects: Events[]) => aiHalves(objects).some((count) => count === 1)],
    [
      "ticket-redeemed",
      (objects: Events[]) => payloads(objects).some(({ faceValue = 0n }) => faceValue > 2n ** 255n),
    ],
    [
      "fees-above-2^53",
      (objects: Events[]) => payloads(objects).some(({ fees = 0n }) => BigInt(Number(fees)) !== fees),
    ],
    ["reset-and-connect", (objects: Events[]) => objects.some(resetsAndConnects)],
  ] as const)("given %s, then it is there, and is not without it", (kind, isThere) => {
    const clean = createTraffic({ seed: "dirt", start }).window({ jobs: 5 });
    const dirty = createTraffic({ seed: "dirt", start }).window({ jobs: 5, dirt: [kind] });
    expect(isThere(clean.map(({ bytes }) => parseLossless(bytes)))).toBe(false);
    expect(isThere(dirty.map(({ bytes }) => parseLossless(bytes)))).toBe(true);
  });

  it("given overwritten-key, then an earlier key holds its events and more; given repaired-object, all of them", () => {
    const traffic = createTraffic({ seed: "again", start });
    const before = traffic.window({ jobs: 5, dirt: ["truncated-object"] });
    const after = traffic.window({ jobs: 5, dirt: ["overwritten-key", "repaired-object"] });
    const changed = after.filter(({ key }) => before.some((object) => object.key === key));
    expect(changed).toHaveLength(2);
    for (const { key, bytes } of changed) {
      const earlier = parseLossless(before.find((object) => object.key === key)?.bytes ?? bytes).map(
        ({ ID }) => ID,
      );
      const ids = parseLossless(bytes).map(({ ID }) => ID);
      expect(ids).toEqual(expect.arrayContaining(earlier));
      expect(ids.length).toBeGreaterThan(earlier.length);
    }
  });

  it("given dirt that needs an earlier window in the first, then it is refused", () => {
    for (const kind of laterDirt) {
      const traffic = createTraffic({ seed: "early", start });
      expect(() => traffic.window({ dirt: ["truncated-object", kind] })).toThrow(
        expect.objectContaining({ code: "dirt-impossible" }),
      );
    }
  });
});

type Events = ReturnType<typeof parseLossless>;
type AnyPayload = { ethAddress?: string; faceValue?: bigint; fees?: bigint };

function idsOf(objects: readonly Events[]): string[] {
  return objects.flatMap((events) => events.map(({ ID }) => ID));
}

function payloads(objects: readonly Events[]): AnyPayload[] {
  return objects.flatMap((events) => events.map(({ Payload: payload }) => payload));
}

function aiHalves(objects: readonly Events[]): number[] {
  const counts = new Map<string, number>();
  for (const { Payload: payload } of objects.flat()) {
    if (payload.requestID !== undefined)
      counts.set(payload.requestID, (counts.get(payload.requestID) ?? 0) + 1);
  }
  return [...counts.values()];
}

function resetsAndConnects(events: Events): boolean {
  const reset = events.findIndex(({ EventType }) => EventType === "orchestrator-reset");
  const next = events[reset + 1];
  return reset >= 0 && next?.EventType === "worker-connected" && next.DT === events[reset]?.DT;
}

/** All kinds of dirt, over three windows. */
function dirtyObjects(seed: string): PoolObject[] {
  const traffic = createTraffic({ seed, start });
  return [
    ...traffic.window({ dirt: anywhere }),
    ...traffic.window({ dirt: dirtKinds, jobs: 7 }),
    ...traffic.window({ seconds: 10, jobs: 1 }),
  ];
}

function expectRecount(traffic: Traffic, objects: readonly PoolObject[]): void {
  const found = recount(objects, (text) => parseAddress(text) !== undefined);
  const { accounts, grossWei, commissionWei, waitingWei } = traffic.expected();
  expect(found.gross).toEqual(new Map([...accounts].map(([account, { grossWei }]) => [account, grossWei])));
  expect(found.commission).toBe(commissionWei);
  expect(found.waiting).toBe(waitingWei);
  expect([...found.gross.values()].reduce((total, amount) => total + amount, 0n)).toBe(grossWei);
}

/** `JSON.stringify(value, sorted, 2)`, which cannot write large integers. */
function indented(value: unknown, indent: string): string {
  const inner = `${indent}  `;
  if (Array.isArray(value))
    return `[\n${value.map((item) => inner + indented(item, inner)).join(",\n")}\n${indent}]`;
  if (typeof value !== "object" || value === null)
    return typeof value === "bigint" ? `${value}` : JSON.stringify(value);
  const names = Object.keys(value).sort();
  if (names.length === 0) return "{}";
  const fields = names.map((name) => `${inner}"${name}": ${indented(Reflect.get(value, name), inner)}`);
  return `{\n${fields.join(",\n")}\n${indent}}`;
}
