import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { StandardMerkleTree } from "@openzeppelin/merkle-tree";
import { expect, test } from "vitest";
import type { Manifest } from "../../offchain/core/artifacts.ts";
import { account, transcodeJob, transcodeKey } from "../support/events.ts";
import { openPool, type TestPool } from "./payroot.ts";

type Distribution = { merkleRoot: string; tokenTotal: string; claims: Record<string, { amount: string }> };

/** Two epochs: accounts 0 to 2 earn in the first, 1 to 3 in the second. */
async function openClosedPool(): Promise<TestPool> {
  const pool = await openPool();
  for (const epoch of [1, 2]) {
    const jobs = [0, 1, 2].map((index) => {
      return transcodeJob({ id: `${epoch} ${index}`, account: account(index + epoch - 1), second: epoch });
    });
    await pool.write(transcodeKey(String(epoch)), jobs);
    await pool.json(["epoch", "close", "--at", `2025-11-0${5 + epoch}T00:00:00Z`]);
  }
  return pool;
}

const files = (pool: TestPool) => `file://${join(pool.folder, "artifacts")}`;

async function manifestOf(pool: TestPool, epoch: number): Promise<Manifest> {
  return JSON.parse(await readFile(epochFile(pool, epoch, "manifest.json"), "utf8")) as Manifest;
}

function epochFile(pool: TestPool, epoch: number, name: string): string {
  return join(pool.folder, "artifacts", "epochs", String(epoch).padStart(6, "0"), name);
}

test("given a closed epoch, OpenZeppelin's library loads its tree, with the epoch's root and everyone's proof", async () => {
  const pool = await openClosedPool();

  const { code, stdout } = await pool.call(["export", "2", "--format", "openzeppelin"]);

  expect(code).toBe(0);
  const tree = StandardMerkleTree.load<[string, string, string]>(JSON.parse(stdout));
  tree.validate();
  const { root, totals, leaves } = await manifestOf(pool, 2);
  expect([tree.root, tree.length]).toEqual([root, leaves]);
  const sum = [...tree.entries()].reduce((total, [, [, , cumulative]]) => total + BigInt(cumulative), 0n);
  expect(sum.toString()).toBe(totals[0]?.cumulative);
});

test("given a closed epoch, Uniswap's file pays what it earned alone, under a root of its own, and says so", async () => {
  const pool = await openClosedPool();

  const { stdout, stderr } = await pool.call(["export", "2", "--format", "uniswap"]);

  const { merkleRoot, tokenTotal, claims } = JSON.parse(stdout) as Distribution;
  const { root, earningsRoot, totals } = await manifestOf(pool, 2);
  expect([root, earningsRoot]).not.toContain(merkleRoot);
  expect(stderr).toContain("it is not the root of this epoch on chain");
  expect(BigInt(tokenTotal).toString()).toBe(totals[0]?.earned);
  expect(Object.keys(claims).sort()).toEqual([1, 2, 3].map((index) => account(index)).sort());
});

test("given a file, the export is in it whole, whether from the store or from a mirror with --from", async () => {
  const pool = await openClosedPool();
  const other = await openPool();
  const file = join(other.folder, "tree.json");

  const from = ["--from", files(pool), "--output", file];
  const written = await other.json(["export", "1", "--format", "openzeppelin", ...from]);

  const { root, manifestHash } = (await pool.json(["epoch", "show", "1"])) as Record<string, string>;
  expect(written).toMatchObject({ epoch: 1, format: "openzeppelin", root, manifestHash, entries: 3, file });
  expect(await readdir(other.folder)).toContain("tree.json");
  expect(await readdir(other.folder)).not.toContain("tree.json.part");
  const direct = await pool.call(["export", "1", "--format", "openzeppelin"]);
  expect(await readFile(file, "utf8")).toBe(direct.stdout);
  const document = await pool.json(["export", "1", "--format", "openzeppelin"]);
  expect(document).toEqual(JSON.parse(direct.stdout));
});

test.each([
  ["leaves.ndjson", "openzeppelin", "artifact-damaged"],
  ["earnings.ndjson", "uniswap", "artifact-damaged"],
  ["manifest.json", "openzeppelin", "tree-mismatch"],
  ["manifest.json", "uniswap", "tree-mismatch"],
])("given a tampered %s, nothing is exported as %s", async (name, format, error) => {
  const pool = await openClosedPool();
  const file = epochFile(pool, 1, name);
  const content = await readFile(file, "utf8");
  await writeFile(file, content.replaceAll(/"(cumulative|earned)":"\d/g, '"$1":"8'));

  const { code, stdout, stderr } = await pool.call(["export", "1", "--format", format]);

  expect([code, stdout, stderr]).toEqual([3, "", expect.stringContaining(`error [${error}]`)]);
});

test.each([
  [["export", "9", "--format", "uniswap"], 1, "epoch-unknown"],
  [["export", "1"], 2, "usage-invalid"],
  [["export", "1", "--format", "csv"], 2, "usage-invalid"],
  [["export", "1", "--format", "uniswap", "--output", "/nowhere/tree.json"], 1, "output-unwritable"],
])("given %j, it says what is wrong", async (argv, exitCode, code) => {
  const pool = await openClosedPool();
  expect(await pool.json(argv, exitCode)).toMatchObject({ error: { code, next: expect.any(String) } });
});
