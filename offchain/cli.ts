import { CommanderError, Option, Command as Program } from "commander";
import packageJson from "../package.json" with { type: "json" };
import { attestCommand } from "./commands/attest.ts";
import { auditCommand } from "./commands/audit.ts";
import { backupCommand, restoreCommand } from "./commands/backup.ts";
import { claimCommand } from "./commands/claim.ts";
import { type Command, type Context, usageInvalid } from "./commands/command.ts";
import { deployCommand } from "./commands/deploy.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { epochClose, epochList, epochShow } from "./commands/epoch.ts";
import { explainCommand } from "./commands/explain.ts";
import { exportCommand } from "./commands/export.ts";
import { ingestCommand } from "./commands/ingest.ts";
import { keysAddress, keysImport, keysNew } from "./commands/keys.ts";
import { epochPreview } from "./commands/preview.ts";
import { epochPublish } from "./commands/publish.ts";
import { quarantineList, quarantineRetry } from "./commands/quarantine.ts";
import { epochRebuild, ledgerRebuild } from "./commands/rebuild.ts";
import { epochReopen } from "./commands/reopen.ts";
import { epochRevoke } from "./commands/revoke.ts";
import { run } from "./commands/run.ts";
import { sponsorCommand } from "./commands/sponsor.ts";
import { workerStatement } from "./commands/statement.ts";
import { statusCommand } from "./commands/status.ts";
import { workerShow } from "./commands/worker.ts";
import { loadConfig, readPresentation } from "./config.ts";
import { type ExitCode, exitCodes, PayrootError } from "./errors.ts";
import { createOutput, type Output, type Stream } from "./format.ts";
import { settings } from "./settings.ts";

/** Every command, in the order of the help. */
const commands: readonly Command[] = [
  run,
  ingestCommand,
  statusCommand,
  doctorCommand,
  epochList,
  epochShow,
  epochPreview,
  epochClose,
  epochPublish,
  epochRevoke,
  epochReopen,
  epochRebuild,
  ledgerRebuild,
  auditCommand,
  workerShow,
  workerStatement,
  explainCommand,
  claimCommand,
  sponsorCommand,
  attestCommand,
  exportCommand,
  deployCommand,
  backupCommand,
  restoreCommand,
  keysNew,
  keysImport,
  keysAddress,
  quarantineList,
  quarantineRetry,
];

const groups: Readonly<Record<string, string>> = {
  epoch: "the open epoch, and those that were closed",
  ledger: "the data directory",
  worker: "the money of one worker",
  quarantine: "objects and events that were rejected",
  keys: "the key that signs",
};

/** One call of payroot. */
export type Invocation = {
  /** What was typed after `payroot`. */
  readonly argv: readonly string[];
  readonly stdout: Stream;
  readonly stderr: Stream;
  readonly signal: AbortSignal;
  /** The environment; that of the process when absent. */
  readonly env?: NodeJS.ProcessEnv;
  /** The table of commands; that of payroot when absent. */
  readonly commands?: readonly Command[];
};

/** Runs one call and gives the code to exit with. Never throws: whatever happens is printed. */
export async function main(invocation: Invocation): Promise<ExitCode> {
  const { signal, env } = invocation;
  const out = outputOf(invocation);
  try {
    const choice = choose(invocation);
    if (choice === undefined) return exitCodes.done;
    const config = loadConfig({ ...(env && { env }), flags: choice.flags });
    return await execute(choice, { config, flags: choice.flags, out, signal });
  } catch (error) {
    return out.error(isInterruption(error, signal) ? interrupted() : error);
  }
}

/**
 * Runs one call as this process. Ctrl-C and SIGTERM ask it to stop, a second one makes it; a reader of its output
 * that goes away is no error.
 */
export async function runProcess(table: readonly Command[] = commands): Promise<void> {
  const { stdout, stderr, argv } = process;
  const stop = new AbortController();
  const invocation = { argv: argv.slice(2), stdout, stderr, signal: stop.signal, commands: table };
  const out = outputOf(invocation);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(exitCodes.temporary);
      stop.abort();
    });
  }
  for (const stream of [stdout, stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") process.exit(exitCodes.failed);
    });
  }
  process.on("uncaughtException", (error) => process.exit(out.error(error)));
  process.exitCode = await main(invocation);
}

function outputOf({ argv, stdout, stderr, env }: Invocation): Output {
  const [json, quiet] = [argv.includes("--json"), argv.includes("--quiet")];
  return createOutput({ stdout, stderr, json, quiet, ...readPresentation(env) });
}

type Choice = {
  readonly command: Command;
  /** Arguments and options of the command, by name. */
  readonly texts: Readonly<Record<string, unknown>>;
  /** Global flags that are settings. */
  readonly flags: NonNullable<NonNullable<Parameters<typeof loadConfig>[0]>["flags"]>;
};

