import { beforeEach, expect, test } from "vitest";
import type { Address } from "../../../offchain/core/address.ts";
import { canonicalJson } from "../../../offchain/core/canonical.ts";
import type { Leaf } from "../../../offchain/core/merkle/leaf.ts";
import type { GetOptions, ObjectStore, StoredObject } from "../../../offchain/objects/object-store.ts";
import { openObjectStore } from "../../../offchain/objects/open.ts";
import { readProof } from "../../../offchain/pipeline/claims/proof.ts";
import { createProofBook, type ProofBook } from "../../../offchain/pipeline/claims/proof-book.ts";
import type { EpochState } from "../../../offchain/store/records.ts";
import { temporaryFolder } from "../../support/ledger.ts";
import { spreadAccount as account, leavesOf, publishLeaves } from "../../support/proofs.ts";

const token = account(999);
const stranger = account(5000);
const accounts = Array.from({ length: 300 }, (_, index) => account(index));

/** Leaves of two assets: every third account has both. */
const leaves: readonly Leaf[] = [
  ...leavesOf(accounts),
  ...leavesOf(accounts.filter((_, index) => index % 3 === 0)).map((leaf) => ({ ...leaf, asset: token })),
];

type Shelf = {
  readonly artifacts: ObjectStore;
  /** The keys that were read. */
  readonly reads: string[];
  /** Stands in the place of a read, when it returns something. */
  rule: ((key: string) => Promise<StoredObject | undefined> | undefined) | undefined;
};

let shelf: Shelf;
let epoch: EpochState;

beforeEach(async () => {
  const store = openObjectStore(`file://${await temporaryFolder()}`);
  const get = async (key: string, options?: GetOptions) => {
    shelf.reads.push(key);
    return shelf.rule?.(key) ?? store.get(key, options);
  };
  shelf = { artifacts: { ...store, get }, reads: [], rule: undefined };
  epoch = await publishLeaves(store, { epoch: 1, leaves });
});

const fileOf = (of: Address, number = 1): string =>
  `epochs/00000${number}/proofs/${of.slice(2, 4).toLowerCase()}.json`;

async function codeOf(asked: ReturnType<ProofBook["find"]>): Promise<unknown> {
  return Promise.resolve(asked).then(
    () => "found",
    (error: { code: string }) => error.code,
  );
}

test("given accounts of one and of two assets, then the book tells what the files say, in their very words", async () => {
  const book = createProofBook(shelf.artifacts);
  for (const of of [...accounts, stranger]) {
    const found = await book.find(epoch, of);
    const published = await readProof(shelf.artifacts, { ...epoch, account: of });
    expect(found.entries()).toEqual(published);
    expect(found.text()).toBe(canonicalJson(published));
    expect(published).toHaveLength(leaves.filter((leaf) => leaf.account === of).length);
    for (const leaf of leaves.filter((leaf) => leaf.account === of)) {
      expect(found.amountOf(leaf.asset)).toBe(leaf.cumulative);
    }
    expect(found.amountOf(account(1000))).toBe(0n);
  }
});

test("given an epoch of a single leaf, then its proof is empty", async () => {
  const [leaf] = leavesOf([account(7)]);
  const single = await publishLeaves(shelf.artifacts, { epoch: 2, leaves: leaf ? [leaf] : [] });
  const found = await createProofBook(shelf.artifacts).find(single, account(7));
  expect(found.entries()).toEqual([{ asset: leaf?.asset, cumulative: String(leaf?.cumulative), proof: [] }]);
});

test("given many who ask at once and again, then each file is read once", async () => {
  const book = createProofBook(shelf.artifacts);
  const all = async () => Promise.all(accounts.map(async (of) => (await book.find(epoch, of)).text()));
  const first = await all();
  const read = [...shelf.reads].sort();
  expect(read).toEqual(["epochs/000001/manifest.json", ...new Set(accounts.map((of) => fileOf(of)))].sort());
  expect(await all()).toEqual(first);
  expect(shelf.reads).toHaveLength(read.length);
});

test("given a file that was read, then it is looked up at once", async () => {
  const book = createProofBook(shelf.artifacts);
  await book.load(epoch);
  for (const of of [...accounts, stranger]) expect(book.find(epoch, of)).not.toBeInstanceOf(Promise);
});

