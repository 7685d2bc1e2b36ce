import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { settings } from "../offchain/settings.ts";
import { pathsOf, readSources, root, type Source, textOf } from "./support/source.ts";

const sources = readSources();
const ownPath = "test/tidy.test.ts";
const generated = ["offchain/chain/distributor-artifact.ts"];
const product = sources.filter(({ path }) => !path.startsWith("test/") && !generated.includes(path));

// Who may import what of the project: the first room that a file is in decides. Types of an adapter may be named by
// whoever gets it handed in. `packages`, where there is such a list, are the only ones from outside.
const leaves = ["errors", "format", "log", "config", "settings"].map((name) => `offchain/${name}.ts`);
const core = ["offchain/core/", "offchain/errors.ts"];
const ports = [
  "offchain/objects/object-store.ts",
  "offchain/objects/concurrent.ts",
  "offchain/store/ledger-store.ts",
  "offchain/store/keyspace.ts",
  "offchain/store/keys.ts",
  "offchain/store/job-keys.ts",
  "offchain/store/audit-keys.ts",
  "offchain/store/ops-keys.ts",
  "offchain/store/records.ts",
  "offchain/chain/distributor-chain.ts",
  "offchain/chain/record.ts",
  "offchain/chain/attestation.ts",
  "offchain/chain/batch.ts",
  "offchain/chain/calls.ts",
  "offchain/chain/output.ts",
];
const adapters = ["offchain/objects/", "offchain/store/", "offchain/chain/"];
const encoders = ["hash-wasm", "node:zlib", "node:crypto", "node:buffer"];
const rules: readonly { room: string; may: readonly string[]; packages?: readonly string[] }[] = [
  { room: "offchain/core/", may: core, packages: encoders },
  { room: "offchain/objects/", may: [...core, "offchain/objects/"] },
  { room: "offchain/store/", may: [...core, "offchain/store/"] },
  { room: "offchain/chain/", may: [...core, "offchain/chain/"] },
  { room: "offchain/pipeline/", may: [...core, ...ports, "offchain/pipeline/"] },
  { room: "offchain/intake/", may: [...core, "offchain/objects/", "offchain/intake/"] },
  {
    room: "offchain/api/",
    may: [...core, ...ports, "offchain/format.ts", "offchain/pipeline/", "offchain/intake/", "offchain/api/"],
  },
  {
    room: "offchain/commands/open",
    may: [...core, ...leaves, ...adapters, "offchain/pipeline/", "offchain/intake/", "offchain/commands/"],
  },
  {
    room: "offchain/commands/",
    may: [
      ...core,
      ...leaves,
      ...ports,
      ...["offchain/pipeline/", "offchain/api/", "offchain/commands/", "package.json"],
    ],
  },
  { room: "offchain/demo/", may: ["offchain/"] },
  { room: "offchain/errors.ts", may: [], packages: [] },
  { room: "offchain/format.ts", may: core, packages: ["node:util"] },
  {
    room: "offchain/log.ts",
    may: [...core, "offchain/format.ts"],
    packages: ["pino", "pino-pretty"],
  },
  { room: "offchain/settings.ts", may: core },
  { room: "offchain/config.ts", may: [...core, "offchain/settings.ts"] },
  { room: "offchain/cli.ts", may: [...core, ...leaves, "offchain/commands/", "package.json"] },
  { room: "offchain/", may: [] },
  { room: "scripts/", may: ["offchain/", "scripts/"] },
];

