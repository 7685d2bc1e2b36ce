import fc from "fast-check";
import { expect, test } from "vitest";
import { addressFromBytes } from "../../offchain/core/address.ts";
import type { Effect } from "../../offchain/core/event.ts";
import type { Version } from "../../offchain/core/versions.ts";
import { decodeVersions, encodeVersions } from "../../offchain/store/version-codec.ts";

const anyAccount = fc
  .uint8Array({ minLength: 20, maxLength: 20 })
  .filter((bytes) => bytes.some((byte) => byte > 0))
  .map(addressFromBytes);
const anyFees = fc.oneof(
  fc.bigInt(0n, 300n),
  fc.bigInt(2n ** 64n - 2n, 2n ** 64n + 2n),
  fc.bigInt(0n, 10n ** 78n),
);
const anyText = fc.string({ unit: "binary", minLength: 1 });

const anyEffect: fc.Arbitrary<Effect> = fc.oneof(
  fc.constantFrom<Effect>({ kind: "none" }, { kind: "reset" }),
  fc.record({ kind: fc.constant("job" as const), account: anyAccount, feesWei: anyFees }),
  fc.record({ kind: fc.constant("ai-job" as const), requestID: anyText, feesWei: anyFees }),
  fc.record({ kind: fc.constant("ai-receipt" as const), requestID: anyText, account: anyAccount }),
  fc.record({
    kind: fc.constantFrom("connected" as const, "disconnected" as const),
    account: anyAccount,
    connection: anyText,
  }),
);

const anyVersion: fc.Arbitrary<Version> = fc.record({
  ordinal: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  position: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  rejected: fc.boolean(),
  // Every time of RFC 3339, the years 0000 and 9999 included.
  time: fc.oneof(
    fc.constantFrom(-62_167_219_200_000, 253_402_300_799_999, 0),
    fc.integer({ min: -62_167_219_200_000, max: 253_402_300_799_999 }),
  ),
  digest: fc.stringMatching(/^[0-9a-f]{32}$/),
  effect: anyEffect,
});

test("given any versions of an event id, then their bytes give them back", () => {
  fc.assert(
    fc.property(fc.array(anyVersion, { maxLength: 4 }), (versions) => {
      expect(decodeVersions(encodeVersions(versions))).toEqual(versions);
    }),
    { numRuns: 2000 },
  );
});

test("given the bytes inside a larger buffer, as a store may return them, then they are read the same", () => {
  const versions = fc.sample(anyVersion, { numRuns: 3, seed: 1 });
  const bytes = encodeVersions(versions);
  const larger = new Uint8Array(bytes.length + 7);
  larger.set(bytes, 3);
  expect(decodeVersions(larger.subarray(3, 3 + bytes.length))).toEqual(versions);
});
