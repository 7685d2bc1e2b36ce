import fc from "fast-check";
import { expect, test } from "vitest";
import { claimBatches } from "../../offchain/chain/batch.ts";
import { zeroAddress } from "../../offchain/core/address.ts";
import { type Leaf, leafHash, leafHashes } from "../../offchain/core/merkle/leaf.ts";
import { verifyMultiproof } from "../../offchain/core/merkle/multiproof.ts";
import { buildTree } from "../../offchain/core/merkle/tree.ts";

function treeOf(size: number) {
  const leaves: Leaf[] = Array.from({ length: size }, (_, i) => ({
    account: `0x${(i + 1).toString(16).padStart(40, "a")}`,
    asset: zeroAddress,
    cumulative: BigInt(i + 1),
  }));
  return { leaves, tree: buildTree(leafHashes(leaves)) };
}

test("whatever is wanted comes once, in batches no larger than asked, each with a sound proof", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 70 }),
      fc.infiniteStream(fc.boolean()),
      fc.integer({ min: 1, max: 20 }),
      (n, choice, size) => {
        const { leaves, tree } = treeOf(n);
        const wanted = leaves.flatMap((_, i) => (choice.next().value ? [i] : []));
        const batches = claimBatches({ tree, leaves, wanted, size });
        const taken = batches.flatMap((batch) => batch.leaves.map((leaf) => Number(leaf.cumulative) - 1));
        expect(taken.toSorted((a, b) => a - b)).toEqual(wanted);
        for (const { leaves: chosen, proof, flags } of batches) {
          expect(chosen.length).toBeLessThanOrEqual(size);
          const statement = { root: tree.root, leaves: chosen.map(leafHash), proof, flags };
          expect(verifyMultiproof(statement)).toBe(true);
        }
      },
    ),
  );
});

test("given all of a thousand leaves, neighbours need a twentieth of the hashes that the given order needs", () => {
  const { leaves, tree } = treeOf(1000);
  const wanted = leaves.map((_, i) => i);
  const neighbours = claimBatches({ tree, leaves, wanted, size: 200 });
  expect(neighbours).toHaveLength(5);
  for (const { proof } of neighbours) expect(proof.length).toBeLessThanOrEqual(14);
  expect(tree.multiproof(wanted.slice(0, 200)).proof.length).toBeGreaterThan(14 * 20);
});

test("a batch of none is refused", () => {
  const { leaves, tree } = treeOf(2);
  expect(() => claimBatches({ tree, leaves, wanted: [0], size: 0 })).toThrow(/at least one/);
});
