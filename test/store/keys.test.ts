import fc from "fast-check";
import { expect, test } from "vitest";
import { addressFromBytes } from "../../offchain/core/address.ts";
import type { AiEvent } from "../../offchain/core/correlation.ts";
import * as keys from "../../offchain/store/keys.ts";
import { getOne, type Keyspace, keyOf, put, walk } from "../../offchain/store/keyspace.ts";
import { openTestLedger } from "../support/ledger.ts";

const anyText = fc.oneof(
  fc.string({ unit: "binary" }),
  fc
    .array(fc.constantFrom("\0", "\u0001", "\u0002", " ", "!", '"', "\\", "a", "é"), { maxLength: 4 })
    .map((parts) => parts.join("")),
);
const anyAccount = fc.uint8Array({ minLength: 20, maxLength: 20 }).map(addressFromBytes);
const anyNumber = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 2 ** 32 - 1 }));
const anyTime = fc.oneof(
  fc.constantFrom(-62_167_219_200_000, 253_402_300_799_999, -1, 0, 1),
  fc.integer({ min: -62_167_219_200_000, max: 253_402_300_799_999 }),
);
const anyPlace = { time: anyTime, objectKey: anyText, position: anyNumber, id: anyText };

/** Order by the parts of a key in the order given; texts by UTF-8, addresses by their bytes. */
function compareParts(a: readonly (string | number)[], b: readonly (string | number)[]): number {
  for (const [index, left] of a.entries()) {
    const right = b[index] ?? 0;
    const order =
      typeof left === "number"
        ? left - Number(right)
        : Buffer.compare(Buffer.from(left), Buffer.from(String(right)));
    if (order !== 0) return Math.sign(order);
  }
  return 0;
}

function testSpace<K, V>(
  name: string,
  space: Keyspace<K, V>,
  anyKey: fc.Arbitrary<K>,
  parts: (key: K) => (string | number)[],
): void {
  test(`given keys of ${name}, then they are read back, and their bytes have the order of their parts`, () => {
    fc.assert(
      fc.property(anyKey, anyKey, (one, other) => {
        expect(space.key.decode(space.key.encode(one))).toEqual(one);
        const order = Buffer.compare(keyOf(space, one), keyOf(space, other));
        expect(order).toBe(compareParts(parts(one), parts(other)));
        expect(keyOf(space, one)[0]).toBe(space.prefix);
      }),
      { numRuns: 1000 },
    );
  });
}

testSpace("objects", keys.objects, anyNumber, (key) => [key]);
testSpace("listings", keys.listings, anyText, (key) => [key]);
testSpace("objectNumbers", keys.objectNumbers, fc.record({ key: anyText, sha256: anyText }), (key) => [
  key.key,
  key.sha256,
]);
testSpace(
  "rejections",
  keys.rejections,
  fc.record({ ordinal: anyNumber, position: fc.integer({ min: -1, max: 2 ** 32 - 2 }) }),
  (key) => [key.ordinal, key.position],
);
testSpace("openSums", keys.openSums, fc.record({ account: anyAccount, partition: anyText }), (key) => [
  key.account.toLowerCase(),
  key.partition,
]);
testSpace(
  "waitingAi",
  keys.waitingAi,
  fc.record({ partition: anyText, requestID: anyText, id: anyText }),
  (key) => [key.partition, key.requestID, key.id],
);
testSpace(
  "connections",
  keys.connections,
  fc.record({ partition: anyText, account: anyAccount, connection: anyText, ...anyPlace }),
  (key) => [
    key.partition,
    key.account.toLowerCase(),
    key.connection,
    key.time,
    key.objectKey,
    key.position,
    key.id,
  ],
);
testSpace("resets", keys.resets, fc.record({ partition: anyText, ...anyPlace }), (key) => [
  key.partition,
  key.time,
  key.objectKey,
  key.position,
  key.id,
]);
testSpace("cumulatives", keys.cumulatives, fc.record({ account: anyAccount, asset: anyAccount }), (key) => [
  key.account.toLowerCase(),
  key.asset.toLowerCase(),
]);

test("given the keyspaces, then no two share a prefix", () => {
  const spaces = Object.values(keys).filter((value) => typeof value === "object" && "prefix" in value);
  expect(spaces.length).toBeGreaterThan(15);
  expect(new Set(spaces.map((space) => space.prefix)).size).toBe(spaces.length);
});

test("given any two event ids, then they share an entry only when they are equal", () => {
  const anyId = fc.oneof(
    fc.uuid(),
    fc.uuid().map((id) => id.toUpperCase()),
    fc.string({ unit: "binary", minLength: 1, maxLength: 8 }),
    fc.integer({ min: 190, max: 210 }).map((length) => "x".repeat(length)),
  );
  fc.assert(
    fc.property(anyId, anyId, (one, other) => {
      const same = Buffer.compare(keyOf(keys.versions, one), keyOf(keys.versions, other)) === 0;
      expect(same).toBe(one === other);
    }),
    { numRuns: 2000 },
  );
  // The bytes of a UUID, its hash and its text are three kinds of key.
  const id = "0b0a7c1e-6c2b-4a8e-9a53-0a8f6f0a7a11";
  const raw = Buffer.from(id.replaceAll("-", ""), "hex").toString("latin1");
  const near = [
    id,
    id.toUpperCase(),
    id.slice(0, -1),
    `${id}0`,
    id.replace("-", "x"),
    id.replace("b", "g"),
    raw,
  ];
  expect(new Set(near.map((text) => Buffer.from(keyOf(keys.versions, text)).toString("hex"))).size).toBe(
    near.length,
  );
});

test("given values in a store, then they are read back, alone and in a walk within leading parts", async () => {
  const { store } = await openTestLedger();
  const common = { time: 5, ordinal: 1, position: 2 };
  const waiting: AiEvent[] = ["p", "p!", "q"].flatMap((partition) => [
    { kind: "job", id: "1", partition, requestID: "r\0", feesWei: 2n ** 200n, ...common },
    {
      kind: "receipt",
      id: "2",
      partition,
      requestID: "r\0",
      account: addressFromBytes(Buffer.alloc(20, 7)),
      ...common,
    },
  ]);
  const sum = { events: 3, grossWei: 10n ** 30n, commissionWei: 0n };
  const owner = { account: addressFromBytes(Buffer.alloc(20, 255)), partition: "transcode|eu-central" };
  await store.write(
    [...waiting.map((event) => put(keys.waitingAi, event, event)), put(keys.openSums, owner, sum)],
    { durable: false },
  );
  expect(await getOne(store, keys.openSums, owner)).toEqual(sum);
  expect(await getOne(store, keys.openSums, { ...owner, partition: "ai" })).toBeUndefined();
  const all = await Array.fromAsync(walk(store, keys.waitingAi));
  expect(all.map(({ value }) => value)).toEqual(waiting);
  const some = await Array.fromAsync(
    walk(store, keys.waitingAi, { within: keys.within.partition("p"), reverse: true }),
  );
  expect(some.map(({ value }) => value)).toEqual(waiting.slice(0, 2).reverse());
  const prefixed = await Array.fromAsync(
    walk(store, keys.waitingAi, { within: keys.within.textPrefix("p") }),
  );
  expect(prefixed.map(({ value }) => value)).toEqual(waiting.slice(0, 4));
  // Every byte of this account is 255, so the walk must end where its length grows.
  const own = await Array.fromAsync(
    walk(store, keys.openSums, { within: keys.within.account(owner.account) }),
  );
  expect(own).toEqual([{ key: owner, value: sum }]);
});
