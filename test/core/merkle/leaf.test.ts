import fc from "fast-check";
import { encodeAbiParameters, keccak256 as referenceKeccak } from "viem";
import { describe, expect, test } from "vitest";
import { zeroAddress } from "../../../offchain/core/address.ts";
import { toHex } from "../../../offchain/core/hex.ts";
import {
  earningEncoding,
  earningHash,
  earningHashes,
  leafEncoding,
  leafHash,
  leafHashes,
} from "../../../offchain/core/merkle/leaf.ts";
import { anyAddress, anyLeaf, anyUint256 } from "./arbitrary.ts";

const anyEarning = fc.record({
  epoch: fc.maxSafeNat(),
  account: anyAddress,
  asset: anyAddress,
  earned: anyUint256,
});

const doubleHash = (types: readonly string[], values: readonly unknown[]): string =>
  referenceKeccak(
    referenceKeccak(
      encodeAbiParameters(
        types.map((type) => ({ type })),
        values,
      ),
    ),
  );

test("given any leaf, its hash is the double keccak of its ABI encoding", () => {
  fc.assert(
    fc.property(anyLeaf, (leaf) => {
      const expected = doubleHash(leafEncoding, [leaf.account, leaf.asset, leaf.cumulative]);
      expect(leafHash(leaf)).toBe(expected);
    }),
  );
});

test("given any earning, its hash is the double keccak of its ABI encoding", () => {
  fc.assert(
    fc.property(anyEarning, (earning) => {
      const values = [BigInt(earning.epoch), earning.account, earning.asset, earning.earned];
      expect(earningHash(earning)).toBe(doubleHash(earningEncoding, values));
    }),
  );
});

test("given many leaves, the flat hashes are those of each, with nothing left over from the one before", () => {
  fc.assert(
    fc.property(fc.array(anyLeaf), fc.array(anyEarning), (leaves, earnings) => {
      const leafFlat = leafHashes(leaves);
      const earningFlat = earningHashes(earnings);
      expect(leafFlat.length).toBe(32 * leaves.length);
      expect(earningFlat.length).toBe(32 * earnings.length);
      leaves.forEach((leaf, i) => {
        expect(toHex(leafFlat, 32 * i, 32 * i + 32)).toBe(leafHash(leaf));
      });
      earnings.forEach((earning, i) => {
        expect(toHex(earningFlat, 32 * i, 32 * i + 32)).toBe(earningHash(earning));
      });
    }),
  );
});

test("given the same account in another case, the hash is the same", () => {
  const account = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
  const lower = "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed";
  const rest = { asset: zeroAddress, cumulative: 1n };
  expect(leafHash({ account, ...rest })).toBe(leafHash({ account: lower, ...rest }));
});

describe("what is no leaf is refused", () => {
  const account = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
  test.each([-1n, 2n ** 256n])("given the amount %s, it throws amount-out-of-range", (cumulative) => {
    const refusal = expect.objectContaining({ code: "amount-out-of-range" });
    expect(() => leafHash({ account, asset: zeroAddress, cumulative })).toThrow(refusal);
    expect(() => earningHash({ epoch: 1, account, asset: zeroAddress, earned: cumulative })).toThrow(refusal);
  });

  test("given an account that is no address, it throws invalid-address", () => {
    expect(() => leafHash({ account: "0x12", asset: zeroAddress, cumulative: 1n })).toThrow(
      expect.objectContaining({ code: "invalid-address" }),
    );
  });
});
