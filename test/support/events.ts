import { createHash } from "node:crypto";

/** An event as a producer writes it. */
export type WireEvent = {
  DT: string;
  EventType: string;
  ID: string;
  NodeType: string;
  Payload: Record<string, unknown>;
  Region: string;
  Version: number;
};

/** A UUID v4 that depends on `name` alone. */
export function uuid(name: string): string {
  const hex = createHash("sha256").update(name).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** Some accounts in EIP-55 case. */
export const accounts = [
  "0xAb5801a7D398351b8bE11C439e05C5B3259aeC9B",
  "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
  "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
  "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
] as const;

/** An account of the list, by number. */
export function account(index: number): `0x${string}` {
  return accounts[index % accounts.length] ?? accounts[0];
}

/** RFC 3339 of a second of 2025-11-05, counted from 15:00:00Z. */
export function at(second: number): string {
  return new Date(Date.UTC(2025, 10, 5, 15) + second * 1000).toISOString().replace(".000", "");
}

type Base = { id: string; second?: number; region?: string };

function envelope(
  base: Base,
  rest: { type: string; nodeType: string; payload: Record<string, unknown> },
): WireEvent {
  return {
    DT: at(base.second ?? 0),
    EventType: rest.type,
    ID: uuid(base.id),
    NodeType: rest.nodeType,
    Payload: rest.payload,
    Region: base.region ?? "eu-central",
    Version: 1,
  };
}

/** A transcode job: pixels × price. */
export function transcodeJob(job: Base & { account?: string; units?: number; price?: number }): WireEvent {
  const { units = 1_000_003, price = 1200 } = job;
  return envelope(job, {
    type: "job-processed",
    nodeType: "transcode",
    payload: {
      computeUnits: units,
      duration: 2000,
      ethAddress: job.account ?? account(0),
      fees: units * price,
      pricePerComputeUnit: price,
      realTimeRatio: 8,
      responseTime: 240,
    },
  });
}

/** The receipt of an AI job. */
export function aiReceipt(receipt: Base & { requestID: string; account?: string }): WireEvent {
  const { requestID } = receipt;
  const payload = {
    ethAddress: receipt.account ?? account(0),
    modelID: "model",
    pipeline: "text-to-image",
    requestID,
  };
  return envelope({ region: "us-central", ...receipt }, { type: "job-received", nodeType: "ai", payload });
}

/** An AI job without an address. */
export function aiJob(job: Base & { requestID: string; fees?: number }): WireEvent {
  const fees = job.fees ?? 1_000_000_007;
  const payload = {
    computeUnits: fees,
    fees,
    modelID: "model",
    pipeline: "text-to-image",
    pricePerComputeUnit: 1,
    requestID: job.requestID,
    responseTime: 2_400_000_000,
  };
  return envelope({ region: "us-central", ...job }, { type: "job-processed", nodeType: "ai", payload });
}

/** A worker's connection that comes up or goes down. */
export function connection(
  change: Base & { type: "worker-connected" | "worker-disconnected"; account?: string; address?: string },
): WireEvent {
  const payload = {
    connection: change.address ?? "203.0.113.10:43432",
    ethAddress: change.account ?? account(0),
  };
  return envelope(change, { type: change.type, nodeType: "transcode", payload });
}

/** A reset of a transcode partition. */
export function reset(base: Base): WireEvent {
  return envelope(base, { type: "orchestrator-reset", nodeType: "transcode", payload: {} });
}

/** The key of an object of a partition, told apart by `name`. */
export function objectKey(nodeType: string, region: string, name: string): string {
  return `${region}/${nodeType}/${region}-${nodeType}-${name}.json`;
}

/** The key of an object of `transcode|eu-central`. */
export function transcodeKey(name: string): string {
  return objectKey("transcode", "eu-central", name);
}

/** The key of an object of `ai|us-central`. */
export function aiKey(name: string): string {
  return objectKey("ai", "us-central", name);
}
