import type { PoolObject } from "../../offchain/demo/pool-events.ts";

/** What a set of objects pays, found by reading them all at once, slowly, and by nothing that the product uses. */
export type Recount = {
  readonly gross: Map<string, bigint>;
  readonly commission: bigint;
  readonly waiting: bigint;
};

type Payload = { ethAddress?: string; fees?: bigint; requestID?: string };
type RawEvent = {
  DT: string;
  EventType: string;
  ID: string;
  NodeType: string;
  Payload: Payload;
  Region: string;
};

/** Reads every object, drops what the rules of the log drop, pairs AI jobs, and adds up. */
export function recount(objects: readonly PoolObject[], isAddress: (text: string) => boolean): Recount {
  const versions = new Map<string, Map<string, RawEvent>>();
  for (const { bytes } of objects) {
    for (const event of parseLossless(bytes)) {
      const contents = versions.get(event.ID) ?? new Map();
      contents.set(canonical(event), event);
      versions.set(event.ID, contents);
    }
  }
  const events = [...versions.values()].flatMap((contents) =>
    contents.size === 1 ? [...contents.values()] : [],
  );
  const gross = new Map<string, bigint>();
  let commission = 0n;
  let waiting = 0n;
  for (const event of events) {
    if (event.EventType !== "job-processed") continue;
    const account = event.NodeType === "ai" ? receiverOf(event, events) : event.Payload.ethAddress;
    const fees = event.Payload.fees ?? 0n;
    if (account === undefined) waiting += fees;
    else if (isAddress(account)) {
      gross.set(account, (gross.get(account) ?? 0n) + fees);
      commission += fees / 4n;
    }
  }
  return { gross, commission, waiting };
}

function receiverOf(job: RawEvent, events: readonly RawEvent[]): string | undefined {
  const receipts = events.filter(
    (event) =>
      event.EventType === "job-received" &&
      event.Region === job.Region &&
      event.Payload.requestID === job.Payload.requestID &&
      Math.abs(Date.parse(event.DT) - Date.parse(job.DT)) <= 3_600_000,
  );
  return receipts[0]?.Payload.ethAddress;
}

/** An array of events with every integer as a bigint; nothing for what is no JSON. */
export function parseLossless(bytes: Uint8Array): RawEvent[] {
  const revive = (_: string, value: unknown, context: { readonly source?: string }) =>
    typeof value === "number" ? BigInt(context.source ?? "") : value;
  try {
    return JSON.parse(Buffer.from(bytes).toString(), revive as (key: string, value: unknown) => unknown);
  } catch {
    return [];
  }
}

function canonical(event: RawEvent): string {
  return JSON.stringify(event, (_, value: unknown) => (typeof value === "bigint" ? `${value}n` : value));
}
