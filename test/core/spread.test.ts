import fc from "fast-check";
import { expect, test } from "vitest";
import { standings } from "../../offchain/core/ranking.ts";
import { percentile, sortSteps, spreadOf } from "../../offchain/core/spread.ts";

const sorted = (...values: number[]): Float64Array => Float64Array.from(values);

test("given one value, two, three and ten, then the median is the middle one or the mean of the middle two", () => {
  expect(percentile(sorted(5), 50)).toBe(5);
  expect(percentile(sorted(5, 8), 50)).toBe(6.5);
  expect(percentile(sorted(5, 8, 100), 50)).toBe(8);
  expect(percentile(sorted(1, 2, 3, 4, 5, 6, 7, 8, 9, 10), 50)).toBe(5.5);
});

test("given percentiles where the distribution has a step, then they are the mean of both sides, otherwise a value", () => {
  const ten = sorted(1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
  expect([90, 95, 99].map((percent) => percentile(ten, percent))).toEqual([9.5, 10, 10]);
  const hundred = Float64Array.from({ length: 100 }, (_, index) => index + 1);
  expect([90, 95, 99].map((percent) => percentile(hundred, percent))).toEqual([90.5, 95.5, 99.5]);
  const many = Float64Array.from({ length: 101 }, (_, index) => index + 1);
  expect([90, 95, 99].map((percent) => percentile(many, percent))).toEqual([91, 96, 100]);
});

test("given any values, then at least so many do not exceed the percentile and at least the rest is not below it", () => {
  const anyValues = fc.array(fc.nat(20), { minLength: 1, maxLength: 50 });
  fc.assert(
    fc.property(anyValues, fc.integer({ min: 1, max: 99 }), (values, percent) => {
      const value = percentile(Float64Array.from(values).sort(), percent);
      const notAbove = values.filter((one) => one <= value).length;
      const notBelow = values.filter((one) => one >= value).length;
      expect(100 * notAbove).toBeGreaterThanOrEqual(percent * values.length);
      expect(100 * notBelow).toBeGreaterThanOrEqual((100 - percent) * values.length);
    }),
  );
});

test("given response times in nanoseconds, then milliseconds show every digit", () => {
  const times = sorted(2_400_000_000, 2_400_000_001, 999_999_999_999_999);
  expect(spreadOf(times, 1_000_000)).toMatchObject({ min: 2400, p50: 2400.000001, max: 999_999_999.999999 });
  expect(spreadOf(sorted(1, 2), 1_000_000).p50).toBe(0.0000015);
});

test("given sums that a float forgets, then the mean has them", () => {
  expect(spreadOf(sorted(1, 1e15, 1e15)).mean).toBe((2e15 + 1) / 3);
  const values = new Float64Array(1_000_001).fill(0.1);
  expect(spreadOf(values).mean).toBeCloseTo(0.1, 15);
});

test("given more values than are sorted at once, then they come out sorted, in steps", () => {
  const random = (length: number): Float64Array =>
    Float64Array.from({ length }, (_, index) => (index * 2_654_435_761) % 4_294_967_291);
  for (const length of [0, 1, 1 << 15, (1 << 15) + 1, 3 * (1 << 15), 700_001]) {
    const values = random(length);
    const expected = random(length).sort();
    const steps = Array.from(sortSteps(values)).length;
    expect(Buffer.compare(Buffer.from(values.buffer), Buffer.from(expected.buffer))).toBe(0);
    expect(steps).toBeGreaterThanOrEqual(Math.ceil(length / (1 << 15)));
  }
});

test("given any scores, then a rank is one more than those that are better, and the percentile counts the others", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(5), { maxLength: 12 }), fc.boolean(), (scores, highest) => {
      const places = standings(scores, highest ? "highest" : "lowest");
      for (const [index, score] of scores.entries()) {
        const better = scores.filter((other) => (highest ? other > score : other < score)).length;
        const percentile = (100 * (scores.length - better)) / scores.length;
        expect(places[index]).toEqual({ rank: better + 1, workers: scores.length, percentile });
      }
    }),
  );
});
