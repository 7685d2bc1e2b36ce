import { type Hex, writeHex } from "../hex.ts";
import { nodeBytes, parentHash } from "./node.ts";

/**
 * What proofs have shown of a tree, each node once: every node here leads to the root. A path is checked when it is
 * added, by hashing upwards until a node that is known; after that it is told again without hashing anything.
 */
export class KnownPaths {
  readonly #root: number;
  /** Two nodes a pair, the root behind them all: node n has its sibling at n ^ 1. */
  readonly #nodes: Uint8Array;
  /** The parent node of each pair. */
  readonly #parents: Uint32Array;
  /** Node + 1 by the first bits of its hash, in the next free place. */
  readonly #slots: Uint32Array;
  #pairs = 0;

  /** Nothing but the root of a tree of `leaves` leaves, at least one; false roots lead nowhere. */
  constructor({ root, leaves }: { readonly root: Hex; readonly leaves: number }) {
    this.#root = 2 * (leaves - 1);
    // Memory that was never written to is not taken from the system yet.
    this.#nodes = new Uint8Array((this.#root + 1) * nodeBytes);
    this.#parents = new Uint32Array(leaves - 1);
    this.#slots = new Uint32Array(2 ** Math.ceil(Math.log2(2 * (this.#root + 1))));
    writeHex(root, this.#nodes, this.#root * nodeBytes, nodeBytes);
    this.#enter(this.#root);
  }

  /** Bytes of memory in use. */
  get bytes(): number {
    return this.#pairs * (2 * nodeBytes + 4) + this.#slots.byteLength;
  }

  /**
   * Adds the way of a leaf: `way` holds its hash and then `siblings` hashes, from the leaf up, end to end. Returns the
   * leaf's place, or undefined, with nothing changed, when the way does not lead to the root.
   */
  add(way: Uint8Array, siblings: number): number | undefined {
    // The way from the leaf up to the first known node, each with its sibling, as they will stand here.
    const climbed: Uint8Array[] = [];
    const pair = new Uint8Array(2 * nodeBytes);
    pair.set(way.subarray(0, nodeBytes));
    let known = this.#find(pair);
    while (known === undefined) {
      if (climbed.length === siblings) return undefined;
      const at = (climbed.length + 1) * nodeBytes;
      pair.set(way.subarray(at, at + nodeBytes), nodeBytes);
      climbed.push(pair.slice());
      pair.set(parentHash(pair, 0));
      known = this.#find(pair);
    }
    if (!this.#leadsUp(known, way, climbed.length, siblings)) return undefined;
    if (this.#pairs + climbed.length > this.#parents.length) return undefined;
    for (const both of climbed.toReversed()) known = this.#addPair(both, known);
    return known;
  }

  /** How many hashes the proof of the leaf at `place` has. */
  depth(place: number): number {
    let depth = 0;
    for (let node = place; node !== this.#root; node = this.#parentOf(node)) depth += 1;
    return depth;
  }

  /** Calls `visit` with where in `nodes` each sibling of the way begins, from the leaf at `place` up. */
  siblings(place: number, visit: (nodes: Uint8Array, at: number) => void): void {
    for (let node = place; node !== this.#root; node = this.#parentOf(node)) {
      visit(this.#nodes, (node ^ 1) * nodeBytes);
    }
  }

  /** Whether the rest of a way, after `used` siblings, is the one known from `node` up. */
  #leadsUp(node: number, way: Uint8Array, used: number, siblings: number): boolean {
    let next = used;
    for (let at = node; at !== this.#root; at = this.#parentOf(at)) {
      next += 1;
      if (next > siblings || !this.#equals(at ^ 1, way, next * nodeBytes)) return false;
    }
    return next === siblings;
  }

  #addPair(both: Uint8Array, parent: number): number {
    const node = 2 * this.#pairs;
    this.#nodes.set(both, node * nodeBytes);
    this.#parents[this.#pairs] = parent;
    this.#pairs += 1;
    this.#enter(node);
    this.#enter(node + 1);
    return node;
  }

  #parentOf(node: number): number {
    return this.#parents[node >> 1] ?? this.#root;
  }

  #enter(node: number): void {
    let slot = this.#slotOf(this.#nodes, node * nodeBytes);
    while (this.#slots[slot] !== 0) slot = (slot + 1) & (this.#slots.length - 1);
    this.#slots[slot] = node + 1;
  }

  /** The node whose hash `bytes` begins with. */
  #find(bytes: Uint8Array): number | undefined {
    for (let slot = this.#slotOf(bytes, 0); ; slot = (slot + 1) & (this.#slots.length - 1)) {
      const node = (this.#slots[slot] ?? 0) - 1;
      if (node < 0) return undefined;
      if (this.#equals(node, bytes, 0)) return node;
    }
  }

  // Hashes are evenly spread: any bits of them will do.
  #slotOf(bytes: Uint8Array, at: number): number {
    const [a = 0, b = 0, c = 0, d = 0] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
    return ((a << 24) | (b << 16) | (c << 8) | d) & (this.#slots.length - 1);
  }

  #equals(node: number, bytes: Uint8Array, at: number): boolean {
    for (let i = 0; i < nodeBytes; i++) {
      if (this.#nodes[node * nodeBytes + i] !== bytes[at + i]) return false;
    }
    return true;
  }
}
