import { type Address, addressBytes, addressFromBytes, parseAddress } from "../core/address.ts";
import { json, parts, sum, text, time, u32, uint32 } from "./codecs.ts";
import type { Codec, Keyspace } from "./keyspace.ts";
import type { OpenSum } from "./records.ts";

// What performance and exports read; the table in keys.ts names these keyspaces, too.

/** An object as its jobs are found: `newest` is the time of its newest event, ms since 1970. */
export type SampleKey = { readonly partition: string; readonly newest: number; readonly ordinal: number };

/** The accepted jobs of objects, as `encodeSamples` writes them; objects without any have none. */
export const jobSamples: Keyspace<SampleKey, Uint8Array> = {
  prefix: "j".charCodeAt(0),
  key: parts(
    ({ partition, newest, ordinal }) => [text(partition), time(newest), u32(ordinal)],
    (read) => ({ partition: read.text(), newest: read.time(), ordinal: read.u32() }),
  ),
  value: { encode: (bytes) => bytes, decode: (bytes) => bytes },
};

/** An AI job by its position in its object, and the worker that its receipt named. */
export type PairedJob = { readonly position: number; readonly account: Address };

/** The AI jobs of an object that the close of an epoch paired, in the order of their positions. */
export const pairedJobs: Keyspace<{ ordinal: number; epoch: number }, readonly PairedJob[]> = {
  prefix: "u".charCodeAt(0),
  key: parts(
    ({ ordinal, epoch }) => [u32(ordinal), u32(epoch)],
    (read) => ({ ordinal: read.u32(), epoch: read.u32() }),
  ),
  value: pairedJobList(),
};

/** What an account gained of an asset in a partition in all closed epochs, in its smallest unit. */
export const lifeSums: Keyspace<{ account: Address; asset: Address; partition: string }, OpenSum> = {
  prefix: "S".charCodeAt(0),
  key: parts(
    ({ account, asset, partition }) => [addressBytes(account), addressBytes(asset), text(partition)],
    (read) => ({ account: read.address(), asset: read.address(), partition: read.text() }),
  ),
  value: sum(),
};

/** When final blocks with claims were made, seconds since 1970, as far as anybody asked: no look-up twice. */
export const claimTimes: Keyspace<number, number> = {
  prefix: "T".charCodeAt(0),
  key: uint32(),
  value: json(),
};

/** The bytes that keys with these leading parts begin with, for walks. */
export const jobsWithin = {
  /** Objects of the partition whose newest event is at `newest` (ms since 1970) or later begin here. */
  partitionFrom: (partition: string, newest: number): Uint8Array =>
    Buffer.concat([text(partition), time(newest)]),
  /** Every key of the partition is before this one. */
  afterPartition: (partition: string): Uint8Array =>
    Buffer.concat([text(partition).subarray(0, -1), Buffer.of(1)]),
  ordinal: (ordinal: number): Uint8Array => u32(ordinal),
};

const pairBytes = 24;

/** Each: position u32, account 20 bytes. */
function pairedJobList(): Codec<readonly PairedJob[]> {
  return {
    encode: (jobs) =>
      Buffer.concat(jobs.flatMap(({ position, account }) => [u32(position), addressBytes(account)])),
    decode: (given) => {
      const bytes = Buffer.from(given.buffer, given.byteOffset, given.length);
      const jobs: PairedJob[] = [];
      for (let at = 0; at < bytes.length; at += pairBytes) {
        const account = bytes.subarray(at + 4, at + pairBytes);
        jobs.push({
          position: bytes.readUInt32BE(at),
          account: parseAddress(`0x${account.toString("hex")}`) ?? addressFromBytes(account),
        });
      }
      return jobs;
    },
  };
}
