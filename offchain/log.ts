import { type Logger, pino, stdTimeFunctions } from "pino";
import { prettyFactory } from "pino-pretty";
import { messageOf, PayrootError } from "./errors.ts";
import { type LogSink, printable } from "./format.ts";

/** What a daemon tells while it runs. Facts come before the sentence; amounts as decimal strings. */
export type Log = Pick<Logger, "debug" | "info" | "warn" | "error" | "isLevelEnabled">;

/** How lines look: JSON for programs, `people` with time and level, `message` the sentence alone. */
export type LogStyle = "json" | "people" | "message";

/** The least serious line that is written; none with `silent`. */
export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";

/**
 * A log that writes a line at a time. None of `secrets`, and no name and password of a URL, is in any line, wherever it
 * came from: finished lines are searched for them. Without a style it is `people` on a terminal and JSON elsewhere.
 */
export function createLog(
  sink: LogSink,
  options: { readonly level: LogLevel; readonly secrets: readonly string[]; readonly style?: LogStyle },
): Log {
  const { level, secrets, style = sink.terminal ? "people" : "json" } = options;
  const conceal = concealer(secrets);
  const dress = style === "json" ? (line: string) => line : dresser(style, sink.color);
  const censored = ["authorization", 'headers["x-payroot-signature"]', "headers.authorization"];
  return pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: censored, censor: hidden },
    },
    { write: (line: string) => sink.write(dress(conceal(line))) },
  );
}

/** What a line about an error holds, with the stack when it is asked for. */
export function errorFacts(error: unknown, { stack }: { stack: boolean }): Record<string, unknown> {
  const trace = stack && error instanceof Error ? { stack: stackOf(error) } : {};
  if (!(error instanceof PayrootError)) return { code: "internal", reason: messageOf(error), ...trace };
  const { code, message, facts, next, retryable } = error;
  const plain = Object.entries(facts).map(([name, value]) => [
    name,
    typeof value === "bigint" ? String(value) : value,
  ]);
  return { code, reason: message, facts: Object.fromEntries(plain), next, retryable, ...trace };
}

const hidden = "[secret]";

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : "";
  return `${error.stack ?? error.message}${cause}`;
}

/** Takes secrets out of the texts of a JSON line. Short ones are left: nobody could tell them from other text. */
function concealer(secrets: readonly string[]): (line: string) => string {
  const spellings = secrets
    .flatMap((secret) => secret.split(/\r?\n/))
    .map((text) => text.trim())
    .filter((text) => text.length >= shortestSecret && !text.startsWith("-----"))
    .flatMap((text) => [text, text.replace(/^0x/, ""), encodeURIComponent(text)])
    .map((text) => JSON.stringify(text).slice(1, -1));
  const longestFirst = [...new Set(spellings)].sort((a, b) => b.length - a.length);
  const patterns = [...longestFirst.map(escapePattern), '(?<=//)[^\\s/"@]+(?=@)'];
  const secret = new RegExp(patterns.join("|"), "gi");
  return (line) => {
    if (line.search(secret) < 0) return line;
    return line.replace(/"(?:[^"\\]|\\.)*"/g, (text) => text.replace(secret, hidden));
  };
}

const shortestSecret = 6;

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}

/** Makes a JSON line one for people. Text of others cannot move the cursor: control characters are shown. */
function dresser(style: "people" | "message", colorize: boolean): (line: string) => string {
  const options = { colorize, singleLine: true, errorLikeObjectKeys: [] };
  const pretty = prettyFactory({ ...options, translateTime: "UTC:HH:MM:ss" });
  const shown = (key: string, value: unknown): unknown =>
    typeof value === "string" && key !== "stack" ? printable(value) : value;
  return (line) => {
    const facts = JSON.parse(line, shown) as { readonly msg: string };
    return style === "message" ? `${facts.msg}\n` : pretty(facts);
  };
}
