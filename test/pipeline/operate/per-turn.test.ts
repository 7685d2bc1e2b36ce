import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { oncePerTurn, togetherPerTurn } from "../../../offchain/pipeline/operate/per-turn.ts";

test("given many who ask for the same in one turn, then it is read once, and again for who asks in the next", async () => {
  const reads: string[] = [];
  const read = oncePerTurn(async (name: string) => {
    reads.push(name);
    return reads.length;
  });
  expect(await Promise.all(["a", "b", "a", "a"].map(read))).toEqual([1, 2, 1, 1]);
  await setImmediate();
  expect(await read("a")).toBe(3);
  expect(reads).toEqual(["a", "b", "a"]);
});

test("given a read that fails, then those of its turn are told, and the next is another try", async () => {
  let broken = true;
  const read = oncePerTurn(async (_: undefined) => {
    if (broken) throw new Error("broken");
    return "well";
  });
  const told = await Promise.allSettled([read(undefined), read(undefined)]);
  expect(told.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  broken = false;
  await setImmediate();
  expect(await read(undefined)).toBe("well");
});

test("given many asked for in one turn, then they are answered together, each with its own, failures too", async () => {
  const sizes: number[] = [];
  const double = togetherPerTurn(async (asked: readonly number[]) => {
    sizes.push(asked.length);
    return asked.map((one) => (one === 7 ? Promise.reject(new Error("seven")) : 2 * one));
  });
  const numbers = Array.from({ length: 150 }, (_, index) => index);
  const told = await Promise.allSettled(numbers.map(double));
  expect(told.map((one) => (one.status === "fulfilled" ? one.value : one.reason.message))).toEqual(
    numbers.map((one) => (one === 7 ? "seven" : 2 * one)),
  );
  expect(sizes).toEqual([64, 64, 22]);
  expect(await double(4)).toBe(8);
  expect(sizes).toEqual([64, 64, 22, 1]);
});

test("given a joint answer that fails as a whole, then everybody is told", async () => {
  const fail = togetherPerTurn<number, number>(() => Promise.reject(new Error("all of it")));
  for (const one of await Promise.allSettled([fail(1), fail(2)])) {
    expect(one).toMatchObject({ status: "rejected", reason: { message: "all of it" } });
  }
});
