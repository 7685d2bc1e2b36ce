import { PayrootError } from "../../errors.ts";
import { type Address, writeAddress } from "../address.ts";
import { keccak256 } from "../hash.ts";
import { type Hex, toHex } from "../hex.ts";

/** What an account may claim of an asset, ever, in the asset's smallest unit: one leaf of the claims tree. */
export type Leaf = { readonly account: Address; readonly asset: Address; readonly cumulative: bigint };

/** What an account earned of an asset in one epoch, in the asset's smallest unit: one leaf of the earnings tree. */
export type Earning = {
  readonly epoch: number;
  readonly account: Address;
  readonly asset: Address;
  readonly earned: bigint;
};

/** The types of a `Leaf` in the order of its encoding, as `StandardMerkleTree` names them. */
export const leafEncoding = ["address", "address", "uint256"] as const;

/** The types of an `Earning` in the order of its encoding. */
export const earningEncoding = ["uint256", "address", "address", "uint256"] as const;

/**
 * The hash of a leaf: keccak256(keccak256(abi.encode(account, asset, cumulative))), as `StandardMerkleTree` and the
 * distributor's `hashLeaf` do it. Throws `invalid-address` and, beyond uint256, `amount-out-of-range`.
 */
export function leafHash(leaf: Leaf): Hex {
  const hash = new Uint8Array(32);
  writeLeafHash(leaf, hash, 0);
  return toHex(hash);
}

/** The hash of an earning, encoded as (epoch, account, asset, earned); throws as `leafHash` does. */
export function earningHash(earning: Earning): Hex {
  const hash = new Uint8Array(32);
  writeEarningHash(earning, hash, 0);
  return toHex(hash);
}

/** The hashes of `leaves`, 32 bytes each, end to end: what `buildTree` takes. */
export function leafHashes(leaves: readonly Leaf[]): Uint8Array {
  const hashes = new Uint8Array(32 * leaves.length);
  for (const [i, leaf] of leaves.entries()) writeLeafHash(leaf, hashes, 32 * i);
  return hashes;
}

/** The hashes of `earnings`, 32 bytes each, end to end: what `buildTree` takes. */
export function earningHashes(earnings: readonly Earning[]): Uint8Array {
  const hashes = new Uint8Array(32 * earnings.length);
  for (const [i, earning] of earnings.entries()) writeEarningHash(earning, hashes, 32 * i);
  return hashes;
}

const maxUint256 = 2n ** 256n - 1n;
// One word of 32 bytes a value; an address fills the last 20 of its word, so the first 12 stay zero for ever.
const encodedLeaf = new Uint8Array(96);
const encodedEarning = new Uint8Array(128);
const innerHash = new Uint8Array(32);
const leafAmount = new DataView(encodedLeaf.buffer, 64, 32);
const earningEpoch = new DataView(encodedEarning.buffer, 0, 32);
const earningAmount = new DataView(encodedEarning.buffer, 96, 32);

/** `leafHash` written as 32 bytes into `target` at `offset`, for callers that stream their leaves. */
export function writeLeafHash(leaf: Leaf, target: Uint8Array, offset: number): void {
  writeAddress(leaf.account, encodedLeaf, 12);
  writeAddress(leaf.asset, encodedLeaf, 44);
  writeUint256(leaf.cumulative, leafAmount);
  writeDoubleHash(encodedLeaf, target, offset);
}

/** `earningHash` written as 32 bytes into `target` at `offset`. */
export function writeEarningHash(earning: Earning, target: Uint8Array, offset: number): void {
  writeUint256(BigInt(earning.epoch), earningEpoch);
  writeAddress(earning.account, encodedEarning, 44);
  writeAddress(earning.asset, encodedEarning, 76);
  writeUint256(earning.earned, earningAmount);
  writeDoubleHash(encodedEarning, target, offset);
}

// By way of a lasting array: a fresh one would first be moved off the heap, which takes half as long as hashing it.
function writeDoubleHash(encoded: Uint8Array, target: Uint8Array, offset: number): void {
  innerHash.set(keccak256(encoded));
  target.set(keccak256(innerHash), offset);
}

function writeUint256(value: bigint, word: DataView): void {
  if (value < 0n || value > maxUint256) throw amountOutOfRange(value);
  let rest = value;
  for (let at = 24; at >= 0; at -= 8) {
    word.setBigUint64(at, BigInt.asUintN(64, rest));
    rest >>= 64n;
  }
}

function amountOutOfRange(value: bigint): PayrootError {
  return new PayrootError("amount-out-of-range", "An amount in a leaf must be a uint256.", {
    facts: { given: value, expected: "0 to 2^256 - 1" },
  });
}
