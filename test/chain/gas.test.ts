import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { type GasSnapshot, gasSnapshotFile, measureGas } from "../bench/gas-snapshot.ts";

/** Later figures may differ by the bytes of an address or a hash, which cost four times a zero's. */
const mostGrowth = 1.02;

test("no transaction takes over 2 % more gas than written down in the snapshot", async () => {
  const before: GasSnapshot = JSON.parse(await readFile(gasSnapshotFile, "utf8"));
  const now = await measureGas();
  expect(Object.keys(now)).toEqual(Object.keys(before));
  const grown = Object.entries(now).filter(([name, gas]) => gas > (before[name] ?? 0) * mostGrowth);
  expect(grown).toEqual([]);
});
