/** How some measurements are spread: percentiles of all of them, never means of means. */
export type Spread = {
  readonly mean: number;
  readonly min: number;
  /** The median. */
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
};

/**
 * The percentile of sorted values, of which there is at least one: the smallest value that at least `percent` of them do
 * not exceed, and where exactly that many do not, the mean of it and the next. The median is so the middle value, or the
 * mean of the middle two. Definition 2 of Hyndman and Fan, "Sample Quantiles in Statistical Packages", The American
 * Statistician 50 (1996) 361–365.
 */
export function percentile(sorted: Float64Array, percent: number): number {
  const product = percent * sorted.length;
  const at = Math.floor(product / 100);
  const value = sorted[Math.min(at, sorted.length - 1)] ?? Number.NaN;
  if (product % 100 !== 0 || at === 0 || at >= sorted.length) return value;
  return ((sorted[at - 1] ?? Number.NaN) + value) / 2;
}

/** The spread of sorted values, each divided by `unit`; of at least one. */
export function spreadOf(sorted: Float64Array, unit = 1): Spread {
  const at = (percent: number): number => percentile(sorted, percent) / unit;
  return {
    mean: sumOf(sorted) / sorted.length / unit,
    min: (sorted[0] ?? Number.NaN) / unit,
    p50: at(50),
    p90: at(90),
    p95: at(95),
    p99: at(99),
    max: (sorted.at(-1) ?? Number.NaN) / unit,
  };
}

/**
 * The sum with the rounding errors summed beside it (Neumaier 1974). Sorted values have one sum, in whatever order they
 * came.
 */
function sumOf(sorted: Float64Array): number {
  let sum = 0;
  let lost = 0;
  for (let i = 0; i < sorted.length; i++) {
    const value = sorted[i] ?? 0;
    const next = sum + value;
    lost += Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum;
    sum = next;
  }
  return sum + lost;
}

/** Sorts values in place in steps of a few milliseconds, between which a caller can let other work go on. */
export function* sortSteps(values: Float64Array): Generator<void, void, void> {
  for (let start = 0; start < values.length; start += runLength) {
    values.subarray(start, start + runLength).sort();
    yield;
  }
  if (values.length <= runLength) return;
  let from = values;
  let to: Float64Array = new Float64Array(values.length);
  for (let width = runLength; width < values.length; width *= 2) {
    for (let start = 0; start < values.length; start += 2 * width) {
      yield* mergeSteps({ from, to }, { start, middle: start + width, end: start + 2 * width });
    }
    [from, to] = [to, from];
  }
  if (from !== values) values.set(from);
}

const runLength = 1 << 15;

/** Merges two sorted neighbours. */
function* mergeSteps(
  { from, to }: { readonly from: Float64Array; readonly to: Float64Array },
  range: { readonly start: number; readonly middle: number; readonly end: number },
): Generator<void, void, void> {
  const middle = Math.min(range.middle, from.length);
  const end = Math.min(range.end, from.length);
  let left = range.start;
  let right = middle;
  for (let at = range.start; at < end; ) {
    const stop = Math.min(at + mergedInAStep, end);
    for (; at < stop; at++) {
      const takeLeft = right >= end || (left < middle && (from[left] ?? 0) <= (from[right] ?? 0));
      to[at] = (takeLeft ? from[left++] : from[right++]) ?? 0;
    }
    yield;
  }
}

const mergedInAStep = 1 << 18;
