import { createHash } from "node:crypto";
import fc from "fast-check";
import { keccak256 as referenceKeccak, toHex } from "viem";
import { expect, test } from "vitest";
import { keccak256, keccak256Hex, sha256Hex } from "../../offchain/core/hash.ts";

test("given nothing, keccak-256 and SHA-256 are the well-known empty hashes", () => {
  const nothing = new Uint8Array();
  expect(keccak256Hex(nothing)).toBe("0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
  expect(sha256Hex(nothing)).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
});

test("given any bytes, keccak-256 equals an independent implementation, in both forms", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1000 }), (bytes) => {
      expect(keccak256Hex(bytes)).toBe(referenceKeccak(bytes));
      expect(toHex(keccak256(bytes))).toBe(referenceKeccak(bytes));
    }),
  );
});

test("given any bytes, also a view into a larger buffer, SHA-256 equals node:crypto", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1000 }), fc.nat(50), (bytes, skip) => {
      const view = bytes.subarray(skip);
      expect(sha256Hex(view)).toBe(createHash("sha256").update(view).digest("hex"));
    }),
  );
});

test("given more bytes than the hasher's buffer holds, the hash is still that of all of them", () => {
  const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => i * 7);
  expect(keccak256Hex(bytes)).toBe(referenceKeccak(bytes));
});

test("given two hashes one after the other, the first is not overwritten by the second", () => {
  const first = keccak256(Uint8Array.of(1));
  const kept = first.slice();
  keccak256(Uint8Array.of(2));
  expect(first).toEqual(kept);
});
