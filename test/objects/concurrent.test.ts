import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createLimiter, mapOrdered } from "../../offchain/objects/concurrent.ts";

describe("mapOrdered", () => {
  it("given works that end in any order, then results come in order, within the bound", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 0, max: 20 }),
        async (scheduler, concurrency, count) => {
          let running = 0;
          let most = 0;
          const items = Array.from({ length: count }, (_, n) => n);
          const results: number[] = [];
          const read = (async () => {
            const work = async (item: number) => {
              running += 1;
              most = Math.max(most, running);
              await scheduler.schedule(Promise.resolve());
              running -= 1;
              return item * 2;
            };
            for await (const result of mapOrdered(items, { concurrency }, work)) results.push(result);
          })();
          await scheduler.waitFor(read);
          expect(results).toEqual(items.map((item) => item * 2));
          expect(most).toBe(Math.min(concurrency, count));
        },
      ),
    );
  });

  it("given a slow reader, then the source is not read ahead further than the bound", async () => {
    let taken = 0;
    function* source() {
      for (;;) {
        taken += 1;
        yield taken;
      }
    }
    const results = mapOrdered(source(), { concurrency: 4 }, async (item) => item);
    for (let read = 1; read <= 10; read += 1) {
      expect((await results.next()).value).toBe(read);
      expect(taken).toBeLessThanOrEqual(read + 3);
    }
    await results.return();
  });

  it("given a work that fails, then what came before is yielded, the failure thrown, and the source closed", async () => {
    let isClosed = false;
    async function* source() {
      try {
        for (let item = 0; ; item += 1) yield item;
      } finally {
        isClosed = true;
      }
    }
    const results: number[] = [];
    const read = async () => {
      const work = async (item: number) => {
        if (item >= 3) throw new Error(`failed at ${item}`);
        return item;
      };
      for await (const result of mapOrdered(source(), { concurrency: 3 }, work)) {
        // Meanwhile works ahead have failed, which must not bring the process down.
        await setImmediate();
        results.push(result);
      }
    };
    await expect(read()).rejects.toThrow("failed at 3");
    expect(results).toEqual([0, 1, 2]);
    expect(isClosed).toBe(true);
  });
});

describe("createLimiter", () => {
  it("given more works than the bound, then they start in order, no more than the bound at a time", async () => {
    const limit = createLimiter(2);
    const started: number[] = [];
    const finish: (() => void)[] = [];
    const works = Array.from({ length: 6 }, (_, n) =>
      limit(async () => {
        started.push(n);
        await new Promise<void>((resolve) => finish.push(resolve));
        if (n === 1) throw new Error("a failure frees the place as well");
        return n;
      }),
    );
    const all = Promise.allSettled(works);
    for (let ended = 0; ended < 6; ended += 1) {
      await setImmediate();
      expect(started).toHaveLength(Math.min(ended + 2, 6));
      finish[ended]?.();
    }
    expect((await all).map(({ status }) => status)).toEqual(
      Array.from({ length: 6 }, (_, n) => (n === 1 ? "rejected" : "fulfilled")),
    );
    expect(started).toEqual([0, 1, 2, 3, 4, 5]);
  });
});
