import type { AuditCheck } from "../../store/records.ts";

/** What a check compares; it holds when both are equal, unless `ok` says otherwise. */
export type Comparison = {
  readonly expected: string;
  readonly actual: string;
  readonly detail?: string | undefined;
  readonly ok?: boolean;
};

/** The outcome of a comparison. A detail of one that holds is kept only when `ok` was given. */
export function checkOf(name: string, { expected, actual, detail, ok }: Comparison): AuditCheck {
  const holds = ok ?? expected === actual;
  return { name, ok: holds, expected, actual, detail: detail ?? null };
}

/** One line of a file as its fields. */
export type Row = Readonly<Record<string, unknown>>;

/** The first line in which a published file differs from the derived one; undefined on the side that lacks it. */
export type LineDifference = {
  readonly expected: { readonly text: string; readonly row: Row } | undefined;
  readonly actual: { readonly text: string; readonly row: Row } | undefined;
};

/** What tells the lines of a file apart. */
const identities: Readonly<Record<string, readonly string[]>> = {
  "objects.ndjson": ["key", "sha256"],
  "rejections.ndjson": ["object", "position"],
  "unmatched.ndjson": ["id"],
  "earnings.ndjson": ["account", "asset", "partition"],
  "leaves.ndjson": ["account", "asset"],
};

/** Compares two versions of an `.ndjson` file of an epoch line by line; undefined when they are equal. */
export function firstLineDifference(
  name: string,
  files: { readonly derived: Uint8Array; readonly published: Uint8Array },
): LineDifference | undefined {
  const [derived, published] = [linesOf(files.derived), linesOf(files.published)];
  let index = 0;
  while (index < derived.length && derived[index] === published[index]) index += 1;
  const [wanted, given] = [derived[index], published[index]];
  if (wanted === undefined && given === undefined) return undefined;
  if (wanted === undefined) return { expected: undefined, actual: lineOf(given) };
  const identity = identityOf(name, rowOf(wanted));
  const same = published.find((text) => identityOf(name, rowOf(text)) === identity);
  // The wanted line is there, so the one in its place is one too many.
  if (same === wanted) return { expected: undefined, actual: lineOf(given) };
  return { expected: lineOf(wanted), actual: lineOf(same) };
}

function linesOf(bytes: Uint8Array): string[] {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

function lineOf(text: string | undefined): LineDifference["expected"] {
  return text === undefined ? undefined : { text: text.slice(0, longestLine), row: rowOf(text) };
}

// Lines are far shorter; what a hostile file holds need not be repeated in full.
const longestLine = 2000;

function rowOf(text: string): Row {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Row) : {};
  } catch {
    return {};
  }
}

function identityOf(name: string, row: Row): string {
  return JSON.stringify((identities[name] ?? []).map((field) => row[field]));
}
