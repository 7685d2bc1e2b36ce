import { type Address, addressBytes, addressFromBytes, parseAddress } from "../core/address.ts";
import type { Codec } from "./keyspace.ts";
import type { OpenSum } from "./records.ts";

/** A codec of plain JSON values. */
export function json<T>(): Codec<T> {
  return {
    encode: (value) => Buffer.from(JSON.stringify(value)),
    decode: (bytes) => JSON.parse(decodeText(bytes)) as T,
  };
}

/** A codec of plain JSON values that few entries hold and everybody reads: what was read last is not parsed again. */
export function knownJson<T>(): Codec<T> {
  const known = new Map<string, T>();
  return {
    encode: (value) => Buffer.from(JSON.stringify(value)),
    decode: (bytes) => {
      const text = decodeText(bytes);
      const before = known.get(text);
      if (before !== undefined) return before;
      const value = JSON.parse(text) as T;
      if (known.size >= mostKnown) known.clear();
      known.set(text, value);
      return value;
    },
  };
}

const mostKnown = 100;

/** A codec of non-negative amounts, as decimal digits. */
export function decimal(): Codec<bigint> {
  return { encode: (value) => Buffer.from(value.toString()), decode: (bytes) => BigInt(decodeText(bytes)) };
}

/** A codec of what was gained: count, gross and commission as decimal digits. */
export function sum(): Codec<OpenSum> {
  return {
    encode: ({ events, grossWei, commissionWei }) => Buffer.from(`${events} ${grossWei} ${commissionWei}`),
    decode: (bytes) => {
      const [events = "0", gross = "0", commission = "0"] = decodeText(bytes).split(" ");
      return { events: Number(events), grossWei: BigInt(gross), commissionWei: BigInt(commission) };
    },
  };
}

/** A codec of keys that are one number of 32 bits. */
export function uint32(): Codec<number> {
  return { encode: u32, decode: (bytes) => Buffer.from(bytes).readUInt32BE(0) };
}

/** A codec of keys made of an account and an asset. */
export function accountAsset(): Codec<{ account: Address; asset: Address }> {
  return parts(
    ({ account, asset }) => [addressBytes(account), addressBytes(asset)],
    (read) => ({ account: read.address(), asset: read.address() }),
  );
}

/** A codec of keys that are one text. */
export function textKey(): Codec<string> {
  return parts(
    (key) => [text(key)],
    (read) => read.text(),
  );
}

/** Reads the parts of a key, one after the other. */
export type Reader = { text: () => string; u32: () => number; time: () => number; address: () => Address };

/** A codec of keys made of several parts, read back in the order they were written. */
export function parts<K>(write: (key: K) => Uint8Array[], readKey: (read: Reader) => K): Codec<K> {
  return {
    encode: (key) => Buffer.concat(write(key)),
    decode: (bytes) => readKey(reader(Buffer.from(bytes))),
  };
}

function reader(bytes: Buffer): Reader {
  let at = 0;
  const take = (length: number): Buffer => {
    at += length;
    return bytes.subarray(at - length, at);
  };
  return {
    text: () => {
      const value = take(bytes.indexOf(0, at) - at).toString();
      at += 1;
      return value.replaceAll("\u0001\u0001", "\0").replaceAll("\u0001\u0002", "\u0001");
    },
    u32: () => take(4).readUInt32BE(0),
    time: () => take(8).readDoubleBE(0) - timeOffset,
    address: () => addressOf(take(20)),
  };
}

function addressOf(bytes: Buffer): Address {
  return parseAddress(`0x${bytes.toString("hex")}`) ?? addressFromBytes(bytes);
}

/** A part of a key: UTF-8 ended by a zero byte. Within it, 0 and 1 stand as 1 1 and 1 2. */
export function text(value: string): Uint8Array {
  return Buffer.from(`${value.replaceAll("\u0001", "\u0001\u0002").replaceAll("\0", "\u0001\u0001")}\0`);
}

/** A part of a key: 32 bits, big-endian. */
export function u32(value: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value, 0);
  return bytes;
}

// The year 0000, so that every RFC 3339 time is a non-negative number: such doubles have the byte order of their values.
const timeOffset = 62_167_219_200_000;

/** A part of a key: a time in ms since 1970. */
export function time(value: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeDoubleBE(value + timeOffset, 0);
  return bytes;
}

/** Bytes as UTF-8 text. */
export function decodeText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
}
