import { PayrootError } from "../errors.ts";
import type { Address } from "./address.ts";
import type { Hash } from "./artifacts.ts";
import type { KnownPaths } from "./merkle/known-paths.ts";
import { writeLeafHash } from "./merkle/leaf.ts";
import { nodeBytes } from "./merkle/node.ts";
import { ShardBuilder, type ShardIndex } from "./proof-index.ts";

/** What a file of proofs must be of, and where what it shows is kept. */
export type ShardContext = {
  /** Its name, for errors. */
  readonly file: string;
  readonly epoch: number;
  readonly root: Hash;
  /** What is known of the epoch's tree, from this file and others. */
  readonly paths: KnownPaths;
};

/**
 * Reads the bytes of `proofs/{shard}.json`, canonical as they were published, and folds every proof to the root; gives
 * way after each account. Throws `proof-mismatch` for anything else.
 */
export function* indexShard(bytes: Uint8Array, context: ShardContext): Generator<void, ShardIndex> {
  const scanner = new Scanner(bytes, context);
  const index = new ShardBuilder();
  scanner.expect('{"accounts":{');
  for (let first = true; first || scanner.accepts(","); first = false) {
    const account = scanner.address();
    if (!index.addAccount(account)) throw mismatch(context, `${account} out of order`);
    scanner.expect(":[");
    do {
      const { asset, cumulative, siblings } = scanner.entry(account);
      const place = context.paths.add(scanner.way, siblings);
      if (place === undefined) throw mismatch(context, `no way from the leaf of ${account}`);
      index.addLeaf({ asset, cumulative, place });
    } while (scanner.accepts(","));
    scanner.expect("]");
    yield;
  }
  scanner.expect(`},"epoch":${context.epoch},"format":"payroot/proofs@1","root":"${context.root}"}`);
  if (!scanner.ended) throw mismatch(context, "more than a file of format payroot/proofs@1");
  return index.build();
}

const addressDigits = 40;
// No tree that fits anywhere is deeper.
const mostSiblings = 64;

/** Reads the bytes of a shard from left to right. */
class Scanner {
  /** The way of the entry read last: its leaf's hash and its siblings, end to end. */
  readonly way = new Uint8Array((mostSiblings + 1) * nodeBytes);
  readonly #bytes: Buffer;
  readonly #context: ShardContext;
  #at = 0;

  constructor(bytes: Uint8Array, context: ShardContext) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#context = context;
  }

  get ended(): boolean {
    return this.#at === this.#bytes.length;
  }

  accepts(text: string): boolean {
    for (let i = 0; i < text.length; i++) {
      if (this.#bytes[this.#at + i] !== text.charCodeAt(i)) return false;
    }
    this.#at += text.length;
    return true;
  }

  expect(text: string): void {
    if (!this.accepts(text)) throw mismatch(this.#context, `no ${text.slice(0, 80)} at byte ${this.#at}`);
  }

  address(): Address {
    this.expect('"0x');
    const digits = this.#bytes.toString("latin1", this.#at, this.#at + addressDigits);
    if (!addressShape.test(digits)) throw mismatch(this.#context, `no address at byte ${this.#at}`);
    this.#at += addressDigits;
    this.expect('"');
    return `0x${digits}`;
  }

  entry(account: Address): { asset: Address; cumulative: string; siblings: number } {
    this.expect('{"asset":');
    const asset = this.address();
    this.expect(',"cumulative":"');
    const cumulative = this.#amount();
    writeLeafHash({ account, asset, cumulative: BigInt(cumulative) }, this.way, 0);
    this.expect('","proof":[');
    let siblings = 0;
    while (siblings < mostSiblings && (siblings === 0 ? this.accepts('"') : this.accepts(',"'))) {
      siblings += 1;
      this.#hash(siblings * nodeBytes);
    }
    this.expect("]}");
    return { asset, cumulative, siblings };
  }

  #amount(): string {
    let end = this.#at;
    while (((this.#bytes[end] ?? 0) ^ 0x30) < 10) end += 1;
    const amount = this.#bytes.toString("latin1", this.#at, end);
    // A uint256 has at most 78 digits.
    if (!/^[1-9]\d{0,77}$/.test(amount)) throw mismatch(this.#context, `no amount at byte ${this.#at}`);
    this.#at = end;
    return amount;
  }

  #hash(target: number): void {
    this.expect("0x");
    let seen = 0;
    for (let i = 0; i < nodeBytes; i++) {
      const high = nibbles[this.#bytes[this.#at++] ?? 0] ?? 16;
      const low = nibbles[this.#bytes[this.#at++] ?? 0] ?? 16;
      seen |= high | low;
      this.way[target + i] = (high << 4) | low;
    }
    if (seen > 15) throw mismatch(this.#context, `no hash before byte ${this.#at}`);
    this.expect('"');
  }
}

const addressShape = /^[0-9a-fA-F]{40}$/;
// Published hashes are in lower case.
const nibbles = new Uint8Array(256).fill(16);
for (let i = 0; i < 16; i++) nibbles["0123456789abcdef".charCodeAt(i)] = i;

function mismatch({ file, root }: ShardContext, found: string): PayrootError {
  return proofMismatch({ file, expected: root, found });
}

/** The error for published proofs that are not what the epoch's root stands for. */
export function proofMismatch(facts: { file: string; expected: string; found: string }): PayrootError {
  return new PayrootError("proof-mismatch", "A published proof does not lead to its epoch's root.", {
    facts,
    next: "take the file from another mirror, and tell the operator",
    exitCode: 3,
  });
}
