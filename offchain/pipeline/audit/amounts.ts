import { parseAddress } from "../../core/address.ts";
import { leafLine } from "../../core/artifacts.ts";
import type { ClosedEpoch } from "../../core/epoch.ts";
import { earningLine } from "../../core/epoch-files.ts";
import type { AuditCheck } from "../../store/records.ts";
import type { ComparedFile, ComparedFiles } from "./files.ts";
import { type Comparison, checkOf, type Row } from "./lines.ts";
import { type Parsed, parseEarnings, parseLeaves } from "./published.ts";
import type { PublishedAmounts } from "./sums.ts";
import type { Tracer } from "./trace.ts";

/** The published amounts; those that are as derived are not read again. */
export function publishedAmounts({ rows, leaves }: ClosedEpoch, files: ComparedFiles): PublishedAmounts {
  return {
    earnings: amountsIn(files.get("earnings.ndjson"), () => rows.map(earningLine), parseEarnings),
    leaves: amountsIn(files.get("leaves.ndjson"), () => leaves.map(leafLine), parseLeaves),
  };
}

function amountsIn<T>(
  file: ComparedFile | undefined,
  derived: () => T[],
  parse: (bytes: Uint8Array) => Parsed<T[]>,
): readonly T[] | string {
  if (file?.same === true) return derived();
  if (file?.published === undefined) return "a file is missing";
  const parsed = parse(file.published);
  return "fault" in parsed ? `${file.derived.name}: ${parsed.fault}` : parsed.value;
}

/** That a file of rejections or waiting jobs has the lines that it should have; names the event and its object. */
export function checkLines(name: "rejections" | "unmatched", files: ComparedFiles): AuditCheck {
  const comparison = comparisonOf(files.get(`${name}.ndjson`));
  const { row } = comparison;
  if (row === undefined) return checkOf(name, comparison);
  const event = typeof row.id === "string" ? `event ${row.id}` : "an element without id";
  const place =
    row.object === undefined ? String(row.partition) : `object ${row.object} at position ${row.position}`;
  return checkOf(name, { ...comparison, detail: `${event} in ${place}` });
}

/** That a file of amounts has the lines that it should have; names the account and the events behind the difference. */
export async function checkAmounts(
  name: "earnings" | "leaves",
  files: ComparedFiles,
  tracer: Tracer,
): Promise<AuditCheck> {
  const file = files.get(`${name}.ndjson`);
  const comparison = comparisonOf(file);
  const account = parseAddress(String(comparison.row?.account));
  if (account === undefined || file?.line === undefined) return checkOf(name, comparison);
  const amount = name === "earnings" ? "earned" : "cumulative";
  const excess = amountOf(file.line.actual?.row, amount) - amountOf(file.line.expected?.row, amount);
  const partition = name === "earnings" ? partitionOf(comparison.row) : {};
  if (excess === 0n) {
    const detail = `${amount} is right for ${account}, but not the rest of the line`;
    return checkOf(name, { ...comparison, detail });
  }
  return checkOf(name, { ...comparison, detail: await tracer({ account, excess, ...partition }) });
}

function partitionOf(row: Row | undefined): { readonly partition?: string } {
  return typeof row?.partition === "string" ? { partition: row.partition } : {};
}

function amountOf(row: Row | undefined, name: string): bigint {
  const value = row?.[name];
  return typeof value === "string" && /^\d{1,78}$/.test(value) ? BigInt(value) : 0n;
}

/** A file's first difference; the row says whom it is about. */
function comparisonOf(file: ComparedFile | undefined): Comparison & { readonly row?: Row } {
  if (file === undefined) return { expected: "the file", actual: "no such file" };
  const { derived, stored, line, same } = file;
  const whole = `SHA-256 ${derived.sha256}`;
  if (same) return { expected: whole, actual: whole };
  if (stored === undefined) return { expected: whole, actual: "missing" };
  if (line === undefined)
    return { expected: whole, actual: `SHA-256 ${stored.sha256}`, detail: "only in its form" };
  const row = (line.expected ?? line.actual)?.row;
  return {
    expected: line.expected?.text ?? "no such line",
    actual: line.actual?.text ?? "no such line",
    ...(row === undefined ? {} : { row }),
  };
}

/** That everybody has the proofs of the derived leaves. */
export function checkProofs(files: ComparedFiles): AuditCheck {
  const shards = [...files.values()].filter(({ derived }) => derived.name.startsWith("proofs/"));
  const expected = `${shards.length} files of proofs, each leading to the root`;
  const wrong = shards.find(({ same }) => !same);
  if (wrong === undefined) return checkOf("proofs", { expected, actual: expected });
  const { derived, stored, proofFault } = wrong;
  return checkOf("proofs", {
    expected: `SHA-256 ${derived.sha256}`,
    actual: stored === undefined ? "missing" : `SHA-256 ${stored.sha256}`,
    detail: `${derived.name}: ${proofFault ?? "it differs"}`,
  });
}
