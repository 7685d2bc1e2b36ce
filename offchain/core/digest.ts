import { hash } from "node:crypto";
import { type Json, JsonDecimal, type JsonObject } from "./json.ts";

/**
 * 32 hex digits that two events share exactly when they are equal as JSON values: key order, white space and the way
 * a number is written do not matter. The first half of a SHA-256.
 */
export function contentDigest(element: JsonObject): string {
  return hash(
    "sha256",
    isSortedAndPlain(element) ? JSON.stringify(element) : comparableText(element),
    "hex",
  ).slice(0, 32);
}

/** True when `JSON.stringify` of an array or object is its comparable text already: keys sorted, every number plain. */
function isSortedAndPlain(value: Json[] | JsonObject | JsonDecimal): boolean {
  if (Array.isArray(value)) return value.every(isPlain);
  if (value instanceof JsonDecimal) return false;
  let previous = "";
  for (const key in value) {
    if (key <= previous || !isPlain(value[key] as Json)) return false;
    previous = key;
  }
  return true;
}

function isPlain(value: Json): boolean {
  if (typeof value === "object") return value === null || isSortedAndPlain(value);
  return typeof value !== "bigint";
}

function comparableText(value: Json): string {
  if (typeof value === "bigint") return decimalText(value.toString());
  if (value instanceof JsonDecimal) return decimalText(value.text);
  if (Array.isArray(value)) return `[${value.map(comparableText).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const members = Object.keys(value)
      .sort()
      .map((key) => `${JSON.stringify(key)}:${comparableText(value[key] as Json)}`);
    return `{${members.join(",")}}`;
  }
  return JSON.stringify(value);
}

/** One text for all ways to write a number: an integer as its digits, another as digits × a power of ten. */
function decimalText(source: string): string {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(source);
  const fraction = match?.[3] ?? "";
  const digits = `${match?.[2] ?? ""}${fraction}`.replace(/^0+/, "");
  if (digits === "") return "0";
  const significant = digits.replace(/0+$/, "");
  const power =
    BigInt(match?.[4] ?? 0) - BigInt(fraction.length) + BigInt(digits.length - significant.length);
  const sign = match?.[1] ?? "";
  if (power >= 0n && power <= 400n) return `${sign}${significant}${"0".repeat(Number(power))}`;
  return `${sign}${significant}e${power}`;
}
