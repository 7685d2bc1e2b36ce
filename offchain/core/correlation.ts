import type { Address } from "./address.ts";
import { append } from "./append.ts";

/** An AI event that waits for, or has found, its other half. `time` in ms since 1970, fees in wei. */
export type AiReceipt = { readonly kind: "receipt"; readonly account: Address } & AiCommon;
/** An AI job without an address. */
export type AiJob = { readonly kind: "job"; readonly feesWei: bigint } & AiCommon;
/** Either half of an AI job. */
export type AiEvent = AiReceipt | AiJob;

type AiCommon = {
  readonly id: string;
  readonly time: number;
  readonly partition: string;
  readonly requestID: string;
  /** The object and position that own the event. */
  readonly ordinal: number;
  readonly position: number;
};

/** An AI job with the receipt that names its worker. */
export type AiPair = { readonly job: AiJob; readonly receipt: AiReceipt };

/** The pairs among `events`, and the jobs and receipts that stay alone. A function of the set, not of its order. */
export type Correlation = {
  readonly pairs: AiPair[];
  readonly jobs: AiJob[];
  readonly receipts: AiReceipt[];
};

/** Pairs the events of one (partition, requestID) by walking receipts and jobs in the order of (time, id). */
export function correlate(
  events: readonly AiEvent[],
  rules: { correlationWindowSeconds: number },
): Correlation {
  const windowMs = rules.correlationWindowSeconds * 1000;
  const waitingReceipts = events.filter((event) => event.kind === "receipt").sort(byTimeAndId);
  const waitingJobs = events.filter((event) => event.kind === "job").sort(byTimeAndId);
  const found: Correlation = { pairs: [], jobs: [], receipts: [] };
  let r = 0;
  let j = 0;
  for (;;) {
    const receipt = waitingReceipts[r];
    const job = waitingJobs[j];
    if (receipt === undefined || job === undefined) break;
    if (Math.abs(receipt.time - job.time) <= windowMs) {
      found.pairs.push({ job, receipt });
      r += 1;
      j += 1;
    } else if (receipt.time < job.time) {
      found.receipts.push(receipt);
      r += 1;
    } else {
      found.jobs.push(job);
      j += 1;
    }
  }
  append(found.receipts, waitingReceipts.slice(r));
  append(found.jobs, waitingJobs.slice(j));
  return found;
}

function byTimeAndId(a: AiEvent, b: AiEvent): number {
  return a.time - b.time || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}
