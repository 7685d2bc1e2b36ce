import type { LedgerStore } from "./ledger-store.ts";

type Read = LedgerStore["getMany"];

type Waiting = {
  readonly keys: readonly Uint8Array[];
  readonly answer: PromiseWithResolvers<(Uint8Array | undefined)[]>;
};

/**
 * Joins the small reads of one turn of the event loop into one: a read of many keys costs a fraction of as many reads.
 * A large one goes by itself, so that nobody waits for it.
 */
export function joinReads(read: Read): Read {
  let waiting: Waiting[] = [];
  const flush = (): void => {
    const joined = waiting;
    waiting = [];
    const keys = joined.flatMap((one) => one.keys);
    read(keys).then(
      (values) => {
        let at = 0;
        for (const { keys, answer } of joined) {
          answer.resolve(values.slice(at, at + keys.length));
          at += keys.length;
        }
      },
      (error: unknown) => {
        for (const { answer } of joined) answer.reject(error);
      },
    );
  };
  return (keys) => {
    if (keys.length > mostJoined) return read(keys);
    if (waiting.length === 0) setImmediate(flush);
    const answer = Promise.withResolvers<(Uint8Array | undefined)[]>();
    waiting.push({ keys, answer });
    return answer.promise;
  };
}

const mostJoined = 64;
