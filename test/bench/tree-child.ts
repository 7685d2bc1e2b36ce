import { StandardMerkleTree } from "@openzeppelin/merkle-tree";
import { zeroAddress } from "../../offchain/core/address.ts";
import { keccak256 } from "../../offchain/core/hash.ts";
import { toHex } from "../../offchain/core/hex.ts";
import { type Leaf, leafEncoding, leafHashes } from "../../offchain/core/merkle/leaf.ts";
import { buildTree } from "../../offchain/core/merkle/tree.ts";

/** One measurement of one builder, made in a process of its own and printed as JSON. */
export type TreeMeasurement = {
  readonly microsecondsPerLeaf: number;
  readonly root: string;
  readonly inputMiB: number;
  readonly peakMiB: number;
};

const builders = {
  payroot: (leaves: readonly Leaf[]) => buildTree(leafHashes(leaves)).root,
  openzeppelin: (leaves: readonly Leaf[]) =>
    StandardMerkleTree.of(
      leaves.map(({ account, asset, cumulative }) => [account, asset, cumulative]),
      [...leafEncoding],
    ).root,
  keccak: (leaves: readonly Leaf[]) => {
    const pair = new Uint8Array(64);
    for (const _ of leaves) pair.set(keccak256(pair));
    return toHex(pair);
  },
};

/** What can be measured: the two builders, and one bare keccak-256 of 64 bytes a leaf as the limit. */
export type Builder = keyof typeof builders;

const [builder, count] = process.argv.slice(2);
const leaves = makeLeaves(Number(count));
const inputMiB = process.memoryUsage().rss / 2 ** 20;
const started = performance.now();
const root = builders[builder as Builder](leaves);
const elapsed = performance.now() - started;
const measurement: TreeMeasurement = {
  microsecondsPerLeaf: (elapsed * 1000) / leaves.length,
  root,
  inputMiB,
  peakMiB: process.resourceUsage().maxRSS / 2 ** 10,
};
console.log(JSON.stringify(measurement));

/** The same leaves each time: accounts from a counter's bits spread by a multiplication, amounts of some 10^18. */
function makeLeaves(wanted: number): Leaf[] {
  const bytes = new Uint8Array(20);
  const words = new Uint32Array(bytes.buffer);
  return Array.from({ length: wanted }, (_, i) => {
    for (const at of words.keys()) words[at] = Math.imul(i + 1, 0x9e3779b1 + 2 * at);
    return { account: toHex(bytes), asset: zeroAddress, cumulative: 10n ** 18n + BigInt(i) };
  });
}
