// Runs the benchmarks that the arguments name, or all; what follows the first `--` argument is for them. A benchmark is a
// file of this folder, named in one word, that exports `run`.
import { readdirSync } from "node:fs";

type Bench = { run(options: readonly string[]): Promise<void> };

const files = readdirSync(import.meta.dirname).map((file) => /^([a-z]+)\.ts$/.exec(file)?.[1]);
const known = files.filter((name) => name !== undefined && name !== "main" && name !== "report").sort();
const given = process.argv.slice(2);
const first = given.findIndex((one) => one.startsWith("--"));
const [wanted, options] = first < 0 ? [given, []] : [given.slice(0, first), given.slice(first)];
const unknown = wanted.filter((name) => !known.includes(name));

if (unknown.length > 0) {
  process.stderr.write(
    `error [usage-invalid]: There is no benchmark "${unknown.join('", "')}".\n  known  ${known.join(" ")}\n`,
  );
  process.exitCode = 2;
} else {
  for (const name of wanted.length > 0 ? wanted : known) {
    process.stdout.write(`\n== ${name}\n`);
    const { run } = (await import(`./${name}.ts`)) as Bench;
    await run(options);
  }
}
