import { compareNodes, nodeBytes } from "./node.ts";

/**
 * The indices of the 32-byte `hashes` in ascending order of their bytes; equal ones stay in the order given.
 * Made for evenly spread hashes: a double holds the first bits of a hash above its index, so the runtime's own
 * number sort does nearly all the work, and only hashes that share those bits are compared byte by byte.
 */
export function sortedOrder(hashes: Uint8Array): Uint32Array {
  const count = hashes.length / nodeBytes;
  const view = new DataView(hashes.buffer, hashes.byteOffset, hashes.byteLength);
  const span = 2 ** (32 - Math.clz32(count));
  // A double counts exactly to 2^53: 32 bits of hash and 21 of index, or fewer of hash where the index needs more.
  const dropped = Math.max(1, span / 2 ** 21);
  const keys = new Float64Array(count);
  for (let i = 0; i < count; i++) keys[i] = Math.floor(view.getUint32(i * nodeBytes) / dropped) * span + i;
  keys.sort();
  const order = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    const index = (keys[i] ?? 0) % span;
    let at = i;
    while (at > 0 && compareNodes(hashes, (order[at - 1] ?? 0) * nodeBytes, index * nodeBytes) > 0) {
      order[at] = order[at - 1] ?? 0;
      at--;
    }
    order[at] = index;
  }
  return order;
}
