// Breaks the contract in one place at a time and runs its tests: node scripts/mutate.ts [check|guard|boundary|effect …].
// Takes half an hour for all four kinds.
import { spawn } from "node:child_process";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

type Mutant = {
  readonly file: string;
  readonly line: number;
  readonly kind: (typeof allKinds)[number];
  readonly before: string;
  readonly after: string;
};
type Verdict = "killed" | "survived" | "does not compile";

const allKinds = ["check", "guard", "boundary", "effect"] as const;
const root = fileURLToPath(new URL("..", import.meta.url));
const files = ["RewardsDistributor.sol", "Accounts.sol", "Asset.sol", "Merkle.sol"];

/** Random sequences are left out: a mutant must fall to a test that names what it broke. */
const leftOut = ["Invariants.t.sol", "support/Handler.sol"];

// Nothing of a mutant is worth optimizing; both settings make a run several times faster.
const config = `import { createRequire } from "node:module";
import { defineConfig } from "hardhat/config";
const require = createRequire(import.meta.url);
export default defineConfig({
  solidity: {
    version: "0.8.37",
    path: require.resolve("solc/soljson.js"),
    settings: { viaIR: true, evmVersion: "cancun", optimizer: { enabled: false } },
  },
  test: { solidity: { fuzz: { runs: 64 } } },
  paths: { sources: "./contracts", tests: { solidity: "./test/contracts" } },
});
`;

/** Swaps that move a boundary or turn a condition round. */
const swaps: readonly (readonly [string, string])[] = [
  [" < ", " <= "],
  [" <= ", " < "],
  [" > ", " >= "],
  [" >= ", " > "],
  [" == ", " != "],
  [" != ", " == "],
  [" && ", " || "],
  [" || ", " && "],
  ["gt(node", "lt(node"],
  ["gt(a,", "lt(a,"],
  ["gt(returndatasize(), 31)", "1"],
  ["eq(mload(0), 1)", "1"],
  ["iszero(returndatasize())", "1"],
  ["gt(extcodesize(asset), 0)", "1"],
  ["ok := and(ok,", "ok := and(1,"],
  ["gasleft());", "2300);"],
  ["SEND_GAS);", "gasleft());"],
];

/** All mutants of one source text. */
function mutantsOf(file: string, text: string): Mutant[] {
  return text.split("\n").flatMap((source, i) => {
    const mutate = (kind: Mutant["kind"], after: string): Mutant[] =>
      after === source ? [] : [{ file, line: i + 1, kind, before: source, after }];
    const code = source.trim();
    if (/^(\/\/|import|pragma|event|error|struct|assembly)/.test(code) || code === "") return [];
    const condition = /\bif \((.*?)\)( revert\b| return\b| \{| emit\b| [\w+(])/.exec(source);
    const swapped = swaps.filter(([from]) => source.includes(from) && !source.includes("for ("));
    return [
      ...(condition ? mutate("check", source.replace(`if (${condition[1]})`, "if (false)")) : []),
      ...(/^_check\w*\(.*\);$/.test(code) ? mutate("check", "") : []),
      ...mutate("guard", source.replace(/\bnonReentrant\b/, "")),
      ...mutate("guard", source.replace(/\bonlyRole\(\w+\)/, "")),
      ...swapped.flatMap(([from, to]) => mutate("boundary", source.replace(from, to))),
      ...(isEffect(code) ? mutate("effect", "") : []),
    ];
  });
}

/** A statement of a line of its own that changes something. */
function isEffect(code: string): boolean {
  if (!code.endsWith(";") || /^(return|revert|using|if|for|else|let|uint|bytes|address|bool)\b/.test(code))
    return false;
  return /^(\w+\(.*\)|emit .*|delete .*|\+\+\w+|[\w.[\]]+ = .*|\(\w[^)]*\) = .*|\w+\.pop\(\));$/.test(code);
}

/** A folder of its own in which mutants are tried. */
async function openWorkshop(): Promise<{ try(mutant: Mutant): Promise<Verdict>; close(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "payroot-mutate-"));
  for (const part of ["contracts", "test/contracts", "package.json"]) {
    await cp(join(root, part), join(folder, part), { recursive: true });
  }
  for (const file of leftOut) await rm(join(folder, "test/contracts", file));
  await symlink(join(root, "node_modules"), join(folder, "node_modules"));
  await writeFile(join(folder, "hardhat.config.ts"), config);
  const sound = await runTests(folder);
  if (sound !== "survived") throw new Error(`the tests fail without a mutant: ${sound}`);
  return {
    try: async ({ file, line, after }) => {
      const path = join(folder, "contracts", file);
      const text = await readFile(path, "utf8");
      await writeFile(
        path,
        text
          .split("\n")
          .with(line - 1, after)
          .join("\n"),
      );
      try {
        return await runTests(folder);
      } finally {
        await writeFile(path, text);
      }
    },
    close: () => rm(folder, { recursive: true }),
  };
}

function runTests(folder: string): Promise<Verdict> {
  const program = join(root, "node_modules/.bin/hardhat");
  const child = spawn(process.execPath, [program, "test", "solidity"], { cwd: folder, stdio: "pipe" });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (text: Buffer) => {
      output += text.toString();
    });
  }
  return new Promise((resolve) => {
    child.once("close", (code) => {
      if (code === 0) resolve("survived");
      else resolve(output.includes("Compilation failed") ? "does not compile" : "killed");
    });
  });
}

const named = allKinds.filter((kind) => process.argv.includes(kind));
const kinds: readonly string[] = named.length > 0 ? named : allKinds;
const sources = files.map(async (file) =>
  mutantsOf(file, await readFile(join(root, "contracts", file), "utf8")),
);
const mutants = (await Promise.all(sources)).flat().filter(({ kind }) => kinds.includes(kind));
console.log(`${mutants.length} mutants`);
const queue = mutants.entries();
const verdicts: (Verdict | undefined)[] = [];

async function work(): Promise<void> {
  const workshop = await openWorkshop();
  for (const [i, mutant] of queue) {
    const verdict = await workshop.try(mutant);
    verdicts[i] = verdict;
    const { file, line, kind, before, after } = mutant;
    if (verdict === "killed") continue;
    console.log(
      `${verdict}: ${kind} at contracts/${file}:${line}\n  - ${before.trim()}\n  + ${after.trim()}`,
    );
  }
  await workshop.close();
}

await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, work));
for (const kind of kinds) {
  const count = (verdict: Verdict) =>
    mutants.filter((mutant, i) => mutant.kind === kind && verdicts[i] === verdict).length;
  const [killed, survived] = [count("killed"), count("survived")];
  const torn = count("does not compile");
  console.log(`${kind.padEnd(9)} ${killed} of ${killed + survived} killed (${torn} do not compile)`);
}
