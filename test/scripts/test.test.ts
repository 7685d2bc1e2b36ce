import { expect, test } from "vitest";
import { solidityTotals, splitArguments, type VitestReport, vitestTotals } from "../../scripts/test.ts";

const report = (counts: Partial<VitestReport>): VitestReport => ({
  numPassedTests: 0,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  testResults: [],
  ...counts,
});

test("given a good run of Vitest, its totals are those of the report", () => {
  const good = report({ numPassedTests: 7, numPendingTests: 2, numTodoTests: 1 });
  expect(vitestTotals(good, 0)).toEqual({ passed: 7, failed: 0, skipped: 3 });
});

test("given failing tests and a file that could not be run, each counts once", () => {
  const testResults = [
    { status: "failed", assertionResults: [{ status: "failed" }, { status: "failed" }] },
    { status: "failed", assertionResults: [] },
    { status: "failed", assertionResults: [{ status: "passed" }] },
    { status: "passed", assertionResults: [{ status: "passed" }] },
  ];
  const bad = report({ numPassedTests: 2, numFailedTests: 2, testResults });
  expect(vitestTotals(bad, 1)).toEqual({ passed: 2, failed: 4, skipped: 0 });
});

test("given a run that crashed, ran nothing, or failed beside its tests, it counts as one failure", () => {
  const none = { passed: 0, failed: 1, skipped: 0 };
  expect(vitestTotals(undefined, 1)).toEqual({ ...none, fault: "vitest ended without a report" });
  expect(vitestTotals(report({}), 0)).toEqual({ ...none, fault: "vitest found no test" });
  const beside = vitestTotals(report({ numPassedTests: 3 }), 1);
  expect(beside).toEqual({ ...none, passed: 3, fault: "vitest ended with exit code 1" });
  expect(solidityTotals("Error HHE910: Compilation failed\n", 1)).toEqual({
    ...none,
    fault: "hardhat ended without a summary",
  });
  expect(solidityTotals("\n  0 passing\n", 0)).toEqual({ ...none, fault: "hardhat found no test" });
  expect(solidityTotals("\n  5 passing\n", 1)).toMatchObject({ passed: 5, failed: 1, skipped: 0 });
});

test("given Hardhat's summary, with colours or without, its totals are read", () => {
  const lines = [
    "    ✔ test_9 passing()",
    "",
    "\u001b[32m  30 passing\u001b[39m",
    "  2 failing",
    "  1 skipped",
    "",
  ];
  expect(solidityTotals(lines.join("\n"), 1)).toEqual({ passed: 30, failed: 2, skipped: 1 });
  expect(solidityTotals("  12 passing\n", 0)).toEqual({ passed: 12, failed: 0, skipped: 0 });
});

test("given no arguments everything runs, given some only what they name", () => {
  expect(splitArguments([])).toEqual({ vitest: [], solidity: [] });
  expect(splitArguments(["test/core", "-t", "tree"])).toEqual({ vitest: ["test/core", "-t", "tree"] });
  expect(splitArguments(["test/contracts/A.t.sol"])).toEqual({ solidity: ["test/contracts/A.t.sol"] });
  expect(splitArguments(["test/contracts"])).toEqual({ vitest: ["test/contracts"], solidity: [] });
});
