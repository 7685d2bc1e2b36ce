import { expect, test } from "vitest";
import { createKept } from "../../../offchain/pipeline/operate/kept.ts";

function opened(took: number) {
  const world = { version: 1, now: 0, reads: 0, fault: false };
  const kept = createKept({
    version: async () => world.version,
    read: async () => {
      world.now += took;
      if (world.fault) throw new Error("not now");
      world.reads += 1;
      return world.reads;
    },
    now: () => world.now,
  });
  return { world, kept };
}

test("given many who ask of one version, it is read once", async () => {
  const { world, kept } = opened(10);
  expect(await Promise.all([kept(), kept(), kept()])).toEqual([1, 1, 1]);
  expect(await kept()).toBe(1);
  world.version = 2;
  expect(await kept()).toBe(2);
});

test("given what took long to read, it is kept for ten times as long, and then read again", async () => {
  const { world, kept } = opened(1000);
  expect(await kept()).toBe(1);
  world.version = 2;
  world.now = 10_999;
  expect(await kept()).toBe(1);
  world.now = 11_000;
  expect(await kept()).toBe(2);
});

test("given a read that fails, it is told and not kept", async () => {
  const { world, kept } = opened(1000);
  world.fault = true;
  await expect(kept()).rejects.toThrow("not now");
  world.fault = false;
  expect(await kept()).toBe(1);
});
