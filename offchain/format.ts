import { inspect, styleText } from "node:util";
import { formatUnits } from "./core/units.ts";
import { type ExitCode, type Facts, messageOf, PayrootError } from "./errors.ts";

/** What is written to: a process stream, or a test's stand-in. */
export type Stream = {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
};

/** How to print: `json` puts one document on stdout and nothing else, `quiet` silences notes and progress. */
export type OutputOptions = {
  readonly stdout: Stream;
  readonly stderr: Stream;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly noColor?: boolean;
  /** Adds stacks to errors. */
  readonly debug?: boolean;
};

/** A column of a table; `point` lines decimals up at their points. */
export type Column = { readonly title: string; readonly align?: "left" | "right" | "point" };

/** Where a log goes: finished lines, as they are. `terminal` says that people read them there, `color` that they may. */
export type LogSink = {
  readonly terminal: boolean;
  readonly color: boolean;
  readonly write: (line: string) => void;
};

/** The one way to the terminal. Text of others is made harmless: control characters are shown, not obeyed. */
export type Output = {
  /** A line on stdout; nothing with `json`. */
  line(text?: string): void;
  /** Names and values under one another on stdout, undefined ones left out; nothing with `json`. */
  facts(facts: Facts): void;
  /** A table on stdout, its columns aligned; nothing with `json`. */
  table(columns: readonly Column[], rows: readonly (readonly string[])[]): void;
  /** A finished document on stdout, every character as it is; nothing with `json`. */
  document(text: string): void;
  /** A line on stderr for whoever watches; nothing with `quiet`. */
  note(text: string): void;
  /** A line on stderr that the next one replaces, on a terminal only; nothing with `quiet`. Empty text takes it away. */
  progress(text: string): void;
  /** The log of a daemon, on stderr; with `quiet`, too. */
  readonly log: LogSink;
  /** The result of a command: the JSON document with `json`, otherwise whatever `print` prints. */
  result<T>(value: T, print: (value: T, out: Output) => void): void;
  /** An error on stderr, with `json` also as the document on stdout. Returns what the process should end with. */
  error(error: unknown): ExitCode;
};

/** The output of a process, or of a test. */
export function createOutput(options: OutputOptions): Output {
  const { stdout, stderr, json = false, quiet = false, noColor = false, debug = false } = options;
  const styled = (stream: Stream, format: Style, text: string): string =>
    stream.isTTY === true && !noColor ? styleText(format, text, { validateStream: false }) : text;
  let transient = false;
  const show = (text: string): void => {
    if (quiet || stderr.isTTY !== true) return;
    if (transient || text !== "") stderr.write(`\r\u001b[K${text}`);
    transient = text !== "";
  };
  const write = (stream: Stream, text: string): void => {
    show("");
    stream.write(`${text}\n`);
  };
  const print = (text: string): void => {
    if (!json) write(stdout, text);
  };
  const out: Output = {
    line: (text = "") => print(printable(text)),
    facts: (facts) => {
      for (const text of factLines(facts)) print(text);
    },
    table: (columns, rows) => {
      const [head = "", ...body] = tableLines(columns, rows);
      print(styled(stdout, ["bold"], head));
      for (const text of body) print(text);
    },
    document: (text) => {
      if (json) return;
      show("");
      stdout.write(text);
    },
    note: (text) => {
      if (!quiet) write(stderr, printable(text));
    },
    log: {
      terminal: stderr.isTTY === true,
      color: stderr.isTTY === true && !noColor,
      write: (line) => {
        show("");
        stderr.write(line);
      },
    },
    // A terminal that does not know its width says 0.
    progress: (text) => show(printable(text).slice(0, (stderr.columns || 80) - 1)),
    result: (value, printer) => {
      if (json) write(stdout, jsonText(value));
      else printer(value, out);
    },
    error: (error) => {
      const known = error instanceof PayrootError ? error : internalError(error);
      const mark = styled(stderr, ["red", "bold"], `error [${known.code}]`);
      write(stderr, `${mark}: ${printable(known.message)}`);
      for (const text of factLines(known.facts)) write(stderr, `  ${text}`);
      if (known.next !== undefined)
        write(stderr, `  ${styled(stderr, ["bold"], "next")}: ${printable(known.next)}`);
      if (debug) write(stderr, inspect(error));
      if (json) write(stdout, jsonText({ error: errorDocument(known) }));
      return known.exitCode;
    },
  };
  return out;
}

/** The JSON of a result: bigints as decimal strings, two-space indent. */
export function jsonText(value: unknown): string {
  const plain = (_key: string, item: unknown) => (typeof item === "bigint" ? item.toString() : item);
  return JSON.stringify(value ?? null, plain, 2);
}

/** Wei as an exact amount of ETH: 1500000000000000000n → "1.5 ETH". */
export function formatEth(amountWei: bigint): string {
  return `${formatUnits(amountWei, 18)} ETH`;
}

/** A count with commas: 1234567 → "1,234,567". */
export function formatCount(count: number | bigint): string {
  return count.toString().replace(/\B(?=(\d{3})+$)/g, ",");
}

/** Whole seconds in the two largest units: 3725 → "1 h 2 min"; a fraction is cut off. */
export function formatDuration(seconds: number): string {
  let rest = Math.max(0, Math.trunc(seconds));
  const parts: string[] = [];
  for (const [unit, size] of durationUnits) {
    const amount = Math.trunc(rest / size);
    rest -= amount * size;
    if (amount > 0 || parts.length > 0 || size === 1) parts.push(`${amount} ${unit}`);
  }
  return parts
    .slice(0, 2)
    .filter((part, index) => index === 0 || !part.startsWith("0 "))
    .join(" ");
}

/** `text` on one line that a terminal shows as it is: control characters and direction changes as `\u{…}`. */
export function printable(text: string): string {
  return text.replace(unprintable, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

type Style = ("bold" | "red")[];

const durationUnits = [
  ["d", 86_400],
  ["h", 3600],
  ["min", 60],
  ["s", 1],
] as const;
const unprintable = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

function factLines(facts: Facts): string[] {
  const shown = Object.entries(facts).flatMap(([name, value]) =>
    value === undefined ? [] : [[printable(name), printable(String(value))] as const],
  );
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
}

function tableLines(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const cells = columns.map(({ title, align = "left" }, index) => {
    const texts = rows.map((row) => printable(row[index] ?? ""));
    const body = align === "point" ? alignPoints(texts) : texts;
    const width = Math.max(title.length, ...body.map((text) => text.length));
    return [title, ...body].map((text) => (align === "left" ? text.padEnd(width) : text.padStart(width)));
  });
  const lines = Array.from({ length: rows.length + 1 }, (_, index) => cells.map((column) => column[index]));
  return lines.map((line) => line.join("  ").trimEnd());
}

// Blanks after each number, so that right-aligned ones have their points under one another.
function alignPoints(texts: readonly string[]): string[] {
  const fractions = texts.map((text) => (text.includes(".") ? text.length - text.indexOf(".") : 0));
  const width = Math.max(0, ...fractions);
  return texts.map((text, index) => text + " ".repeat(width - (fractions[index] ?? 0)));
}

function errorDocument({ code, message, facts, next, retryable }: PayrootError): Record<string, unknown> {
  return { code, message, facts, next: next ?? null, retryable };
}

function internalError(error: unknown): PayrootError {
  return new PayrootError("internal", "Something went wrong that was not foreseen.", {
    facts: { message: messageOf(error) },
    next: "this is a defect of payroot: run it again with PAYROOT_DEBUG=1 and report what it prints",
    cause: error,
  });
}
