import type { Address } from "./address.ts";
import type { ProofEntry } from "./artifacts.ts";
import { type Hex, toHex } from "./hex.ts";
import type { KnownPaths } from "./merkle/known-paths.ts";
import { nodeBytes } from "./merkle/node.ts";

/** What an account may receive of one asset, ever, as decimal digits, and where its leaf stands. */
export type ProvenLeaf = { readonly asset: Address; readonly cumulative: string; readonly place: number };

/** The leaves of the accounts of a shard, each proven. */
export class ShardIndex {
  /** 40 hex digits an account, in EIP-55 case, ascending. */
  readonly #accounts: Uint8Array;
  /** The first entry of each account, and how many there are. */
  readonly #firsts: Uint32Array;
  readonly #places: Uint32Array;
  readonly #assets: readonly Address[];
  readonly #assetOf: Uint32Array;
  /** The cumulative amounts as decimal digits, end to end, and where each ends. */
  readonly #digits: Buffer;
  readonly #ends: Uint32Array;

  constructor(parts: ShardParts) {
    this.#accounts = Buffer.from(parts.accounts.join(""), "latin1");
    this.#firsts = Uint32Array.from([...parts.firsts, parts.places.length]);
    this.#places = Uint32Array.from(parts.places);
    this.#assets = parts.assets;
    this.#assetOf = Uint32Array.from(parts.assetOf);
    this.#digits = Buffer.from(parts.amounts.join(""), "latin1");
    let end = 0;
    this.#ends = Uint32Array.from(parts.amounts, ({ length }) => {
      end += length;
      return end;
    });
  }

  /** Bytes of memory in use. */
  get bytes(): number {
    const parts = [this.#accounts, this.#firsts, this.#places, this.#assetOf, this.#digits, this.#ends];
    return parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  /** The leaves of an account, none for one that the shard does not have. */
  leaves(account: Address): ProvenLeaf[] {
    const leaves: ProvenLeaf[] = [];
    const position = this.#positionOf(account);
    if (position === undefined) return leaves;
    for (let at = this.#firsts[position] ?? 0; at < (this.#firsts[position + 1] ?? 0); at++) {
      leaves.push(this.#leaf(at));
    }
    return leaves;
  }

  #leaf(at: number): ProvenLeaf {
    const asset = this.#assets[this.#assetOf[at] ?? 0] as Address;
    const digits = this.#digits.subarray(at === 0 ? 0 : this.#ends[at - 1], this.#ends[at]);
    return { asset, cumulative: digits.toString("latin1"), place: this.#places[at] ?? 0 };
  }

  #positionOf(account: Address): number | undefined {
    let low = 0;
    let high = this.#firsts.length - 2;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const order = this.#compare(account, middle * addressDigits);
      if (order === 0) return middle;
      if (order < 0) high = middle - 1;
      else low = middle + 1;
    }
    return undefined;
  }

  #compare(account: Address, at: number): number {
    for (let i = 0; i < addressDigits; i++) {
      const difference = account.charCodeAt(i + 2) - (this.#accounts[at + i] ?? 0);
      if (difference !== 0) return difference;
    }
    return 0;
  }
}

/** The leaves of an account as they were published. */
export function proofEntries(leaves: readonly ProvenLeaf[], paths: KnownPaths): ProofEntry[] {
  return leaves.map(({ asset, cumulative, place }) => {
    const proof: Hex[] = [];
    paths.siblings(place, (nodes, at) => proof.push(toHex(nodes, at, at + nodeBytes)));
    return { asset, cumulative, proof };
  });
}

/** The same as canonical JSON, byte for byte what the file of proofs says of the account. */
export function proofText(leaves: readonly ProvenLeaf[], paths: KnownPaths): string {
  return `[${leaves.map((leaf) => leafText(leaf, paths)).join(",")}]`;
}

function leafText({ asset, cumulative, place }: ProvenLeaf, paths: KnownPaths): string {
  const depth = paths.depth(place);
  if (codes.length < depth * proofCodes) codes = Buffer.alloc(depth * proofCodes);
  let end = 0;
  paths.siblings(place, (nodes, at) => {
    if (end > 0) codes[end++] = comma;
    codes[end] = quote;
    codes[end + 1] = zero;
    codes[end + 2] = letterX;
    end += 3;
    for (let i = at; i < at + nodeBytes; i++) {
      const both = hexCodes[nodes[i] ?? 0] ?? 0;
      codes[end++] = both >> 8;
      codes[end++] = both & 0xff;
    }
    codes[end++] = quote;
  });
  return `{"asset":"${asset}","cumulative":"${cumulative}","proof":[${codes.toString("latin1", 0, end)}]}`;
}

// A hash with its 0x, quotes and comma.
const proofCodes = 2 * nodeBytes + 5;
let codes = Buffer.alloc(32 * proofCodes);
const [comma, quote, zero, letterX] = [",", '"', "0", "x"].map((letter) => letter.charCodeAt(0)) as [
  ...[number, number, number, number],
];
const hexDigits = "0123456789abcdef";
const hexCodes = Uint16Array.from({ length: 256 }, (_, byte) => {
  return (hexDigits.charCodeAt(byte >> 4) << 8) | hexDigits.charCodeAt(byte & 15);
});

type ShardParts = {
  readonly accounts: readonly string[];
  readonly firsts: readonly number[];
  readonly places: readonly number[];
  readonly assets: readonly Address[];
  readonly assetOf: readonly number[];
  readonly amounts: readonly string[];
};

/** Collects what a shard shows, in the order of its file. */
export class ShardBuilder {
  readonly #accounts: string[] = [];
  readonly #firsts: number[] = [];
  readonly #places: number[] = [];
  readonly #assets = new Map<Address, number>();
  readonly #assetOf: number[] = [];
  readonly #amounts: string[] = [];

  /** Begins an account, whose entries follow. False, with nothing added, unless it comes after all before it. */
  addAccount(account: Address): boolean {
    const digits = account.slice(2);
    if (digits <= (this.#accounts.at(-1) ?? "")) return false;
    this.#accounts.push(digits);
    this.#firsts.push(this.#places.length);
    return true;
  }

  /** Adds a leaf of the account begun last. */
  addLeaf({ asset, cumulative, place }: ProvenLeaf): void {
    const number = this.#assets.get(asset) ?? this.#assets.size;
    this.#assets.set(asset, number);
    this.#assetOf.push(number);
    this.#amounts.push(cumulative);
    this.#places.push(place);
  }

  /** The index of everything added. */
  build(): ShardIndex {
    return new ShardIndex({
      ...{ accounts: this.#accounts, firsts: this.#firsts, places: this.#places },
      ...{ assets: [...this.#assets.keys()], assetOf: this.#assetOf, amounts: this.#amounts },
    });
  }
}

// Digits of an address, without its 0x.
const addressDigits = 40;
