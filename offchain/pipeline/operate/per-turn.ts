/** Reads once for all who ask for the same in one turn of the event loop; who asks later gets what is read then. */
export function oncePerTurn<K, V>(read: (key: K) => Promise<V>): (key: K) => Promise<V> {
  const asked = new Map<K, Promise<V>>();
  return (key) => {
    const known = asked.get(key);
    if (known !== undefined) return known;
    if (asked.size === 0) setImmediate(() => asked.clear());
    const reading = read(key);
    asked.set(key, reading);
    return reading;
  };
}

/** Collects what is asked for in one turn of the event loop and answers it together, 64 at a time. */
export function togetherPerTurn<K, V>(
  answerAll: (asked: readonly K[]) => Promise<readonly (V | Promise<V>)[]>,
): (key: K) => Promise<V> {
  let waiting: { readonly key: K; readonly answer: PromiseWithResolvers<V> }[] = [];
  const flush = (): void => {
    const asked = waiting;
    waiting = [];
    if (asked.length === 0) return;
    answerAll(asked.map(({ key }) => key)).then(
      (values) => {
        for (const [index, { answer }] of asked.entries()) answer.resolve(values[index] as V | Promise<V>);
      },
      (error: unknown) => {
        for (const { answer } of asked) answer.reject(error);
      },
    );
  };
  return (key) => {
    if (waiting.length === 0) setImmediate(flush);
    const answer = Promise.withResolvers<V>();
    waiting.push({ key, answer });
    if (waiting.length === mostTogether) flush();
    return answer.promise;
  };
}

// So many that more at once would be no cheaper each, and so few that nobody waits for long.
const mostTogether = 64;
