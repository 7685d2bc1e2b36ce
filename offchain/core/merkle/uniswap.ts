import { invariant } from "../../errors.ts";
import { type Address, writeAddress } from "../address.ts";
import { keccak256 } from "../hash.ts";
import { type Hex, toHex } from "../hex.ts";
import { nodeBytes, parentHash } from "./node.ts";
import { verifyProof } from "./proof.ts";
import { sortedOrder } from "./sort.ts";

/** What a Uniswap MerkleDistributor pays an account, once, in the token's smallest unit. */
export type UniswapClaim = { readonly account: Address; readonly amount: bigint };

/**
 * The file that Uniswap's `parseBalanceMap` (github.com/Uniswap/merkle-distributor) makes of the same claims: accounts
 * by their text, amounts in hex, leaves keccak256(abi.encodePacked(index, account, amount)) in a tree of its own.
 * `text` gives the file in pieces.
 */
export function uniswapDistribution(given: readonly UniswapClaim[]): {
  readonly root: Hex;
  readonly total: bigint;
  readonly text: () => Generator<string>;
} {
  const claims = [...given].sort((a, b) => (a.account < b.account ? -1 : 1));
  const layers = layersOf(claims);
  const root = toHex(layers.at(-1)?.nodes ?? new Uint8Array(0));
  const total = claims.reduce((sum, { amount }) => sum + amount, 0n);
  return {
    root,
    total,
    *text() {
      yield `{"merkleRoot":"${root}","tokenTotal":"${evenHex(total)}","claims":{`;
      for (const [index, claim] of claims.entries()) {
        const entry = {
          index,
          amount: evenHex(claim.amount),
          proof: proofOf(layers, { index, root, claim }),
        };
        yield `${index === 0 ? "" : ","}"${claim.account}":${JSON.stringify(entry)}`;
      }
      yield "}}\n";
    },
  };
}

// `positions` of the first layer: where the leaf of each claim stands.
type Layer = { readonly nodes: Uint8Array; readonly positions?: Uint32Array };

/** The leaves in ascending order, then each layer of parents; a last node without a sibling moves up as it is. */
function layersOf(claims: readonly UniswapClaim[]): readonly Layer[] {
  const hashes = new Uint8Array(nodeBytes * claims.length);
  for (const [index, claim] of claims.entries()) hashes.set(leafOf(index, claim), nodeBytes * index);
  let nodes = new Uint8Array(hashes.length);
  const positions = new Uint32Array(claims.length);
  for (const [position, index] of sortedOrder(hashes).entries()) {
    nodes.set(hashes.subarray(nodeBytes * index, nodeBytes * (index + 1)), nodeBytes * position);
    positions[index] = position;
  }
  const layers: Layer[] = [{ nodes, positions }];
  while (nodes.length > nodeBytes) {
    const parents = new Uint8Array(nodeBytes * Math.ceil(nodes.length / nodeBytes / 2));
    for (let at = 0; 2 * at < nodes.length; at += nodeBytes) {
      const alone = 2 * at + nodeBytes === nodes.length;
      parents.set(alone ? nodes.subarray(2 * at) : parentHash(nodes, 2 * at), at);
    }
    nodes = parents;
    layers.push({ nodes });
  }
  return layers;
}

function proofOf(
  layers: readonly Layer[],
  { index, root, claim }: { index: number; root: Hex; claim: UniswapClaim },
): Hex[] {
  const proof: Hex[] = [];
  let position = layers[0]?.positions?.[index] ?? 0;
  for (const { nodes } of layers.slice(0, -1)) {
    const sibling = nodeBytes * (position ^ 1);
    if (sibling < nodes.length) proof.push(toHex(nodes, sibling, sibling + nodeBytes));
    position >>= 1;
  }
  const holds = verifyProof({ root, leaf: toHex(leafOf(index, claim)), proof });
  invariant(holds, "A proof does not lead to the root.", { account: claim.account, root });
  return proof;
}

function leafOf(index: number, { account, amount }: UniswapClaim): Uint8Array {
  const packed = new Uint8Array(84);
  packed.set(word(BigInt(index)), 0);
  writeAddress(account, packed, 32);
  packed.set(word(amount), 52);
  return keccak256(packed);
}

function word(value: bigint): Uint8Array {
  return Buffer.from(value.toString(16).padStart(64, "0"), "hex");
}

/** As ethers 5 writes numbers: hex of whole bytes. */
function evenHex(value: bigint): Hex {
  const digits = value.toString(16);
  return `0x${digits.length % 2 === 0 ? digits : `0${digits}`}`;
}
