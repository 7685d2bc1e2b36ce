import type { Address } from "./address.ts";
import { canonicalJson } from "./canonical.ts";
import { keccak256Hex } from "./hash.ts";

/** The rules that turn events into money. Canonical JSON; a published ruleset is never edited. */
export type Ruleset = {
  /** How events accrue. */
  readonly scheme: "per-job-fee";
  /** What is paid: the zero address is ETH. */
  readonly asset: Address;
  /** The pool's share of each event's fees, in parts per million. */
  readonly commissionPpm: number;
  /** How far apart the two events of an AI job may be, in seconds. */
  readonly correlationWindowSeconds: number;
  /** The highest fee of one event, in wei, as a decimal string. */
  readonly maxEventFeeWei: string;
  /** The largest object that is read, in bytes after decompression. */
  readonly maxObjectBytes: number;
};

/** keccak256 of the canonical ruleset, as hex. */
export function rulesetHash(ruleset: Ruleset): `0x${string}` {
  return keccak256Hex(new TextEncoder().encode(canonicalJson(ruleset)));
}
