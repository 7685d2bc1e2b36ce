import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { machine, median } from "./report.ts";
import type { Builder, TreeMeasurement } from "./tree-child.ts";

type Case = { readonly builder: Builder; readonly leaves: number };
type Result = Case & { readonly measurements: TreeMeasurement[] };

/** Rounds of cases; OpenZeppelin takes ten seconds for 100,000 leaves, so few. */
const plan: readonly { readonly rounds: number; readonly cases: readonly Case[] }[] = [
  { rounds: 5, cases: bothBuilders(10_000) },
  {
    rounds: 3,
    cases: [
      { builder: "payroot", leaves: 1_000_000 },
      ...bothBuilders(100_000),
      { builder: "keccak", leaves: 1_000_000 },
    ],
  },
];

/** Our tree builder against OpenZeppelin's: time a leaf and peak memory, printed with method and raw values. */
export async function run(): Promise<void> {
  console.log("Merkle trees: leaf hashes, sorting and inner nodes, from leaves in memory to the root");
  console.log(`machine: ${machine()}`);
  console.log(
    "method:  each measurement in a fresh process, cold, order alternating from round to round; the",
  );
  console.log(
    "         leaves are made before the clock starts; memory is the process's peak, leaves included;",
  );
  console.log("         keccak = one bare keccak-256 of 64 bytes a leaf (a tree needs three)\n");
  const results: Result[] = [];
  for (const { rounds, cases } of plan) results.push(...(await measure(rounds, cases)));
  console.log("builder            leaves   µs/leaf (median)   peak MiB   before   raw µs/leaf");
  for (const result of results) console.log(resultLine(result));
  console.log();
  for (const leaves of [10_000, 100_000]) compare(results, leaves, leaves);
  compare(results, 1_000_000, 100_000);
}

async function measure(rounds: number, cases: readonly Case[]): Promise<Result[]> {
  const results = cases.map((one) => ({ ...one, measurements: [] as TreeMeasurement[] }));
  for (let round = 0; round < rounds; round++) {
    for (const result of round % 2 === 0 ? results : results.toReversed()) {
      result.measurements.push(await measureOnce(result));
    }
  }
  return results;
}

async function measureOnce({ builder, leaves }: Case): Promise<TreeMeasurement> {
  const child = new URL("tree-child.ts", import.meta.url).pathname;
  const { stdout } = await promisify(execFile)(process.execPath, [child, builder, String(leaves)]);
  return JSON.parse(stdout);
}

function bothBuilders(leaves: number): Case[] {
  return [
    { builder: "payroot", leaves },
    { builder: "openzeppelin", leaves },
  ];
}

function resultLine({ builder, leaves, measurements }: Result): string {
  const raw = measurements.map((one) => one.microsecondsPerLeaf);
  const peak = Math.max(...measurements.map((one) => one.peakMiB));
  const before = Math.max(...measurements.map((one) => one.inputMiB));
  return [
    builder.padEnd(13),
    leaves.toLocaleString("en").padStart(11),
    median(raw).toFixed(2).padStart(18),
    peak.toFixed(0).padStart(10),
    before.toFixed(0).padStart(8),
    `  ${raw.map((one) => one.toFixed(2)).join(" ")}`,
  ].join(" ");
}

/** Prints how many times faster a leaf is ours than theirs; throws when the same leaves gave different roots. */
function compare(results: readonly Result[], ourLeaves: number, theirLeaves: number): void {
  const find = (builder: Builder, leaves: number): TreeMeasurement[] =>
    results.find((one) => one.builder === builder && one.leaves === leaves)?.measurements ?? [];
  const ours = find("payroot", ourLeaves);
  const theirs = find("openzeppelin", theirLeaves);
  const roots = new Set([...ours, ...theirs].map((one) => one.root));
  if (ourLeaves === theirLeaves && roots.size !== 1)
    throw new Error(`different roots: ${[...roots].join(" ")}`);
  const perLeaf = (list: readonly TreeMeasurement[]): number =>
    median(list.map((one) => one.microsecondsPerLeaf));
  const ratio = (perLeaf(theirs) / perLeaf(ours)).toFixed(1);
  const sizes = `${ourLeaves.toLocaleString("en")} leaves, OpenZeppelin at ${theirLeaves.toLocaleString("en")}`;
  console.log(`payroot at ${sizes}: ${ratio} times as fast a leaf`);
}
