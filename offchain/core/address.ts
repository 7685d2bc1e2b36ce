import { PayrootError } from "../errors.ts";
import { keccak256 } from "./hash.ts";
import { type Hex, toHex, writeHex } from "./hex.ts";

/** An account or asset on an EVM chain: `0x` and 40 hex digits, in EIP-55 case wherever this module made it. */
export type Address = Hex;

/** The address of nobody; as an asset it means ETH. `parseAddress` refuses it. */
export const zeroAddress: Address = "0x0000000000000000000000000000000000000000";

// Bounds the cache to about 50 MB, whatever the input.
const spellingsLimit = 1 << 18;
const spellings = new Map<string, Address>();

/**
 * The EIP-55 form of `text`, or undefined unless it is `0x` and 40 hex digits in all lower, all upper or correct
 * EIP-55 case, and not the zero address. Remembers spellings, so a known one costs a look-up.
 */
export function parseAddress(text: string): Address | undefined {
  const known = spellings.get(text);
  if (known !== undefined) return known;
  const address = readAddress(text);
  if (address === undefined) return undefined;
  if (spellings.size >= spellingsLimit) spellings.clear();
  spellings.set(text === address ? address : flatCopy(text), address);
  return address;
}

/** `parseAddress` for a caller who must give a good one. Throws `invalid-address` with `addressFault` as a fact. */
export function requireAddress(text: string): Address {
  const address = parseAddress(text);
  if (address === undefined) throw invalidAddress(text);
  return address;
}

/** Why `parseAddress` refuses `text`, as a phrase; undefined when it does not. */
export function addressFault(text: string): string | undefined {
  if (parseAddress(text) !== undefined) return undefined;
  if (!shape.test(text)) return "not 0x and 40 hex digits";
  if (text === zeroAddress) return "the zero address";
  return "mixed case with a wrong EIP-55 checksum";
}

/** The 20 bytes of an address of any case. Throws `invalid-address` for anything but `0x` and 40 hex digits. */
export function addressBytes(address: Address): Uint8Array {
  const bytes = new Uint8Array(20);
  writeAddress(address, bytes, 0);
  return bytes;
}

/** Writes the 20 bytes of `address` into `target` at `offset`; `invalid-address` like `addressBytes`. */
export function writeAddress(address: Address, target: Uint8Array, offset: number): void {
  if (!writeHex(address, target, offset, 20)) throw invalidAddress(address);
}

/** The EIP-55 form of 20 bytes; the zero address included, since as an asset it means ETH. */
export function addressFromBytes(bytes: Uint8Array): Address {
  if (bytes.length !== 20) {
    throw new PayrootError("invalid-address", "An address has 20 bytes.", { facts: { given: bytes.length } });
  }
  return checksummed(toHex(bytes).slice(2));
}

/** Orders addresses by their bytes, whatever their case: negative, zero or positive, as `Array.sort` wants it. */
export function compareAddresses(a: Address, b: Address): number {
  const left = a.toLowerCase();
  const right = b.toLowerCase();
  return left < right ? -1 : left > right ? 1 : 0;
}

const shape = /^0x[0-9a-fA-F]{40}$/;

function readAddress(text: string): Address | undefined {
  if (!shape.test(text)) return undefined;
  const hex = text.slice(2);
  const lower = hex.toLowerCase();
  const address = checksummed(lower);
  if (address === zeroAddress) return undefined;
  return text === address || hex === lower || hex === hex.toUpperCase() ? address : undefined;
}

// EIP-55: a letter is upper case where the keccak-256 of the lower-case digits (as ASCII) has a nibble of 8 or more.
function checksummed(lowerHex: string): Address {
  const codes = new Uint8Array(40);
  for (let i = 0; i < 40; i++) codes[i] = lowerHex.charCodeAt(i);
  const hash = keccak256(codes);
  for (let i = 0; i < 40; i++) {
    const nibble = ((hash[i >> 1] ?? 0) >> (i % 2 === 0 ? 4 : 0)) & 15;
    const code = codes[i] ?? 0;
    if (code > 0x60 && nibble >= 8) codes[i] = code - 0x20;
  }
  return `0x${String.fromCharCode(...codes)}`;
}

// A text cut from an object of megabytes would keep the whole object alive as a key of the cache.
function flatCopy(text: string): string {
  const codes: number[] = [];
  for (let i = 0; i < text.length; i++) codes.push(text.charCodeAt(i));
  return String.fromCharCode(...codes);
}

function invalidAddress(text: string): PayrootError {
  return new PayrootError("invalid-address", "This is not the address of an account.", {
    facts: { given: text.slice(0, 64), fault: addressFault(text) ?? "not 0x and 40 hex digits" },
    next: "give 0x and 40 hex digits, all lower case or with a correct EIP-55 checksum",
  });
}
