/**
 * Runs `work` on the items of `source`, at most `concurrency` at a time, and yields the results in the order of the
 * items. No more than `concurrency` results are ever held, so a slow reader slows the source down. The first failure in
 * that order is thrown; work already under way is awaited before the iteration ends.
 */
export async function* mapOrdered<Item, Result>(
  source: AsyncIterable<Item> | Iterable<Item>,
  options: { readonly concurrency: number },
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result, void, undefined> {
  const running: Promise<Result>[] = [];
  try {
    for await (const item of source) {
      const result = work(item);
      // Its failure is thrown when its turn comes; until then it must not count as unhandled.
      result.catch(() => {});
      running.push(result);
      if (running.length >= options.concurrency) yield* takeFirst(running);
    }
    while (running.length > 0) yield* takeFirst(running);
  } finally {
    await Promise.allSettled(running);
  }
}

/** At most `limit` of the works given to the returned function run at a time; the others wait in order. */
export function createLimiter(limit: number): <Result>(work: () => Promise<Result>) => Promise<Result> {
  let free = limit;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (free === 0) await new Promise<void>((resolve) => waiting.push(resolve));
    else free -= 1;
    try {
      return await work();
    } finally {
      // The place goes straight to the next in line, so that nobody arriving now can overtake it.
      const first = waiting.shift();
      if (first === undefined) free += 1;
      else first();
    }
  };
}

async function* takeFirst<Result>(running: Promise<Result>[]): AsyncGenerator<Result, void, undefined> {
  const first = running.shift();
  if (first !== undefined) yield await first;
}