const banned: readonly { pattern: RegExp; instead: string; within?: RegExp; text?: boolean }[] = [
  { pattern: /\bparseFloat\(/, instead: "exact integers or decimals" },
  {
    pattern: /\bNumber\([^)]*(Wei\b|\b(gross|earned|cumulative|fees)\b)/,
    instead: "bigint: amounts are never floats",
    within: /^(offchain|scripts)\//,
  },
  {
    pattern: /\bprocess\.env\b/,
    instead: "a setting of offchain/settings.ts",
    within: /^offchain\/(?!config\.ts)/,
  },
  {
    pattern: /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bperformance\./,
    instead: "an argument: the core is pure",
    within: /^offchain\/core\//,
  },
  {
    pattern: /\.push\(\.\.\./,
    instead: "append of core/append.ts, or a loop: arguments stand on the stack",
    within: /^offchain\//,
  },
  {
    pattern: /\.(only|skip|todo)\(|\bretry: *\d/,
    instead: "a test that runs, and passes at once",
    within: /^test\//,
  },
  { pattern: /\b(TODO|FIXME|XXX|HACK)\b/, instead: "the thing itself, or an issue", text: true },
  {
    pattern: /(^|[\s"'`(=])\/(work|home|root|Users)\//,
    instead: "a path relative to the project",
    text: true,
  },
];

const limits = { file: 300, testFile: 400, function: 70 };

function faultsOfImports({ path, imports }: Source): string[] {
  const rule = rules.find(({ room }) => path.startsWith(room));
  return imports.flatMap(({ from, typeOnly, line }) => {
    const inside = /^(offchain|scripts|test)\/|^package\.json$/.test(from);
    const allowed = inside ? [...(rule?.may ?? []), ...(typeOnly ? typesFor(path) : [])] : rule?.packages;
    const fine = allowed === undefined || allowed.some((start) => from.startsWith(start));
    return fine ? [] : [`${path}:${line} imports ${from}`];
  });
}

function typesFor(path: string): string[] {
  return /^offchain\/(pipeline|api|commands)\//.test(path) ? adapters : [];
}

function linesOf(text: string): number {
  return text.trimEnd().split("\n").length;
}

test("given the import rule, every file keeps to it", () => {
  expect(product.flatMap(faultsOfImports)).toEqual([]);
});

test("given the length of files, none is too long and the usual one is short", () => {
  const contracts = pathsOf("contracts/**/*.sol", "scripts/*.mjs").map((path) => ({
    path,
    text: textOf(path),
  }));
  const limitOf = (path: string) => (path.startsWith("test/") ? limits.testFile : limits.file);
  const checked = [...sources.filter(({ path }) => !generated.includes(path)), ...contracts];
  const long = checked.filter(({ path, text }) => linesOf(text) > limitOf(path));
  expect(
    long.map(({ path, text }) => `${path} has ${linesOf(text)} lines, at most ${limitOf(path)}`),
  ).toEqual([]);
  const lengths = product.map(({ text }) => linesOf(text)).sort((a, b) => a - b);
  expect(lengths[lengths.length >> 1]).toBeLessThanOrEqual(120);
});

test("given the length of functions, none is too long", () => {
  const faults = product.flatMap(({ path, functions }) =>
    functions
      .filter(({ lines }) => lines > limits.function)
      .map(({ line, lines }) => `${path}:${line} has ${lines} lines, at most ${limits.function}`),
  );
  expect(faults).toEqual([]);
});

test("given exported names, each has a doc comment", () => {
  const offchain = product.filter(({ path }) => path.startsWith("offchain/"));
  expect(
    offchain.flatMap((file) => file.undocumented.map(({ head, line }) => `${file.path}:${line} ${head}`)),
  ).toEqual([]);
});

test("given what is banned, no file has it", () => {
  const others = pathsOf(
    "contracts/**/*.sol",
    "test/contracts/**/*.sol",
    "**/*.md",
    "scripts/*.mjs",
    ".ci/run",
  );
  const files = [...sources, ...others.map((path) => ({ path, text: textOf(path), code: "" }))];
  const faults = files.flatMap(({ path, text, code }) =>
    banned
      .filter(
        ({ within, text: everywhere }) => (within?.test(path) ?? true) && !(everywhere && path === ownPath),
      )
      .flatMap(({ pattern, instead, text: everywhere }) =>
        (everywhere ? text : code)
          .split("\n")
          .flatMap((line, index) =>
            pattern.test(line) ? [`${path}:${index + 1} ${line.trim()} → ${instead}`] : [],
          ),
      ),
  );
  expect(faults).toEqual([]);
});

test("given a README, every path it names exists", () => {
  const faults = pathsOf("README.md", "*/**/README.md").flatMap((readme) => {
    const text = textOf(readme);
    const links = [...text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map(([, target = ""]) => target);
    const code = [...text.matchAll(/`((?:offchain|contracts|scripts|test|deployments|\.ci)\/[\w./-]*)`/g)];
    const local = links
      .filter((target) => !/^[a-z]+:/.test(target))
      .map((target) => join(dirname(readme), target));
    return [...local, ...code.map(([, path = ""]) => path)]
      .filter((path) => !existsSync(root + path))
      .map((path) => `${readme}: ${path}`);
  });
  expect(faults).toEqual([]);
});

test("given the README's table of settings, it has every one with its default", () => {
  const rows = (existsSync(`${root}README.md`) ? textOf("README.md") : "")
    .split("\n")
    .filter((line) => /^\| *`[A-Z0-9_]+`/.test(line));
  const faults = Object.values(settings).filter(
    ({ env, fallback }) => !rows.some((row) => row.includes(`\`${env}\``) && row.includes(fallback ?? "")),
  );
  expect(rows.length === 0 ? [] : faults.map(({ env, fallback }) => `${env} ${fallback ?? ""}`)).toEqual([]);
});

test("given package.json, every file that its scripts run exists", () => {
  const files = [...textOf("package.json").matchAll(/\b(?:offchain|scripts|test)\/[\w/-]+\.m?[tj]s/g)].map(
    ([file]) => file,
  );
  expect(files.filter((file) => !existsSync(root + file))).toEqual([]);
});

test("given the top level, it holds what the house plan says and nothing else", () => {
  const known =
    /^(package(-lock)?\.json|tsconfig\.json|hardhat\.config\.ts|biome\.json|contracts|scripts|offchain|test|deployments|README\.md|CHANGELOG\.md|LICENSE|\..*)$/;
  const made = ["node_modules", "artifacts", "cache", "coverage", "data", "dist"];
  expect(readdirSync(root).filter((name) => !known.test(name) && !made.includes(name))).toEqual([]);
});
