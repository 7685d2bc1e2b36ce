// Runs the benchmarks that the arguments name, or all. A benchmark is a file of this folder, named in one word, that
// exports `run`.
import { readdirSync } from "node:fs";

type Bench = { run(): Promise<void> };

const files = readdirSync(import.meta.dirname).map((file) => /^([a-z]+)\.ts$/.exec(file)?.[1]);
const known = files.filter((name) => name !== undefined && name !== "main" && name !== "report").sort();
const wanted = process.argv.slice(2);
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
    await run();
  }
}
