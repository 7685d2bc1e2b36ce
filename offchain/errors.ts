/** What a process ends with, by what its caller should do next. */
export const exitCodes = { done: 0, failed: 1, usage: 2, discrepancy: 3, temporary: 75 } as const;

/** One of `exitCodes`. */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Named facts of an error: what was given, what was expected, with units. Printed aligned, in this order. */
export type Facts = Readonly<Record<string, string | number | bigint | boolean | undefined>>;

/** Options of a `PayrootError`; `next` says what the reader should do. */
export type PayrootErrorOptions = {
  readonly facts?: Facts;
  readonly next?: string;
  readonly cause?: unknown;
  readonly retryable?: boolean;
  readonly exitCode?: ExitCode;
};

/** The base of every error that is meant to be read: a stable `code`, one sentence, facts, and what to do next. */
export class PayrootError extends Error {
  override readonly name = "PayrootError";
  readonly code: string;
  readonly facts: Facts;
  readonly next: string | undefined;
  readonly retryable: boolean;
  readonly exitCode: ExitCode;

  constructor(code: string, sentence: string, options: PayrootErrorOptions = {}) {
    super(sentence, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.facts = options.facts ?? {};
    this.next = options.next;
    this.retryable = options.retryable ?? false;
    this.exitCode = options.exitCode ?? (this.retryable ? exitCodes.temporary : exitCodes.failed);
  }
}

/** A fault of ours, never of the caller: throws `invariant-violated` unless `condition` holds. */
export function invariant(condition: unknown, sentence: string, facts: Facts = {}): asserts condition {
  if (!condition) {
    throw new PayrootError("invariant-violated", sentence, {
      facts,
      next: "this is a defect of payroot: nothing was written; please report it with the facts above",
    });
  }
}

/** One line for any thrown value, without a stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
