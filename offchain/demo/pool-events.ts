import { type Address, addressFromBytes } from "../core/address.ts";
import { keccak256 } from "../core/hash.ts";
import { type Partition, partitionFolder } from "../core/partition.ts";
import { formatTime } from "../core/time.ts";
import type { Random } from "./random.ts";

/** The partitions that producers of today write. */
export const transcodePartitions: readonly Partition[] = [
  "us-central",
  "us-west",
  "eu-central",
  "oceania",
].map((region) => ({ region, nodeType: "transcode" }));

/** The one partition of AI jobs. */
export const aiPartition: Partition = { region: "us-central", nodeType: "ai" };

/** An event before it is written: `time` in ms since 1970, whole seconds; the payload's names in ascending order. */
export type PoolEvent = {
  readonly time: number;
  readonly type: string;
  readonly id: string;
  readonly payload: Readonly<Record<string, string | number | bigint | null>>;
};

/** An object as the producers of the pool write it. */
export type PoolObject = { readonly key: string; readonly bytes: Uint8Array };

/** A JSON array of events, two-space indent, names sorted, as Go's `MarshalIndent` of a sorted map writes it. */
export function formatEvents(partition: Partition, events: readonly PoolEvent[]): Uint8Array {
  let text = "[";
  let time = Number.NaN;
  let stamp = "";
  for (const event of events) {
    if (event.time !== time) stamp = formatTime(event.time);
    time = event.time;
    text += `${text === "[" ? "" : ","}\n${formatEvent(partition, event, stamp)}`;
  }
  // What is written here is ASCII, and Node copies Latin-1 several times faster than it encodes UTF-8.
  return Buffer.from(events.length === 0 ? "[]" : `${text}\n]`, "latin1");
}

function formatEvent(partition: Partition, event: PoolEvent, stamp: string): string {
  return `  {
    "DT": "${stamp}",
    "EventType": "${event.type}",
    "ID": "${event.id}",
    "NodeType": "${partition.nodeType}",
    "Payload": ${formatPayload(event.payload)},
    "Region": "${partition.region}",
    "Version": 1
  }`;
}

function formatPayload(payload: PoolEvent["payload"]): string {
  let fields = "";
  for (const name in payload) {
    const value = payload[name];
    const text = typeof value === "string" ? `"${value}"` : String(value);
    fields += `${fields === "" ? "" : ","}\n      "${name}": ${text}`;
  }
  return fields === "" ? "{}" : `{${fields}\n    }`;
}

/** The key of an object whose first and last events are at these times (ms since 1970). */
export function objectKey(
  partition: Partition,
  times: { readonly first: number; readonly last: number },
): string {
  const { region, nodeType } = partition;
  return `${partitionFolder(partition)}${region}-${nodeType}-${compactTime(times.first)}_${compactTime(times.last)}.json`;
}

function compactTime(time: number): string {
  return formatTime(time).replace(/[-:]/g, "");
}

/** `count` addresses made from a seed by hashing; nobody has their keys. */
export function deriveWorkers(seed: string, count: number): Address[] {
  return Array.from({ length: count }, (_, n) =>
    addressFromBytes(keccak256(Buffer.from(`payroot worker ${seed} ${n}`)).slice(12)),
  );
}

/** A transcoding job: 10^8 to 10^10 pixels at 1000 to 2000 wei each. */
export function transcodeJob(
  random: Random,
  job: { readonly time: number; readonly account: string },
): PaidEvent {
  const computeUnits = random.between(1e8, 1e10);
  return transcodeJobOf(random, { ...job, computeUnits, price: random.between(1000, 2000) });
}

/** A job's event and what it earns, in wei. */
export type PaidEvent = { readonly event: PoolEvent; readonly feesWei: bigint };

/** A transcoding job of a given size and price, in wei for each of its compute units. */
export function transcodeJobOf(
  random: Random,
  job: {
    readonly time: number;
    readonly account: string;
    readonly computeUnits: number;
    readonly price: number;
  },
): PaidEvent {
  const duration = 2000;
  const responseTime = random.between(150, 1900);
  const product = job.computeUnits * job.price;
  const feesWei = Number.isSafeInteger(product)
    ? BigInt(product)
    : BigInt(job.computeUnits) * BigInt(job.price);
  const payload = {
    computeUnits: job.computeUnits,
    duration,
    ethAddress: job.account,
    fees: feesWei,
    pricePerComputeUnit: job.price,
    realTimeRatio: Math.floor(duration / responseTime),
    responseTime,
  };
  return { event: { time: job.time, type: "job-processed", id: random.uuid(), payload }, feesWei };
}