// What was typed, as the command it names; undefined when help or the version was asked for, and printed.
function choose({ argv, stdout, stderr, commands: table = commands }: Invocation): Choice | undefined {
  const program = new Program("payroot")
    .description(
      "Turns the work events of a pool into one Merkle root per epoch, which workers claim against.",
    )
    .version(packageJson.version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand("help [command]", "print the help of a command")
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      outputError: () => {},
    })
    .exitOverride();
  for (const option of globalOptions()) program.addOption(option);
  let choice: Choice | undefined;
  for (const command of table) {
    addCommand(program, command).action((...parsed) => {
      const values = parsed.slice(0, Object.keys(command.arguments).length);
      const texts = Object.fromEntries(
        Object.keys(command.arguments).map((key, index) => [key, values[index]]),
      );
      const own = (parsed.at(-1) as Program).opts();
      choice = { command, texts: { ...texts, ...own }, flags: settingFlags(program.opts()) };
    });
  }
  try {
    program.parse([...argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== exitCodes.done) throw usageError(error);
  }
  return choice;
}

function globalOptions(): Option[] {
  const stores = Object.values(settings).flatMap(({ flag, about }) =>
    flag === undefined ? [] : [new Option(`${flag} <${flag === "--data-dir" ? "dir" : "url"}>`, about)],
  );
  return [
    new Option("--json", "print one JSON document on stdout, nothing else"),
    new Option("--quiet", "print no notes and no progress"),
    new Option("--config <file>", "read settings from a JSON file"),
    ...stores,
  ];
}

function addCommand(program: Program, command: Command): Program {
  const words = command.name.split(" ");
  const name = words.pop() ?? "";
  const parent = words.length === 0 ? program : groupOf(program, words.join(" "));
  const added = parent.command(name).description(command.summary);
  for (const [key, { about }] of Object.entries(command.arguments)) added.argument(`<${key}>`, about);
  for (const [key, item] of Object.entries(command.options)) {
    const flag = `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    added.option("parse" in item ? `${flag} <${item.placeholder}>` : flag, item.about);
  }
  return added;
}

function groupOf(program: Program, name: string): Program {
  const known = program.commands.find((command) => command.name() === name);
  return known ?? program.command(name).description(groups[name] ?? "");
}

function settingFlags(options: Readonly<Record<string, unknown>>): Choice["flags"] {
  const flags = [["config", "--config"], ...Object.entries(settings).map(([key, { flag }]) => [key, flag])];
  return Object.fromEntries(
    flags.flatMap(([key = "", flag]) => {
      const value = flag === undefined ? undefined : options[new Option(`${flag} <value>`).attributeName()];
      return value === undefined ? [] : [[key, String(value)]];
    }),
  );
}

// Runs the command, closes whatever it opened, the last first, then prints. The first fault is the one reported.
async function execute({ command, texts }: Choice, given: Omit<Context, "defer">): Promise<ExitCode> {
  const closers: (() => Promise<void>)[] = [];
  const faults: unknown[] = [];
  const context: Context = { ...given, defer: (close) => void closers.push(close) };
  const { signal, out } = given;
  if (!command.keepsLog)
    signal.addEventListener("abort", () => out.note("stopping; once more to stop at once"));
  const outcome = await command.start(context, texts).catch((error: unknown) => void faults.push(error));
  for (const close of closers.reverse()) await close().catch((error: unknown) => void faults.push(error));
  if (!outcome || faults.length > 0) throw faults[0];
  out.result(outcome.value, (_value, out) => outcome.print(out));
  return outcome.exitCode;
}

function isInterruption(error: unknown, signal: AbortSignal): boolean {
  if (!signal.aborted || !(error instanceof Error)) return false;
  return error.name === "AbortError" || (error.cause !== undefined && isInterruption(error.cause, signal));
}

function interrupted(): PayrootError {
  return new PayrootError("interrupted", "It was stopped before it was done.", {
    next: "run the same command again: what was done is kept, and the rest is made up for",
    retryable: true,
  });
}

function usageError(error: CommanderError): PayrootError {
  if (error.code === "commander.help")
    return usageInvalid("A command is missing.", { next: "choose one of the list" });
  const [first = "", suggestion] = error.message.replace(/^error: /, "").split("\n");
  // What stands behind the = of a mistyped flag may be a secret.
  const sentence = first.replace(/=[^']*'/, "'").replace(/\.?$/, ".");
  const next = suggestion?.replace(/^\((.*)\)$/, "$1").toLowerCase() ?? "see payroot --help";
  return usageInvalid(sentence.charAt(0).toUpperCase() + sentence.slice(1), { next });
}

if (import.meta.main) await runProcess();
