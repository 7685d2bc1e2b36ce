import { StandardMerkleTree } from "@openzeppelin/merkle-tree";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openZeppelinDump } from "../../../offchain/core/merkle/dump.ts";
import {
  earningEncoding,
  earningHashes,
  type Leaf,
  leafHash,
  leafHashes,
} from "../../../offchain/core/merkle/leaf.ts";
import { sortedOrder } from "../../../offchain/core/merkle/sort.ts";
import { buildTree, type MerkleTree } from "../../../offchain/core/merkle/tree.ts";
import { anyAddress, anyLeaf, anyUint256, bothTrees, manyLeaves } from "./arbitrary.ts";

describe("given the same leaves as OpenZeppelin's StandardMerkleTree", () => {
  test("any leaves, repeated ones too, give the same array, node for node", () => {
    const leaves = fc.array(anyLeaf, { minLength: 1, maxLength: 40 });
    const withRepeats = leaves.chain((list) =>
      fc.array(fc.constantFrom(...list), { maxLength: 10 }).map((again) => [...list, ...again]),
    );
    fc.assert(
      fc.property(withRepeats, (list) => {
        const { ours, theirs } = bothTrees(list);
        expect(dumpOf(ours, list)).toEqual(JSON.parse(JSON.stringify(theirs.dump(), digits)));
        expect(ours.root).toBe(theirs.root);
      }),
    );
  });

  test("any earnings give the same root", () => {
    const row = fc.tuple(fc.maxSafeNat(), anyAddress, anyAddress, anyUint256);
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 20 }), (rows) => {
        const ours = buildTree(
          earningHashes(rows.map(([epoch, account, asset, earned]) => ({ epoch, account, asset, earned }))),
        );
        expect(ours.root).toBe(StandardMerkleTree.of(rows, [...earningEncoding]).root);
      }),
    );
  });

  test.each([1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 31, 32, 33, 64, 65, 127, 128, 129, 1000, 1024, 1025])(
    "%d leaves give the same array, and the dump loads",
    (count) => {
      const leaves = manyLeaves(count);
      const { ours, theirs } = bothTrees(leaves);
      const dump = dumpOf(ours, leaves);
      expect(dump).toEqual(JSON.parse(JSON.stringify(theirs.dump(), digits)));
      const loaded = StandardMerkleTree.load(dump);
      expect(loaded.root).toBe(ours.root);
    },
  );
});

function dumpOf(tree: MerkleTree, leaves: readonly Leaf[]) {
  type Dump = ReturnType<StandardMerkleTree<[string, string, string]>["dump"]>;
  return JSON.parse([...openZeppelinDump(tree, leaves)].join("")) as Dump;
}

// The library's own values hold bigints here, which JSON has not.
function digits(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}

test("given one leaf, the root is its hash", () => {
  const [leaf] = manyLeaves(1);
  if (leaf === undefined) throw new Error("unreachable");
  const tree = buildTree(leafHashes([leaf]));
  expect(tree.root).toBe(leafHash(leaf));
  expect(tree.size).toBe(1);
});

test("given the leaves in another order, the root is the same", () => {
  const leaves = fc.array(anyLeaf, { minLength: 1, maxLength: 60 });
  const twoOrders = leaves.chain((list) =>
    fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
  );
  fc.assert(
    fc.property(twoOrders, ([one, other]) => {
      expect(buildTree(leafHashes(one)).root).toBe(buildTree(leafHashes(other)).root);
    }),
  );
});

test("given hashes as a view into a larger buffer, at any offset, they are read from there and left as they were", () => {
  const hashes = leafHashes(manyLeaves(9));
  const around = new Uint8Array(hashes.length + 10).fill(255);
  around.set(hashes, 3);
  const view = around.subarray(3, 3 + hashes.length);
  expect(buildTree(view).root).toBe(buildTree(hashes).root);
  expect(view).toEqual(hashes);
});

test("given no leaf, or a torn hash, building throws", () => {
  expect(() => buildTree(new Uint8Array())).toThrow(expect.objectContaining({ code: "empty-tree" }));
  expect(() => buildTree(new Uint8Array(33))).toThrow(expect.objectContaining({ code: "torn-hashes" }));
});

describe("given hashes to sort", () => {
  const reference = (hashes: Uint8Array): number[] =>
    Array.from({ length: hashes.length / 32 }, (_, i) => i).sort((a, b) =>
      Buffer.compare(hashes.subarray(32 * a, 32 * a + 32), hashes.subarray(32 * b, 32 * b + 32)),
    );

  test("spread evenly or sharing long prefixes or equal, they come in byte order, equal ones as given", () => {
    const spread = fc.uint8Array({ minLength: 32, maxLength: 32 });
    const close = fc
      .tuple(fc.nat(31), fc.integer({ min: 0, max: 255 }))
      .map(([at, byte]) => new Uint8Array(32).fill(7).fill(byte, at, at + 1));
    fc.assert(
      fc.property(fc.array(fc.oneof(spread, close), { maxLength: 100 }), (list) => {
        const hashes = new Uint8Array(Buffer.concat(list));
        expect([...sortedOrder(hashes)]).toEqual(reference(hashes));
      }),
    );
  });

  test("more than 2^21 of them, where an index leaves fewer bits of the hash to sort by, still come in order", () => {
    const count = 2 ** 21 + 3;
    const hashes = new Uint8Array(32 * count);
    const words = new Uint32Array(hashes.buffer);
    for (let i = 0; i < count; i++) words[8 * i] = Math.imul(i, 0x9e3779b1);
    const order = sortedOrder(hashes);
    const first = (index: number): number => new DataView(hashes.buffer).getUint32(32 * index);
    let ascending = 0;
    for (let i = 1; i < count; i++) if (first(order[i - 1] ?? 0) <= first(order[i] ?? 0)) ascending++;
    expect(ascending).toBe(count - 1);
    expect(new Set(order).size).toBe(count);
  });
});

test("given the tree's own order, it holds every entry once, and siblings stand side by side", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), (count) => {
      const tree = buildTree(leafHashes(manyLeaves(count)));
      const order = [...tree.treeOrder()];
      expect(order.toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
      const depths = order.map((index) => Math.floor(Math.log2(tree.position(index) + 1)));
      expect(depths).toEqual(depths.toSorted((a, b) => b - a));
      const place = new Map(order.map((index, at) => [tree.position(index), at]));
      for (const [position, at] of place) {
        const right = place.get(position + 1);
        if (position % 2 === 1 && right !== undefined) expect(right).toBe(at + 1);
      }
    }),
  );
});
