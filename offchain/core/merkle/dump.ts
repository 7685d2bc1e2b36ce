import { type Leaf, leafEncoding } from "./leaf.ts";
import type { MerkleTree } from "./tree.ts";

/**
 * The tree of `leaves`, in the order in which it was built, as the JSON that OpenZeppelin's `StandardMerkleTree.dump`
 * gives and its `load` takes; in pieces, since that of a large pool is hundreds of megabytes.
 */
export function* openZeppelinDump(tree: MerkleTree, leaves: readonly Leaf[]): Generator<string> {
  yield `{"format":"standard-v1","leafEncoding":${JSON.stringify(leafEncoding)},"tree":[`;
  for (let position = 0; position < 2 * tree.size - 1; position++)
    yield `${position === 0 ? "" : ","}"${tree.node(position)}"`;
  yield `],"values":[`;
  for (const [index, { account, asset, cumulative }] of leaves.entries()) {
    const value = JSON.stringify([account, asset, cumulative.toString()]);
    yield `${index === 0 ? "" : ","}{"value":${value},"treeIndex":${tree.position(index)}}`;
  }
  yield "]}\n";
}
