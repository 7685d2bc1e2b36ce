import fc from "fast-check";
import { keccak256 } from "viem";
import { describe, expect, test } from "vitest";
import { verifyMultiproof } from "../../../offchain/core/merkle/multiproof.ts";
import { anyLeaf, bothTrees, manyLeaves, valuesOf } from "./arbitrary.ts";

const leavesAndSome = fc
  .uniqueArray(anyLeaf, { minLength: 1, maxLength: 40, selector: (leaf) => leaf.account })
  .chain((leaves) => fc.tuple(fc.constant(leaves), fc.shuffledSubarray([...leaves.keys()])));

describe("given a tree and some of its entries", () => {
  test("the multiproof and the order of its leaves equal OpenZeppelin's, and it verifies", () => {
    fc.assert(
      fc.property(leavesAndSome, ([leaves, indices]) => {
        const { ours, theirs } = bothTrees(leaves);
        const { order, ...multiproof } = ours.multiproof(indices);
        const expected = theirs.getMultiProof(indices);
        expect(order.map((i) => valuesOf(leaves)[i])).toEqual(expected.leaves);
        expect(multiproof.leaves).toEqual(order.map((i) => ours.node(ours.position(i))));
        expect(multiproof.proof).toEqual(expected.proof);
        expect(multiproof.flags).toEqual(expected.proofFlags);
        expect(verifyMultiproof({ root: ours.root, ...multiproof })).toBe(true);
      }),
    );
  });

  test.each([1, 2, 3, 4, 5, 16, 17, 1000])("all of %d together equal OpenZeppelin's", (count) => {
    const { ours, theirs } = bothTrees(manyLeaves(count));
    const all = Array.from({ length: count }, (_, i) => i);
    const expected = theirs.getMultiProof(all);
    expect(ours.multiproof(all)).toMatchObject({ proof: [], flags: expected.proofFlags });
    expect(expected.proof).toEqual([]);
  });

  test("neighbours of the tree's order need a shorter proof than as many entries far apart", () => {
    const { ours } = bothTrees(manyLeaves(1000));
    const order = [...ours.treeOrder()];
    for (let from = 0; from + 50 <= order.length; from += 50) {
      expect(ours.multiproof(order.slice(from, from + 50)).proof.length).toBeLessThanOrEqual(14);
    }
    const apart = order.filter((_, at) => at % 20 === 0);
    expect(ours.multiproof(apart).proof.length).toBeGreaterThan(150);
  });

  test("an entry named twice is refused, wherever it stands", () => {
    const { ours } = bothTrees(manyLeaves(3));
    const repeats = [
      [0, 0],
      [1, 1],
      [2, 2],
      [0, 1, 2, 0],
      [0, 1, 2, 1],
      [0, 1, 2, 2],
    ];
    for (const indices of repeats) {
      expect(() => ours.multiproof(indices)).toThrow(expect.objectContaining({ code: "repeated-entry" }));
    }
  });
});

describe("given a multiproof that was tampered with", () => {
  const { ours } = bothTrees(manyLeaves(23));
  const { order: _, ...multiproof } = ours.multiproof([1, 4, 7, 8, 15]);
  const good = { root: ours.root, ...multiproof };
  const flip = (hex: string): string => hex.slice(0, -1) + (hex.endsWith("0") ? "1" : "0");

  test("it verified before", () => {
    expect(verifyMultiproof(good)).toBe(true);
  });

  test("a changed, missing, added or malformed hash or flag does not verify and does not throw", () => {
    expect(verifyMultiproof({ ...good, root: flip(good.root) })).toBe(false);
    for (const part of ["leaves", "proof"] as const) {
      const hashes: readonly string[] = good[part];
      for (const [at, hash] of hashes.entries()) {
        for (const bad of [flip(hash), "0x12", "", `0x${"g".repeat(64)}`]) {
          expect(verifyMultiproof({ ...good, [part]: hashes.with(at, bad) })).toBe(false);
        }
        expect(verifyMultiproof({ ...good, [part]: hashes.toSpliced(at, 1) })).toBe(false);
        expect(verifyMultiproof({ ...good, [part]: hashes.toSpliced(at, 0, hash) })).toBe(false);
      }
    }
    for (const [at, flag] of good.flags.entries()) {
      expect(verifyMultiproof({ ...good, flags: good.flags.with(at, !flag) })).toBe(false);
      expect(verifyMultiproof({ ...good, flags: good.flags.toSpliced(at, 1) })).toBe(false);
    }
  });

  test("flags that take hashes not there yet do not verify", () => {
    const leaf = good.leaves[0] ?? "0x";
    const withZeros = keccak256(`0x${"00".repeat(32)}${leaf.slice(2)}`);
    expect(verifyMultiproof({ root: withZeros, leaves: [leaf], proof: [leaf], flags: [true] })).toBe(false);
    expect(verifyMultiproof({ root: good.root, leaves: [leaf], proof: [leaf], flags: [true] })).toBe(false);
    expect(verifyMultiproof({ root: good.root, leaves: [], proof: [leaf, leaf], flags: [false] })).toBe(
      false,
    );
    expect(verifyMultiproof({ root: good.root, leaves: [leaf, leaf], proof: [], flags: [false] })).toBe(
      false,
    );
  });

  test("no leaf at all holds for the root alone, as it does on chain", () => {
    expect(verifyMultiproof({ root: good.root, leaves: [], proof: [good.root], flags: [] })).toBe(true);
    expect(verifyMultiproof({ root: good.root, leaves: [], proof: [flip(good.root)], flags: [] })).toBe(
      false,
    );
    expect(verifyMultiproof({ root: "0x", leaves: [], proof: ["0x"], flags: [] })).toBe(false);
    expect(verifyMultiproof({ root: good.root, leaves: [], proof: [], flags: [] })).toBe(false);
  });
});
