import { type Address, addressFromBytes, parseAddress, writeAddress } from "../core/address.ts";
import type { Effect } from "../core/event.ts";
import type { Version } from "../core/versions.ts";

/*
 * A list of versions, each: length u32 · object number u32 · position u32 · rejected u8 · time f64 (ms) · digest 16 ·
 * kind u8 · effect. Effects: job = account 20, fees; ai-job = fees length u8, fees, request id; ai-receipt = account 20,
 * request id; connected, disconnected = account 20, connection. Fees are big-endian without leading zeros.
 */
const kinds = ["none", "reset", "job", "ai-job", "ai-receipt", "connected", "disconnected"] as const;
const kindNumbers = new Map<string, number>(kinds.map((kind, index) => [kind, index]));
const headBytes = 38;

/** The bytes of the versions of an event id. */
export function encodeVersions(versions: readonly Version[]): Uint8Array {
  const [only] = versions;
  if (versions.length === 1 && only !== undefined) return encodeVersion(only);
  return Buffer.concat(versions.map(encodeVersion));
}

/** The versions of an event id from their bytes. */
export function decodeVersions(bytes: Uint8Array): Version[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const versions: Version[] = [];
  for (let at = 0; at < buffer.length; ) {
    const length = buffer.readUInt32BE(at);
    versions.push(decodeVersion(buffer.subarray(at, at + length)));
    at += length;
  }
  return versions;
}

function encodeVersion(version: Version): Buffer {
  const { effect } = version;
  const fees = "feesWei" in effect ? amountBytes(effect.feesWei) : empty;
  const text = textOf(effect);
  const tail =
    ("account" in effect ? 20 : 0) + (effect.kind === "ai-job" ? 1 : 0) + fees.length + text.length;
  const bytes = Buffer.allocUnsafe(headBytes + tail);
  bytes.writeUInt32BE(bytes.length, 0);
  bytes.writeUInt32BE(version.ordinal, 4);
  bytes.writeUInt32BE(version.position, 8);
  bytes[12] = version.rejected ? 1 : 0;
  bytes.writeDoubleBE(version.time, 13);
  bytes.write(version.digest, 21, "hex");
  bytes[37] = kindNumbers.get(effect.kind) ?? 0;
  let at = headBytes;
  if ("account" in effect) {
    writeAddress(effect.account, bytes, at);
    at += 20;
  }
  if (effect.kind === "ai-job") bytes[at++] = fees.length;
  bytes.set(fees, at);
  bytes.set(text, at + fees.length);
  return bytes;
}

function textOf(effect: Effect): Uint8Array {
  if ("requestID" in effect) return Buffer.from(effect.requestID);
  return "connection" in effect ? Buffer.from(effect.connection) : empty;
}

function decodeVersion(bytes: Buffer): Version {
  return {
    ordinal: bytes.readUInt32BE(4),
    position: bytes.readUInt32BE(8),
    rejected: bytes[12] === 1,
    time: bytes.readDoubleBE(13),
    digest: bytes.toString("hex", 21, 37),
    effect: decodeTail(kinds[bytes[37] ?? 0] ?? "none", bytes.subarray(headBytes)),
  };
}

function decodeTail(kind: Effect["kind"], bytes: Buffer): Effect {
  switch (kind) {
    case "none":
    case "reset":
      return { kind };
    case "job":
      return { kind, account: readAccount(bytes), feesWei: bytesBigint(bytes.subarray(20)) };
    case "ai-job": {
      const end = 1 + (bytes[0] ?? 0);
      return { kind, feesWei: bytesBigint(bytes.subarray(1, end)), requestID: bytes.toString("utf8", end) };
    }
    case "ai-receipt":
      return { kind, account: readAccount(bytes), requestID: bytes.toString("utf8", 20) };
    case "connected":
    case "disconnected":
      return { kind, account: readAccount(bytes), connection: bytes.toString("utf8", 20) };
  }
}

const empty = new Uint8Array(0);

function readAccount(bytes: Buffer): Address {
  return parseAddress(`0x${bytes.toString("hex", 0, 20)}`) ?? addressFromBytes(bytes.subarray(0, 20));
}

const word = new DataView(new ArrayBuffer(8));
const wordBytes = new Uint8Array(word.buffer);

/** Big-endian without leading zeros; valid until the next call. */
function amountBytes(value: bigint): Uint8Array {
  if (value === BigInt.asUintN(64, value)) {
    word.setBigUint64(0, value);
    let first = 0;
    while (wordBytes[first] === 0) first += 1;
    return wordBytes.subarray(first);
  }
  const hex = value.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
}

function bytesBigint(bytes: Buffer): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${bytes.toString("hex")}`);
}
