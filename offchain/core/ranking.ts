/** Where a worker stands among those of its group; equal ones share the better place. */
export type Standing = {
  /** One more than the number of workers that are better. */
  readonly rank: number;
  /** How many workers the group has. */
  readonly workers: number;
  /** The share of the group that is not better than the worker, itself included, in percent: 100 for the best. */
  readonly percentile: number;
};

/** The standing of each score, in the order given. */
export function standings(scores: readonly number[], better: "highest" | "lowest"): Standing[] {
  const workers = scores.length;
  const sorted = [...scores].sort((a, b) => (better === "highest" ? b - a : a - b));
  const ranks = new Map<number, number>();
  for (const [index, score] of sorted.entries()) if (!ranks.has(score)) ranks.set(score, index + 1);
  return scores.map((score) => {
    const rank = ranks.get(score) ?? workers;
    return { rank, workers, percentile: (100 * (workers - rank + 1)) / workers };
  });
}
