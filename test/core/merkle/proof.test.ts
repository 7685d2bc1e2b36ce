import fc from "fast-check";
import { keccak256 } from "viem";
import { describe, expect, test } from "vitest";
import { verifyProof } from "../../../offchain/core/merkle/proof.ts";
import { anyLeaf, bothTrees, manyLeaves } from "./arbitrary.ts";

const anyIndexIn = <T>(list: readonly T[]): fc.Arbitrary<number> => fc.nat(list.length - 1);
const leavesAndIndex = fc
  .array(anyLeaf, { minLength: 1, maxLength: 40 })
  .chain((leaves) => fc.tuple(fc.constant(leaves), anyIndexIn(leaves)));

describe("given a tree and one of its entries", () => {
  test("the proof equals OpenZeppelin's and verifies", () => {
    fc.assert(
      fc.property(leavesAndIndex, ([leaves, index]) => {
        const { ours, theirs } = bothTrees(leaves);
        const proof = ours.proof(index);
        expect(proof).toEqual(theirs.getProof(index));
        expect(verifyProof({ root: ours.root, leaf: ours.node(ours.position(index)), proof })).toBe(true);
      }),
    );
  });

  test.each([1, 2, 3, 4, 5, 8, 9, 1000])("in a tree of %d, every proof equals OpenZeppelin's", (count) => {
    const { ours, theirs } = bothTrees(manyLeaves(count));
    for (let i = 0; i < count; i += count > 100 ? 37 : 1) expect(ours.proof(i)).toEqual(theirs.getProof(i));
  });

  test("another leaf, another root, a changed, missing, added or swapped sibling does not verify", () => {
    const { ours } = bothTrees(manyLeaves(11));
    const [root, leaf, proof] = [ours.root, ours.node(ours.position(4)), ours.proof(4)];
    expect(verifyProof({ root, leaf, proof })).toBe(true);
    const flip = (hex: string): string => hex.slice(0, -1) + (hex.endsWith("0") ? "1" : "0");
    expect(verifyProof({ root: flip(root), leaf, proof })).toBe(false);
    expect(verifyProof({ root, leaf: flip(leaf), proof })).toBe(false);
    for (const at of proof.keys()) {
      expect(verifyProof({ root, leaf, proof: proof.with(at, flip(proof[at] ?? "") as "0x") })).toBe(false);
      expect(verifyProof({ root, leaf, proof: proof.toSpliced(at, 1) })).toBe(false);
      expect(verifyProof({ root, leaf, proof: proof.toSpliced(at, 0, leaf) })).toBe(false);
    }
    expect(verifyProof({ root, leaf, proof: proof.toReversed() })).toBe(false);
  });

  test.each([
    "",
    "0x",
    "0x12",
    "no hex at all",
    `0x${"g".repeat(64)}`,
    `0X${"0".repeat(64)}`,
    `0x${"0".repeat(66)}`,
  ])("what is not 32 bytes of hex, as %j, does not verify and does not throw", (bad) => {
    const { ours } = bothTrees(manyLeaves(2));
    const [root, leaf, proof] = [ours.root, ours.node(1), ours.proof(0)];
    expect(verifyProof({ root: bad, leaf, proof })).toBe(false);
    expect(verifyProof({ root, leaf: bad, proof })).toBe(false);
    expect(verifyProof({ root, leaf, proof: [bad] })).toBe(false);
  });

  test("upper-case hex verifies as lower-case does", () => {
    const { ours } = bothTrees(manyLeaves(5));
    const upper = (hex: string): string => `0x${hex.slice(2).toUpperCase()}`;
    const leaf = upper(ours.node(ours.position(2)));
    expect(verifyProof({ root: upper(ours.root), leaf, proof: ours.proof(2).map(upper) })).toBe(true);
  });
});

test("given a sibling that cannot be read, nothing else takes its place, not even zeros that would fit", () => {
  const leaf = `0x${"11".repeat(32)}`;
  const root = keccak256(`0x${"00".repeat(32)}${"11".repeat(32)}`);
  expect(verifyProof({ root, leaf, proof: [`0x${"00".repeat(32)}`] })).toBe(true);
  expect(verifyProof({ root, leaf, proof: ["0x"] })).toBe(false);
});

test("given an index that is no entry, it throws no-such-entry", () => {
  const { ours } = bothTrees(manyLeaves(3));
  for (const index of [-1, 3, 0.5, Number.NaN]) {
    expect(() => ours.proof(index)).toThrow(expect.objectContaining({ code: "no-such-entry" }));
    expect(() => ours.multiproof([index])).toThrow(expect.objectContaining({ code: "no-such-entry" }));
  }
  for (const position of [-1, 5, Number.NaN]) {
    expect(() => ours.node(position)).toThrow(expect.objectContaining({ code: "no-such-entry" }));
  }
});
