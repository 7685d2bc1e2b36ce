import { setTimeout as sleep } from "node:timers/promises";

/** How often a failed attempt is repeated, and how long at most is waited before it. */
export type RetryOptions = {
  readonly attempts: number;
  readonly firstDelayMilliseconds: number;
  readonly maxDelayMilliseconds: number;
};

/** Six attempts over at most about ten seconds. */
export const defaultRetry: RetryOptions = {
  attempts: 6,
  firstDelayMilliseconds: 200,
  maxDelayMilliseconds: 10_000,
};

/**
 * Runs `work` until it succeeds, fails for good or has been tried `attempts` times, and throws its last failure.
 * Waits are exponential with full jitter (Brooker, "Exponential Backoff And Jitter", AWS 2015), so that clients which
 * were slowed down together do not come back together.
 */
export async function withRetry<Result>(
  options: RetryOptions & {
    readonly isPassing: (error: unknown) => boolean;
    readonly signal?: AbortSignal | undefined;
  },
  work: () => Promise<Result>,
): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    options.signal?.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      options.signal?.throwIfAborted();
      if (attempt >= options.attempts || !options.isPassing(error)) throw error;
    }
    const ceiling = Math.min(
      options.maxDelayMilliseconds,
      options.firstDelayMilliseconds * 2 ** (attempt - 1),
    );
    await sleep(
      Math.random() * ceiling,
      undefined,
      options.signal === undefined ? {} : { signal: options.signal },
    );
  }
}
