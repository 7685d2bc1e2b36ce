import { join } from "node:path";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import type { LedgerStore, StoreWrite } from "../../offchain/store/ledger-store.ts";
import { openLevelStore } from "../../offchain/store/level.ts";
import { temporaryFolder } from "../support/ledger.ts";

async function openStore(): Promise<LedgerStore> {
  const store = await openLevelStore(join(await temporaryFolder(), "ledger"));
  onTestFinished(() => store.close());
  return store;
}

// Few and short keys, so that many of a batch are equal or begin alike.
const bytes = fc.uint8Array({ minLength: 1, maxLength: 6, max: 3 });
const write: fc.Arbitrary<StoreWrite> = fc.record({
  key: bytes,
  value: fc.option(bytes, { nil: undefined }),
});

test("given batches in any order of keys, then of equal keys the last write counts, and values come in the order asked", async () => {
  const store = await openStore();
  const expected = new Map<string, string>();
  await fc.assert(
    fc.asyncProperty(
      fc.array(write, { maxLength: 40 }),
      fc.array(bytes, { maxLength: 40 }),
      async (writes, asked) => {
        await store.write(writes, { durable: false });
        for (const { key, value } of writes) {
          if (value === undefined) expected.delete(String(key));
          else expected.set(String(key), String(value));
        }

        const values = await store.getMany(asked);

        expect(values.map((value) => value && String(Uint8Array.from(value)))).toEqual(
          asked.map((key) => expected.get(String(key))),
        );
      },
    ),
  );
});
