import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LedgerStore, StoreRange } from "../../offchain/store/ledger-store.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");
const put = (key: string, value: string) => ({ key: bytes(key), value: bytes(value) });
const del = (key: string) => ({ key: bytes(key), value: undefined });
const durable = { durable: true };
const quick = { durable: false };
const all: StoreRange = { from: bytes(""), to: bytes("\xff\xff") };

async function textsOf(store: LedgerStore, range = all, options = {}): Promise<string[]> {
  const entries = await Array.fromAsync(store.entries(range, options));
  return entries.map(
    ([key, value]) => `${Buffer.from(key).toString("latin1")}=${Buffer.from(value).toString("latin1")}`,
  );
}

async function valuesAt(store: LedgerStore, keys: readonly string[]): Promise<(string | undefined)[]> {
  const values = await store.getMany(keys.map(bytes));
  return values.map((value) => value && Buffer.from(value).toString("latin1"));
}

/** Every promise of the ledger-store port, against a fresh and empty store for each test. */
export function testLedgerStore(name: string, openEmpty: () => Promise<LedgerStore>): void {
  describe(`${name} as a ledger store`, () => {
    testReadsAndWrites(openEmpty);
    testEntries(openEmpty);
  });
}

function testReadsAndWrites(openEmpty: () => Promise<LedgerStore>): void {
  it("given keys that are there and keys that are not, then values come in the order asked, undefined for what is missing", async () => {
    const store = await openEmpty();
    await store.write([put("a", "1"), put("b", ""), put("c", "3")], durable);
    expect(await valuesAt(store, ["c", "x", "b", "a", "a"])).toEqual(["3", undefined, "", "1", "1"]);
    expect(await store.getMany([])).toEqual([]);
  });

  it("given several writes of one key in a batch, then the last one stands", async () => {
    const store = await openEmpty();
    await store.write([put("a", "1"), del("a"), put("a", "2"), put("b", "1"), del("b"), del("never")], quick);
    expect(await valuesAt(store, ["a", "b", "never"])).toEqual(["2", undefined, undefined]);
  });

  it("given many reads at once, small and large, then each gets the values of its own keys", async () => {
    const store = await openEmpty();
    const names = Array.from({ length: 300 }, (_, index) => `key ${index}`);
    await store.write(
      names.filter((_, index) => index % 3 > 0).map((name) => put(name, `of ${name}`)),
      quick,
    );
    const expected = (name: string) => (Number(name.slice(4)) % 3 > 0 ? `of ${name}` : undefined);
    const asked = [1, 2, 3, 65, 0, 200, 5].map((count) => [...names.slice(0, count), ...names.slice(-2)]);
    const values = await Promise.all(asked.map((some) => valuesAt(store, some)));
    expect(values).toEqual(asked.map((some) => some.map(expected)));
  });

  it("given reads while batches are written, then each read is of one moment", async () => {
    const store = await openEmpty();
    const keys = ["a", "h", "z"];
    let ended = false;
    const reading = async () => {
      const seen = new Set<string>();
      while (!ended) seen.add(JSON.stringify(await valuesAt(store, keys)));
      return seen;
    };
    const readers = [reading(), reading(), reading()];
    const wanted = [JSON.stringify(keys.map(() => undefined))];
    for (let count = 0; count < 300; count++) {
      await store.write(
        keys.map((key) => put(key, String(count))),
        quick,
      );
      wanted.push(JSON.stringify(keys.map(() => String(count))));
    }
    ended = true;
    for (const seen of await Promise.all(readers)) expect(wanted).toEqual(expect.arrayContaining([...seen]));
  });

  it("given an empty batch, then nothing happens", async () => {
    const store = await openEmpty();
    await store.write([], durable);
    expect(await textsOf(store)).toEqual([]);
  });

  it("given a batch of which one write is impossible, then nothing of it is kept", async () => {
    const store = await openEmpty();
    await store.write([put("a", "old")], durable);
    const impossible = { key: undefined as unknown as Uint8Array, value: bytes("x") };
    await expect(store.write([put("a", "new"), impossible, put("b", "new")], quick)).rejects.toThrow();
    expect(await textsOf(store)).toEqual(["a=old"]);
  });

  it("given any batches, then the store holds what a map would", async () => {
    const store = await openEmpty();
    const expected = new Map<string, string>();
    const anyKey = fc
      .array(fc.constantFrom("\0", "\x01", "a", "b", "\xff"), { minLength: 1, maxLength: 3 })
      .map((parts) => parts.join(""));
    const anyValue = fc.option(
      fc.uint8Array({ maxLength: 40 }).map((value) => Buffer.from(value).toString("latin1")),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(anyKey, anyValue), { maxLength: 60, size: "max" }),
        async (batch) => {
          await store.write(
            batch.map(([key, value]) => (value === null ? del(key) : put(key, value))),
            quick,
          );
          for (const [key, value] of batch) {
            if (value === null) expected.delete(key);
            else expected.set(key, value);
          }
          const sorted = [...expected].sort(([a], [b]) => Buffer.compare(bytes(a), bytes(b)));
          expect(await textsOf(store, { from: bytes(""), to: bytes("\xff\xff\xff\xff") })).toEqual(
            sorted.map(([key, value]) => `${key}=${value}`),
          );
        },
      ),
      { numRuns: 50 },
    );
  });
}

function testEntries(openEmpty: () => Promise<LedgerStore>): void {
  it("given a range, then its start is in, its end is not, in byte order or against it", async () => {
    const store = await openEmpty();
    await store.write(
      ["b", "a", "\x80", "aa", "B", "c"].map((key) => put(key, "")),
      quick,
    );
    expect(await textsOf(store)).toEqual(["B=", "a=", "aa=", "b=", "c=", "\x80="]);
    const range = { from: bytes("a"), to: bytes("c") };
    expect(await textsOf(store, range)).toEqual(["a=", "aa=", "b="]);
    expect(await textsOf(store, range, { reverse: true })).toEqual(["b=", "aa=", "a="]);
    expect(await textsOf(store, { from: bytes("c"), to: bytes("c") })).toEqual([]);
  });

  it("given more entries than fit a page, then all come, also when only some are taken", async () => {
    const store = await openEmpty();
    const keys = Array.from({ length: 2500 }, (_, index) => String(index).padStart(5, "0"));
    await store.write(
      keys.map((key) => put(key, key)),
      quick,
    );
    expect(await textsOf(store)).toEqual(keys.map((key) => `${key}=${key}`));
    for await (const [key] of store.entries(all)) {
      expect(Buffer.from(key).toString()).toBe("00000");
      break;
    }
  });

  it("given writes while a walk goes on, then it shows the store as of its first step", async () => {
    const store = await openEmpty();
    await store.write([put("a", "1"), put("b", "1")], quick);
    const seen: string[] = [];
    for await (const [key, value] of store.entries(all)) {
      seen.push(`${Buffer.from(key)}=${Buffer.from(value)}`);
      await store.write([put("b", "2"), put("c", "2"), del("a")], quick);
    }
    expect(seen).toEqual(["a=1", "b=1"]);
    expect(await textsOf(store)).toEqual(["b=2", "c=2"]);
  });
}
