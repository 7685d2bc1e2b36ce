import type { Hex } from "../hex.ts";
import type { MerkleTree } from "./tree.ts";

/** What OpenZeppelin's `StandardMerkleTree.dump` gives and its `load` takes. */
export type OpenZeppelinDump<Value> = {
  readonly format: "standard-v1";
  readonly leafEncoding: readonly string[];
  readonly tree: readonly Hex[];
  readonly values: readonly { readonly value: Value; readonly treeIndex: number }[];
};

/** The tree and its entries' values, in the order in which it was built, as `StandardMerkleTree.dump` writes them. */
export function openZeppelinDump<Value>(
  tree: MerkleTree,
  entries: { readonly leafEncoding: readonly string[]; readonly values: readonly Value[] },
): OpenZeppelinDump<Value> {
  return {
    format: "standard-v1",
    leafEncoding: entries.leafEncoding,
    tree: Array.from({ length: 2 * tree.size - 1 }, (_, position) => tree.node(position)),
    values: entries.values.map((value, index) => ({ value, treeIndex: tree.position(index) })),
  };
}