const models = [
  { pipeline: "text-to-image", modelID: "SG161222/RealVisXL_V4.0_Lightning" },
  { pipeline: "image-to-image", modelID: "timbrooks/instruct-pix2pix" },
  { pipeline: "image-to-video", modelID: "stabilityai/stable-video-diffusion-img2vid-xt-1-1" },
  { pipeline: "audio-to-text", modelID: "openai/whisper-large-v3" },
] as const;

/** The two events of an AI job, which share the request ID, and what it earns in wei. */
export type AiJob = {
  readonly receipt: PoolEvent;
  readonly job: PoolEvent;
  readonly requestID: string;
  readonly feesWei: bigint;
};

/** An AI job of 10^13 to 10^16 wei. `serial`, below 2^32, makes its request ID unique. */
export function aiJob(
  random: Random,
  job: { readonly time: number; readonly account: string; readonly serial: number },
): AiJob {
  const { pipeline, modelID } = random.pick(models);
  const requestID = scatter(job.serial).toString(16).padStart(8, "0");
  const computeUnits = random.between(1, 5) * 1024 * 1024;
  const price = random.between(10_000_000, 1_900_000_000);
  const feesWei = BigInt(computeUnits) * BigInt(price);
  const responseTime = random.between(800, 19_000) * 1_000_000 + random.between(0, 999_999);
  return {
    receipt: {
      time: job.time,
      type: "job-received",
      id: random.uuid(),
      payload: { ethAddress: job.account, modelID, pipeline, requestID },
    },
    job: {
      time: job.time + random.between(0, 3) * 1000,
      type: "job-processed",
      id: random.uuid(),
      payload: {
        computeUnits,
        fees: feesWei,
        modelID,
        pipeline,
        pricePerComputeUnit: price,
        requestID,
        responseTime,
      },
    },
    requestID,
    feesWei,
  };
}

/** Different numbers below 2^32 for different ones, in no visible order: an odd factor loses nothing modulo 2^32. */
function scatter(serial: number): number {
  return Math.imul(serial, 0x9e37_79b1) >>> 0;
}

/** A worker's connection comes or goes. */
export function connectionEvent(
  random: Random,
  about: {
    readonly time: number;
    readonly account: string;
    readonly connection: string;
    readonly isConnected: boolean;
  },
): PoolEvent {
  const type = about.isConnected ? "worker-connected" : "worker-disconnected";
  const payload = { connection: about.connection, ethAddress: about.account };
  return { time: about.time, type, id: random.uuid(), payload };
}

/** An address and port of the networks set aside for documentation (RFC 5737). */
export function randomConnection(random: Random): string {
  const network = random.pick(["192.0.2", "198.51.100", "203.0.113"]);
  return `${network}.${random.between(1, 254)}:${random.between(1024, 65_535)}`;
}

/** A reset of all of a partition's connections. */
export function resetEvent(random: Random, time: number): PoolEvent {
  return { time, type: "orchestrator-reset", id: random.uuid(), payload: {} };
}

/** A redeemed ticket with integers as large as the chain's: no income of a worker, and fatal to a careless reader. */
export function ticketRedeemed(random: Random, time: number): PoolEvent {
  const address = () => addressFromBytes(Buffer.from(random.hex(20), "hex"));
  const payload = {
    creationRound: random.between(3000, 4000),
    faceValue: 2n ** 256n - BigInt(random.between(1, 1_000_000)),
    pricePerPixel: random.oneIn(2) ? `${random.between(1000, 2000)}/1` : null,
    recipient: address(),
    sender: address(),
    txHash: random.oneIn(4) ? `0x${"0".repeat(64)}` : `0x${random.hex(32)}`,
    winProb: BigInt(`0x${random.hex(32)}`),
  };
  return { time, type: "ticket-redeemed", id: random.uuid(), payload };
}
