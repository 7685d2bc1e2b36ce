import { PayrootError } from "../errors.ts";

/**
 * The one canonical JSON text of a value (RFC 8785): keys sorted by UTF-16 code units, no white space, numbers and
 * strings as ECMAScript writes them. Throws `not-canonical-json` for what JSON cannot hold without loss or doubt:
 * bigint, undefined, functions, symbols, non-finite numbers, lone surrogates, and objects that are not plain.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === "string") return writeString(value);
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw notCanonical(`the number ${value}`);
    return String(value);
  }
  if (Array.isArray(value)) return writeArray(value);
  if (typeof value !== "object") throw notCanonical(`a value of type ${typeof value}`);
  if (!isPlain(value)) throw notCanonical("an object that is not plain");
  return writeObject(value);
}

function writeString(text: string): string {
  if (!text.isWellFormed()) throw notCanonical("a string with a lone surrogate");
  return JSON.stringify(text);
}

function writeArray(items: readonly unknown[]): string {
  let text = "[";
  // By index, since a hole must be refused and iteration helpers would skip it.
  for (let i = 0; i < items.length; i++) text += (i === 0 ? "" : ",") + canonicalJson(items[i]);
  return `${text}]`;
}

function writeObject(object: Readonly<Record<string, unknown>>): string {
  let text = "{";
  // Array.sort without a comparison orders by UTF-16 code units: what RFC 8785 asks for.
  for (const key of Object.keys(object).sort()) {
    text += `${text.length === 1 ? "" : ","}${writeString(key)}:${canonicalJson(object[key])}`;
  }
  return `${text}}`;
}

function isPlain(value: object): value is Readonly<Record<string, unknown>> {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function notCanonical(found: string): PayrootError {
  return new PayrootError("not-canonical-json", "The value has no canonical JSON form.", {
    facts: { found, expected: "null, boolean, finite number, well-formed string, array or plain object" },
    next: "write amounts as decimal strings and leave absent fields out",
  });
}
