// Runs every test there is, or those that the arguments name, and ends with one line of totals.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";

/** How many tests ended how; `fault` when a failure is not one of a test. */
export type Totals = {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly fault?: string;
};

/** What Vitest's JSON reporter writes, as far as it is used. */
export type VitestReport = {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { status: string }[];
  }[];
};

const root = fileURLToPath(new URL("..", import.meta.url));

/** The totals of a run of Vitest; a file that could not be run counts as a failure, and so does a run without a report. */
export function vitestTotals(report: VitestReport | undefined, exitCode: number): Totals {
  if (report === undefined) return broken("vitest ended without a report");
  const unrun = report.testResults.filter(
    (file) => file.status === "failed" && !file.assertionResults.some(({ status }) => status === "failed"),
  );
  const totals = {
    passed: report.numPassedTests,
    failed: report.numFailedTests + unrun.length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
  return checked("vitest", totals, exitCode);
}

/** The totals of a run of Hardhat's Solidity tests, read from the summary it prints. */
export function solidityTotals(output: string, exitCode: number): Totals {
  const text = stripVTControlCharacters(output);
  const count = (word: string) => Number(new RegExp(`^ *(\\d+) ${word}$`, "m").exec(text)?.[1] ?? Number.NaN);
  const passed = count("passing");
  if (Number.isNaN(passed)) return broken("hardhat ended without a summary");
  return checked(
    "hardhat",
    { passed, failed: count("failing") || 0, skipped: count("skipped") || 0 },
    exitCode,
  );
}

/** Which arguments go to which runner; undefined for a runner that does not run. */
export function splitArguments(args: readonly string[]): {
  vitest?: readonly string[];
  solidity?: readonly string[];
} {
  const contracts = args.filter((arg) => arg.endsWith(".sol"));
  const others = args.filter((arg) => !arg.endsWith(".sol"));
  const folder = others.some((arg) => /^(\.\/)?test\/contracts\/?$/.test(arg));
  return {
    ...(args.length === 0 || others.length > 0 ? { vitest: others } : {}),
    ...(args.length === 0 || contracts.length > 0 || folder ? { solidity: contracts } : {}),
  };
}

// A run that fails although no test did, or that ran nothing, must not pass for a good one.
function checked(runner: string, totals: Totals, exitCode: number): Totals {
  if (totals.failed > 0) return totals;
  if (exitCode !== 0) return broken(`${runner} ended with exit code ${exitCode}`, totals);
  return totals.passed + totals.skipped === 0 ? broken(`${runner} found no test`) : totals;
}

function broken(fault: string, counted: Partial<Totals> = {}): Totals {
  return { passed: 0, skipped: 0, ...counted, failed: 1, fault };
}

async function runVitest(args: readonly string[]): Promise<Totals> {
  const folder = mkdtempSync(join(tmpdir(), "payroot-test-"));
  try {
    const file = join(folder, "report.json");
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
    const command = [
      "node_modules/vitest/vitest.mjs",
      "run",
      "--config",
      "test/vitest.config.ts",
      ...reporters,
    ];
    const child = spawn(process.execPath, [...command, ...args], { cwd: root, stdio: "inherit" });
    const [exitCode] = await once(child, "close");
    const report = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as VitestReport) : undefined;
    return vitestTotals(report, exitCode ?? 1);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function runSolidity(args: readonly string[]): Promise<Totals> {
  if (globSync("test/contracts/**/*.sol", { cwd: root }).length === 0)
    return { passed: 0, failed: 0, skipped: 0 };
  const command = ["node_modules/hardhat/dist/src/cli.js", "test", "solidity", ...args];
  const child = spawn(process.execPath, command, { cwd: root, stdio: ["inherit", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    output += chunk;
    process.stdout.write(chunk);
  });
  const [exitCode] = await once(child, "close");
  return solidityTotals(output, exitCode ?? 1);
}

async function main(): Promise<void> {
  const { vitest, solidity } = splitArguments(process.argv.slice(2));
  // One after the other: both want every core there is.
  const runs = [vitest && (await runVitest(vitest)), solidity && (await runSolidity(solidity))].filter(
    (run) => !!run,
  );
  const sum = (pick: (totals: Totals) => number) => runs.reduce((total, run) => total + pick(run), 0);
  const failed = sum((run) => run.failed);
  for (const { fault } of runs)
    if (fault !== undefined) process.stdout.write(`${fault}: counted as one failure\n`);
  process.stdout.write(
    `${sum((run) => run.passed)} passed, ${failed} failed, ${sum((run) => run.skipped)} skipped\n`,
  );
  process.exitCode = failed === 0 ? 0 : 1;
}

if (import.meta.main) await main();
