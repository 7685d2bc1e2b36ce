import { isSpace, parseExactly } from "./json-exact.ts";

/** A JSON number that is not a plain integer, kept as it was written: it has a point or an exponent. */
export class JsonDecimal {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Decoded JSON without loss: integers of up to 15 digits are `number`, longer ones `bigint`, others `JsonDecimal`. */
export type Json = null | boolean | string | number | bigint | JsonDecimal | Json[] | JsonObject;

/** A decoded JSON object. */
export type JsonObject = { [key: string]: Json };

/** True for a decoded JSON object, false for arrays, numbers of any kind and null. */
export function isJsonObject(value: Json | undefined): value is JsonObject {
  return (
    typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof JsonDecimal)
  );
}

/**
 * Decodes a JSON text (RFC 8259) losslessly for numbers of any size, at nearly the speed of `JSON.parse`.
 * Throws `SyntaxError` where `JSON.parse` would.
 *
 * `JSON.parse` reads an integer of up to 15 digits exactly and any other number perhaps not. Those others are rare and
 * follow a key, so they are put between quotes behind a mark before `JSON.parse` and restored after it. Wherever that
 * is not plainly safe, the slower `parseExactly` is used instead. So it is for any text with a backslash: `JSON.parse`
 * of V8 13.6 can mistake a key with an escape for another one that it met before.
 */
export function decodeJson(text: string): Json {
  const marked = text.includes("\\") || text.includes(mark) ? undefined : markNumbers(text);
  if (marked === undefined) return parseExactly(text, numberOf);
  const value = JSON.parse(marked) as Json;
  // A text that is one number has no structural character for the pattern to begin at.
  if (typeof value === "number") return numberOf(text.trim());
  return marked === text ? value : restoreNumbers(value);
}

// A private-use character: it may stand unescaped in a JSON string, and no real text begins with it.
const mark = "\uE000";

// What may be a number that a double cannot hold, with the structural character before it. It also matches inside
// strings; `isValueOfPlainKey` tells.
const riskyNumber = /[:[,][ \t\n\r]*(-?(?:\d{16}|\d{1,15}[.eE])[\d.eE+-]*)/g;
const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const jsonInteger = /^-?(?:0|[1-9]\d*)$/;

/** `text` with its risky numbers as marked strings, or undefined when one of them is in an unclear place. */
function markNumbers(text: string): string | undefined {
  let out = "";
  let copied = 0;
  riskyNumber.lastIndex = 0;
  for (let match = riskyNumber.exec(text); match !== null; match = riskyNumber.exec(text)) {
    const number = match[1] ?? "";
    const end = riskyNumber.lastIndex;
    if (!jsonNumber.test(number) || !isValueOfPlainKey(text, { colon: match.index, end })) return undefined;
    out += `${text.slice(copied, end - number.length)}"${mark}${number}"`;
    copied = end;
  }
  return copied === 0 ? text : out + text.slice(copied);
}

/**
 * True when the number that ends at `end` is certainly a value and not part of a string: before the colon stands a
 * quote that directly follows a letter, digit or underscore. In JSON such a quote can only close a string, so what
 * follows it is outside.
 */
function isValueOfPlainKey(text: string, place: { colon: number; end: number }): boolean {
  if (text[place.colon] !== ":") return false;
  let at = place.colon - 1;
  while (isSpace(text.charCodeAt(at))) at -= 1;
  if (text[at] !== '"' || !isWord(text.charCodeAt(at - 1))) return false;
  let after = place.end;
  while (isSpace(text.charCodeAt(after))) after += 1;
  const next = text[after];
  return next === "," || next === "}" || next === "]";
}

function isWord(code: number): boolean {
  return (
    (code >= 0x30 && code <= 0x39) ||
    (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x61 && code <= 0x7a) ||
    code === 0x5f
  );
}

/** The exact value of a JSON number token. */
function numberOf(source: string): number | bigint | JsonDecimal {
  if (!jsonInteger.test(source)) return new JsonDecimal(source);
  const digits = source.startsWith("-") ? source.length - 1 : source.length;
  return digits <= 15 ? Number(source) : BigInt(source);
}

/** Replaces marked strings below `value` by their numbers, in place. Without recursion: nesting has no bound here. */
function restoreNumbers(value: Json): Json {
  const holder: Json[] = [value];
  const open: (Json[] | JsonObject)[] = [holder];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (Array.isArray(node)) {
      for (let i = 0; i < node.length; i++) {
        const item = node[i] as Json;
        if (typeof item === "string") {
          if (item[0] === mark) node[i] = numberOf(item.slice(1));
        } else if (typeof item === "object" && item !== null) open.push(item as Json[] | JsonObject);
      }
    } else {
      for (const key in node) {
        const item = node[key] as Json;
        if (typeof item === "string") {
          if (item[0] === mark) node[key] = numberOf(item.slice(1));
        } else if (typeof item === "object" && item !== null) open.push(item as Json[] | JsonObject);
      }
    }
  }
  return holder[0] as Json;
}