test("given files changed, cut short, of another epoch or lost, then nothing of them is told, and once they are back all is", async () => {
  const of = account(3);
  const book = createProofBook(shelf.artifacts);
  const key = fileOf(of);
  const good = (await shelf.artifacts.get(key))?.bytes ?? new Uint8Array(0);
  const text = Buffer.from(good).toString();
  const next = await publishLeaves(shelf.artifacts, { epoch: 2, leaves });
  const other = (await shelf.artifacts.get(fileOf(of, 2)))?.bytes ?? new Uint8Array(0);
  const contents: [string, Uint8Array | undefined, string][] = [
    ["changed", Buffer.from(text.replace(/"cumulative":"/, '"cumulative":"1')), "proof-mismatch"],
    ["cut short", good.subarray(0, good.length - 1), "proof-mismatch"],
    ["empty", new Uint8Array(0), "proof-mismatch"],
    ["of another epoch", other, "proof-mismatch"],
    ["lost", undefined, "proof-missing"],
  ];
  for (const [what, bytes, code] of contents) {
    if (bytes === undefined) await shelf.artifacts.delete(key);
    else await shelf.artifacts.put(key, bytes);
    expect([what, await codeOf(book.find(epoch, of))]).toEqual([what, code]);
    expect([what, await codeOf(book.find(next, of))]).toEqual([what, "found"]);
  }
  await shelf.artifacts.put(key, good);
  expect((await book.find(epoch, of)).entries()).toHaveLength(2);
});

test("given a manifest changed or lost, then nothing is told until it is back", async () => {
  const book = createProofBook(shelf.artifacts);
  const key = "epochs/000001/manifest.json";
  const good = (await shelf.artifacts.get(key))?.bytes ?? new Uint8Array(0);
  await shelf.artifacts.delete(key);
  expect(await codeOf(book.find(epoch, account(1)))).toBe("manifest-damaged");
  await shelf.artifacts.put(key, Buffer.concat([good, Buffer.from(" ")]));
  expect(await codeOf(book.find(epoch, account(1)))).toBe("manifest-damaged");
  await shelf.artifacts.put(key, good);
  expect(await codeOf(book.find(epoch, account(1)))).toBe("found");
});

test("given a store that fails, then those who wait are told, others are not kept up, and the next try succeeds", async () => {
  const book = createProofBook(shelf.artifacts);
  const [of, other] = [account(1), accounts.find((one) => fileOf(one) !== fileOf(account(1))) ?? account(2)];
  shelf.rule = (key) => (key === fileOf(of) ? Promise.reject(new Error("no route")) : undefined);
  const asked = [book.find(epoch, of), book.find(epoch, other), book.find(epoch, of)].map((one) =>
    Promise.resolve(one).then(
      () => "found",
      (error: Error) => error.message,
    ),
  );
  expect(await Promise.all(asked)).toEqual(["no route", "found", "no route"]);
  shelf.rule = undefined;
  expect(await codeOf(book.find(epoch, of))).toBe("found");
});

test("given two epochs of one number, as after a reopening, then each is told by its own files", async () => {
  const book = createProofBook(shelf.artifacts);
  const of = account(4);
  const before = (await book.find(epoch, of)).text();
  const more = leaves.map((leaf) => ({ ...leaf, cumulative: leaf.cumulative + 1n }));
  const after = await publishLeaves(shelf.artifacts, { epoch: 1, leaves: more });
  const published = await readProof(shelf.artifacts, { ...after, account: of });
  expect((await book.find(after, of)).entries()).toEqual(published);
  expect((await book.find(epoch, of)).text()).toBe(before);
  expect(canonicalJson(published)).not.toBe(before);
});

test("given more epochs than there is room for, then the one asked for longest ago is read again, and no other", async () => {
  const states = [epoch];
  for (const number of [2, 3]) states.push(await publishLeaves(shelf.artifacts, { epoch: number, leaves }));
  const [first, second, third] = states as [EpochState, EpochState, EpochState];
  const of = account(1);
  const book = createProofBook(shelf.artifacts, { mostBytes: await roomForTwo(first, second, of) });
  const readsFor = async (state: EpochState): Promise<number> => {
    const before = shelf.reads.length;
    await book.find(state, of);
    return shelf.reads.length - before;
  };
  const counts: number[] = [];
  for (const state of [first, second, first, third, first, second]) counts.push(await readsFor(state));
  expect(counts).toEqual([2, 2, 0, 2, 0, 2]);
});

/** How many bytes it takes, to the next KiB, that of two epochs neither is forgotten. */
async function roomForTwo(first: EpochState, second: EpochState, of: Address): Promise<number> {
  for (let mostBytes = 0; ; mostBytes += 1024) {
    const book = createProofBook(shelf.artifacts, { mostBytes });
    for (const state of [first, second]) await book.find(state, of);
    if (!(book.find(first, of) instanceof Promise)) return mostBytes;
  }
}
