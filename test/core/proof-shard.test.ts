import fc from "fast-check";
import { expect, test } from "vitest";
import { zeroAddress } from "../../offchain/core/address.ts";
import { jsonBytes, type ProofEntry, type ProofShard } from "../../offchain/core/artifacts.ts";
import { canonicalJson } from "../../offchain/core/canonical.ts";
import { KnownPaths } from "../../offchain/core/merkle/known-paths.ts";
import { leafHashes } from "../../offchain/core/merkle/leaf.ts";
import { buildTree } from "../../offchain/core/merkle/tree.ts";
import { proofEntries, proofText, type ShardIndex } from "../../offchain/core/proof-index.ts";
import { indexShard } from "../../offchain/core/proof-shard.ts";
import { leavesOf, spreadAccount } from "../support/proofs.ts";

/** All accounts in one file, as if they began with the same digits. */
function shardOf(accounts: number): { bytes: Uint8Array; shard: ProofShard } {
  const own = leavesOf(Array.from({ length: accounts }, (_, index) => spreadAccount(index)));
  const leaves = own.flatMap((leaf, index) =>
    index % 4 === 0 ? [leaf, { ...leaf, asset: spreadAccount(0) }] : leaf,
  );
  const tree = buildTree(leafHashes(leaves));
  const entries: Record<string, ProofEntry[]> = {};
  for (const [index, { account, asset, cumulative }] of leaves.entries()) {
    entries[account] ??= [];
    entries[account].push({ asset, cumulative: String(cumulative), proof: tree.proof(index) });
  }
  const shard = { format: "payroot/proofs@1", epoch: 3, root: tree.root, accounts: entries } as const;
  return { bytes: jsonBytes(shard), shard };
}

function read(
  bytes: Uint8Array,
  { root, epoch }: ProofShard,
  leaves: number,
): { index: ShardIndex; paths: KnownPaths } {
  const paths = new KnownPaths({ root, leaves });
  const steps = indexShard(bytes, { file: "f", root, epoch, paths });
  for (let step = steps.next(); ; step = steps.next())
    if (step.done === true) return { index: step.value, paths };
}

test.each([1, 2, 3, 4, 5, 8, 9, 100])(
  "given the proofs of %i accounts, then they are read and told again as they were",
  (accounts) => {
    const { bytes, shard } = shardOf(accounts);
    const leaves = Object.values(shard.accounts).flat().length;
    const { index, paths } = read(bytes, shard, leaves);
    for (const [account, entries] of Object.entries(shard.accounts)) {
      const found = index.leaves(account as `0x${string}`);
      expect(proofEntries(found, paths)).toEqual(entries);
      expect(proofText(found, paths)).toBe(canonicalJson(entries));
    }
    for (const stranger of [zeroAddress, spreadAccount(1000)]) expect(index.leaves(stranger)).toEqual([]);
  },
);

test("given a byte that is another, left out or put in, then the file is refused", () => {
  const { bytes, shard } = shardOf(40);
  const leaves = Object.values(shard.accounts).flat().length;
  const change = fc.record({
    at: fc.nat(bytes.length - 1),
    kind: fc.constantFrom("another", "left out", "put in"),
    byte: fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('"0123456789abcdef[]{},:'))),
  });
  fc.assert(
    fc.property(change, ({ at, kind, byte }) => {
      fc.pre(
        kind !== "another" ||
          String.fromCharCode(bytes[at] ?? 0).toLowerCase() !== String.fromCharCode(byte).toLowerCase(),
      );
      const before = bytes.subarray(0, at);
      const after = bytes.subarray(kind === "put in" ? at : at + 1);
      const changed = Buffer.concat([before, kind === "left out" ? Buffer.alloc(0) : Buffer.of(byte), after]);
      fc.pre(Buffer.compare(changed, bytes) !== 0);
      expect(() => read(changed, shard, leaves)).toThrow(expect.objectContaining({ code: "proof-mismatch" }));
    }),
    { numRuns: 1500 },
  );
});

test("given proofs of another tree, or of another size than was said, then the file is refused", () => {
  const { bytes, shard } = shardOf(40);
  const other = shardOf(41).shard;
  const refused = expect.objectContaining({ code: "proof-mismatch" });
  expect(() => read(bytes, other, 52)).toThrow(refused);
  expect(() => read(bytes, { ...shard, epoch: 4 }, 50)).toThrow(refused);
  expect(() => read(bytes, shard, 20)).toThrow(refused);
  expect(() => read(bytes, shard, 50)).not.toThrow();
});
