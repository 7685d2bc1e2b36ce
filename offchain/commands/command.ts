import type { Config, Sources } from "../config.ts";
import { type Address, parseAddress } from "../core/address.ts";
import { type ExitCode, exitCodes, type Facts, PayrootError } from "../errors.ts";
import type { Output } from "../format.ts";

// A command is one file of this folder that exports one value, and one line in the table of ../cli.ts:
//
//   export const epochShow = command({
//     name: "epoch show",
//     summary: "what an epoch paid",
//     arguments: { epoch: wholeNumber("number of the epoch") },     // payroot epoch show <epoch>
//     options: { from: text("where it is published"), broadcast: { about: "send it" } },
//     async run(context, { epoch, from, broadcast }) {              // number, string | undefined, boolean
//       const ledger = await openLedger(context);                   // opens, and defers its own closing
//       return showEpoch(ledger, epoch);                            // the value is what `--json` prints
//     },
//     print: (value, out) => out.facts(value.totals),               // the same value for people
//   });
//
// `run` parses nothing, prints nothing but notes and progress, and throws a `PayrootError` when it cannot go on.
// What it opens is closed before the value is printed, however it ended.

/** What a command works with. */
export type Context = {
  readonly config: Config;
  /** Which settings were typed as flags of this call, for a command that must tell them from what is usual. */
  readonly flags: NonNullable<Sources["flags"]>;
  readonly out: Output;
  /** Aborted by Ctrl-C and SIGTERM: finish what is in hand, then return, or throw the signal's reason. */
  readonly signal: AbortSignal;
  /** Has `close` called when the command has ended, the last deferred first. */
  defer(close: () => Promise<void>): void;
};

/** An argument, or an option with a value: how help shows it, how its text is read; undefined when it is not as `expected`. */
export type Parameter<T> = {
  readonly about: string;
  readonly placeholder: string;
  readonly expected: string;
  readonly parse: (given: string) => T | undefined;
};

/** An option without a value. */
export type Switch = { readonly about: string };

type Parameters = Readonly<Record<string, Parameter<unknown>>>;
type Options = Readonly<Record<string, Parameter<unknown> | Switch>>;
type None = Record<never, never>;
type Input<A, O> = { readonly [K in keyof A]: A[K] extends Parameter<infer T> ? T : never } & {
  readonly [K in keyof O]: O[K] extends Parameter<infer T> ? T | undefined : boolean;
};

/** How a command is written down. */
export type Definition<A extends Parameters, O extends Options, V> = {
  /** As it is typed: one word, or a group and a word. */
  readonly name: string;
  readonly summary: string;
  /** It keeps a log on stderr, and says itself that it stops. */
  readonly keepsLog?: boolean;
  readonly arguments?: A;
  readonly options?: O;
  readonly run: (context: Context, input: Input<A, O>) => Promise<V>;
  readonly print: (value: V, out: Output, input: Input<A, O>) => void;
  /** What a value that is no success ends with; `done` when absent. */
  readonly exitCode?: (value: V) => ExitCode;
};

/** What a command came to; `print` shows the value to people. */
export type Outcome = {
  readonly value: unknown;
  readonly print: (out: Output) => void;
  readonly exitCode: ExitCode;
};

/** A command as the table holds it: whatever its types, it starts from text and ends in an outcome. */
export type Command = {
  readonly name: string;
  readonly summary: string;
  readonly keepsLog: boolean;
  readonly arguments: Parameters;
  readonly options: Options;
  /** Reads the texts of arguments and options, then runs. Throws `usage-invalid`, or what `run` throws. */
  readonly start: (context: Context, texts: Readonly<Record<string, unknown>>) => Promise<Outcome>;
};

/** Makes a command of its definition. */
export function command<const A extends Parameters = None, const O extends Options = None, V = unknown>(
  definition: Definition<A, O, V>,
): Command {
  const { name, summary, keepsLog = false, run, print, exitCode } = definition;
  const parameters: Parameters = definition.arguments ?? {};
  const options: Options = definition.options ?? {};
  return {
    name,
    summary,
    keepsLog,
    arguments: parameters,
    options,
    async start(context, texts) {
      const items = Object.entries({ ...parameters, ...options });
      const input = Object.fromEntries(
        items.map(([key, item]) => [key, read(item, { key, given: texts[key] })]),
      );
      const given = input as Input<A, O>;
      const value = await run(context, given);
      return {
        value,
        print: (out) => print(value, out, given),
        exitCode: exitCode?.(value) ?? exitCodes.done,
      };
    },
  };
}

/** Any text that is not empty. */
export function text(about: string): Parameter<string> {
  const parse = (given: string) => given || undefined;
  return { about, placeholder: "text", expected: "text that is not empty", parse };
}

/** A whole number from 0 on. */
export function wholeNumber(about: string): Parameter<number> {
  const parse = (given: string) => (/^\d{1,15}$/.test(given) ? Number(given) : undefined);
  return { about, placeholder: "number", expected: "a whole number, digits only", parse };
}

/** The address of an account, in any case that EIP-55 allows. */
export function account(about: string): Parameter<Address> {
  const expected = "0x and 40 hex digits, all lower case or with a correct EIP-55 checksum";
  return { about, placeholder: "address", expected, parse: parseAddress };
}

/** The error for something typed that cannot be meant: exit code 2. */
export function usageInvalid(sentence: string, options: { facts?: Facts; next: string }): PayrootError {
  return new PayrootError("usage-invalid", sentence, { ...options, exitCode: exitCodes.usage });
}

function read(item: Parameter<unknown> | Switch, { key, given }: { key: string; given: unknown }): unknown {
  if (!("parse" in item)) return given === true;
  if (typeof given !== "string") return undefined;
  const value = item.parse(given);
  if (value === undefined) {
    const facts = { given, expected: item.expected, meaning: item.about };
    throw usageInvalid(`The value of "${key}" cannot be used.`, {
      facts,
      next: "correct it and run the command again",
    });
  }
  return value;
}
