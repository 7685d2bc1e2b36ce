import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type Address,
  addressFromBytes,
  compareAddresses,
  requireAddress,
  zeroAddress,
} from "../../../offchain/core/address.ts";
import { leafLine, type Manifest, ndjsonBytes } from "../../../offchain/core/artifacts.ts";
import type { Leaf } from "../../../offchain/core/merkle/leaf.ts";
import { createRankingReader } from "../../../offchain/pipeline/workers/epoch-ranking.ts";
import { byEarned, topEarners } from "../../../offchain/pipeline/workers/top-earners.ts";
import { ruleset } from "../../support/ledger.ts";

const token: Address = "0x5FbDB2315678afecb367f032d93F642f64180aa3";

function addressOf(index: number): Address {
  return addressFromBytes(createHash("sha256").update(String(index)).digest().subarray(0, 20));
}

async function ranked(leaves: readonly Leaf[]): Promise<Address[]> {
  const accounts = new Set(leaves.map(({ account }) => account));
  const sorted = leaves.toSorted(
    (a, b) => compareAddresses(a.account, b.account) || compareAddresses(a.asset, b.asset),
  );
  const manifest = { root: "0x", leaves: leaves.length, ruleset } as unknown as Manifest;
  const ranking = await createRankingReader(async () => ndjsonBytes(sorted.map(leafLine)))(manifest);
  expect(ranking.accounts).toBe(accounts.size);
  return Array.from({ length: ranking.accounts }, (_, position) => ranking.accountAt(position));
}

function expected(leaves: readonly Leaf[]): Address[] {
  const amounts = new Map<Address, bigint>();
  for (const { account, asset, cumulative } of leaves) {
    amounts.set(account, (amounts.get(account) ?? 0n) + (asset === zeroAddress ? cumulative : 0n));
  }
  const earners = [...amounts].map(([account, earned]) => ({ account: account.toLowerCase(), earned }));
  return earners.sort(byEarned).map(({ account }) => requireAddress(account));
}

test("given any leaves of two assets, everyone is ranked once by the epoch's own", async () => {
  const leaf = fc.record({
    account: fc.nat(30).map(addressOf),
    asset: fc.constantFrom(zeroAddress, token),
    cumulative: fc.oneof(fc.bigInt(1n, 5n), fc.bigInt(1n, 2n ** 200n)),
  });
  const leaves = fc.uniqueArray(leaf, { selector: ({ account, asset }) => `${account} ${asset}` });
  const property = fc.asyncProperty(leaves, async (list) => {
    expect(await ranked(list)).toEqual(expected(list));
  });
  await fc.assert(property);
});

test("given more leaves than are sorted at a time, the order is the same", async () => {
  const leaves = Array.from({ length: 20_001 }, (_, index) => {
    return { account: addressOf(index), asset: zeroAddress, cumulative: BigInt((index * 7919) % 1000) + 1n };
  });
  expect(await ranked(leaves)).toEqual(expected(leaves));
});

test("given any earners, the first of them are those of the whole order", async () => {
  const earner = fc.record({
    account: fc.nat().map((index) => addressOf(index).toLowerCase()),
    earned: fc.bigInt(0n, 20n),
  });
  const property = fc.asyncProperty(
    fc.array(earner),
    fc.integer({ min: 1, max: 10 }),
    async (earners, most) => {
      const all = earners.filter(({ earned }) => earned > 0n).sort(byEarned);
      const top = all.slice(0, most).map((one) => ({ ...one, account: requireAddress(one.account) }));
      expect(await topEarners(earners, most)).toEqual({ accounts: all.length, top });
    },
  );
  await fc.assert(property);
});
