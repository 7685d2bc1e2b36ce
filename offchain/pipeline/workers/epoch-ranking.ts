import { type Address, addressBytes, addressFromBytes } from "../../core/address.ts";
import type { LeafLine, Manifest } from "../../core/artifacts.ts";
import { asBuffer, lineAt } from "../claims/ndjson.ts";
import type { PublishedFiles } from "../claims/published-files.ts";
import { createPause } from "../operate/kept.ts";

/** Everyone ever paid as of an epoch, by what they had earned of its asset, more first, then by address. */
export type EpochRanking = {
  readonly accounts: number;
  readonly accountAt: (position: number) => Address;
};

/** Ranks by an epoch's published leaves. */
export type RankingReader = (manifest: Manifest) => Promise<EpochRanking>;

/**
 * Ranks by published leaves, and remembers the last rankings: 24 bytes an account. A leaf never changes, so an order by
 * leaves is one that pages can rely on.
 */
export function createRankingReader(files: PublishedFiles): RankingReader {
  const known = new Map<string, Promise<EpochRanking>>();
  return (manifest) => {
    const ranking = known.get(manifest.root) ?? rank(files, manifest);
    known.delete(manifest.root);
    known.set(manifest.root, ranking);
    ranking.catch(() => known.delete(manifest.root));
    if (known.size > mostKnown) known.delete(known.keys().next().value ?? "");
    return ranking;
  };
}

const mostKnown = 3;
const runLength = 4096;

async function rank(files: PublishedFiles, manifest: Manifest): Promise<EpochRanking> {
  const { asset } = manifest.ruleset;
  const bytes = asBuffer(await files(manifest, "leaves.ndjson"));
  const pause = createPause();
  const addresses = new Uint8Array(20 * manifest.leaves);
  const amounts: bigint[] = [];
  let last: string | undefined;
  for (let line = lineAt(bytes, 0); line !== undefined; line = lineAt(bytes, line.next)) {
    const leaf = JSON.parse(line.text) as LeafLine;
    if (leaf.account !== last) {
      addresses.set(addressBytes(leaf.account), 20 * amounts.length);
      amounts.push(0n);
      last = leaf.account;
    }
    if (leaf.asset === asset) amounts[amounts.length - 1] = BigInt(leaf.cumulative);
    await pause();
  }
  const order = await sorted(amounts, pause);
  return {
    accounts: amounts.length,
    accountAt: (position) => {
      const at = 20 * (order[position] ?? 0);
      return addressFromBytes(addresses.subarray(at, at + 20));
    },
  };
}

/** The places of the amounts, greatest first; equal ones stay in order. In runs, so that others get their turns. */
async function sorted(
  amounts: readonly bigint[],
  pause: () => Promise<void> | undefined,
): Promise<Uint32Array> {
  const greater = (a: number, b: number): number => {
    const [left = 0n, right = 0n] = [amounts[a], amounts[b]];
    return left === right ? a - b : left > right ? -1 : 1;
  };
  let order = Uint32Array.from(amounts, (_, index) => index);
  for (let start = 0; start < order.length; start += runLength) {
    order.subarray(start, start + runLength).sort(greater);
    await pause();
  }
  for (let length = runLength; length < order.length; length *= 2) {
    const next = new Uint32Array(order.length);
    for (let start = 0; start < order.length; start += 2 * length) {
      await mergeRuns({ order, next, start, length }, greater, pause);
    }
    order = next;
  }
  return order;
}

async function mergeRuns(
  runs: {
    readonly order: Uint32Array;
    readonly next: Uint32Array;
    readonly start: number;
    readonly length: number;
  },
  compare: (a: number, b: number) => number,
  pause: () => Promise<void> | undefined,
): Promise<void> {
  const { order, next, start, length } = runs;
  const middle = Math.min(start + length, order.length);
  const end = Math.min(start + 2 * length, order.length);
  let [left, right] = [start, middle];
  for (let at = start; at < end; at++) {
    const takeLeft = left < middle && (right >= end || compare(order[left] ?? 0, order[right] ?? 0) <= 0);
    next[at] = order[takeLeft ? left++ : right++] ?? 0;
    if (at % runLength === 0) await pause();
  }
}
