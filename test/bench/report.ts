import { cpus } from "node:os";

/** The machine in one line: processor, cores, Node version. */
export function machine(): string {
  const all = cpus();
  return `${all[0]?.model ?? "unknown processor"}, ${all.length} cores, Node ${process.version}`;
}

/** The middle value, or the mean of the two in the middle; NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  const low = sorted[Math.ceil(half) - 1] ?? Number.NaN;
  const high = sorted[Math.floor(half)] ?? Number.NaN;
  return (low + high) / 2;
}
