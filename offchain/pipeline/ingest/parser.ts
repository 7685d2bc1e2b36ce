import { setImmediate } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import {
  type ObjectContext,
  type ObjectRejection,
  type ParsedObject,
  parseSteps,
} from "../../core/object.ts";

/** What reads the bytes of objects for ingest: `parseObject`, wherever it runs. The bytes are given away: it may empty them. */
export type ObjectParser = (
  bytes: Uint8Array,
  context: ObjectContext,
) => Promise<ParsedObject | ObjectRejection>;

/** Parses in this thread, and lets other work go on every few milliseconds. */
export const parseInTurns: ObjectParser = async (bytes, context) => {
  const steps = parseSteps(bytes, context);
  let step = steps.next();
  while (step.done !== true) {
    await setImmediate();
    step = steps.next();
  }
  return step.value;
};

/** A thread that parses, one object after the other. It does not keep the process alive. */
export type ParserThread = {
  /** Rejects with what stopped the thread, if something did. */
  readonly parse: ObjectParser;
  readonly close: () => Promise<void>;
};

/** What the thread is asked. It answers in the order of the questions. */
export type ParserQuestion = { readonly bytes: Uint8Array; readonly context: ObjectContext };

/** Starts a parser thread, so that a second core parses while this one keeps the ledger. */
export function openParserThread(): ParserThread {
  const worker = new Worker(new URL("./parser-thread.ts", import.meta.url));
  const waiting: PromiseWithResolvers<ParsedObject | ObjectRejection>[] = [];
  let fault: unknown;
  const stop = (reason: unknown): void => {
    fault ??= reason;
    for (const { reject } of waiting.splice(0)) reject(fault);
  };
  worker.on("message", (parsed: ParsedObject | ObjectRejection) => {
    waiting.shift()?.resolve(parsed);
    if (waiting.length === 0) worker.unref();
  });
  worker.on("error", stop);
  worker.on("exit", (code) => stop(new Error(`the parser thread ended with exit code ${code}`)));
  worker.unref();
  return {
    parse: async (bytes, context) => {
      if (fault !== undefined) throw fault;
      const answer = Promise.withResolvers<ParsedObject | ObjectRejection>();
      waiting.push(answer);
      worker.ref();
      // Bytes that share their memory with others, as small ones may, are copied; the rest changes hands.
      const transfer = bytes.length === bytes.buffer.byteLength ? [bytes.buffer as ArrayBuffer] : [];
      worker.postMessage({ bytes, context } satisfies ParserQuestion, transfer);
      return answer.promise;
    },
    close: async () => {
      await worker.terminate();
    },
  };
}
