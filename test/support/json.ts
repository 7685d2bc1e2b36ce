import fc from "fast-check";
import { type Json, JsonDecimal } from "../../offchain/core/json.ts";

/** A parser of RFC 8259 that is slow and obvious: one function a rule, every number read from its digits. */
export function slowParse(text: string): Json {
  const parser = new SlowParser(text);
  const value = parser.value();
  parser.space();
  if (!parser.ended()) throw new SyntaxError("text after the value");
  return value;
}

class SlowParser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  ended(): boolean {
    return this.#at === this.#text.length;
  }

  space(): void {
    while (" \t\n\r".includes(this.#text[this.#at] ?? "x")) this.#at += 1;
  }

  value(): Json {
    this.space();
    const literals: [string, Json][] = [
      ["null", null],
      ["true", true],
      ["false", false],
    ];
    for (const [word, value] of literals) if (this.#take(word)) return value;
    const next = this.#text[this.#at];
    if (next === '"') return this.#string();
    if (next === "[") return this.#array();
    if (next === "{") return this.#object();
    return this.#number();
  }

  #take(word: string): boolean {
    const found = this.#text.startsWith(word, this.#at);
    if (found) this.#at += word.length;
    return found;
  }

  #expect(word: string): void {
    this.space();
    if (!this.#take(word)) throw new SyntaxError(`expected ${word} at ${this.#at}`);
  }

  #array(): Json[] {
    this.#expect("[");
    const items: Json[] = [];
    this.space();
    if (this.#take("]")) return items;
    for (;;) {
      items.push(this.value());
      this.space();
      if (this.#take("]")) return items;
      this.#expect(",");
    }
  }

  #object(): Json {
    this.#expect("{");
    const members: [string, Json][] = [];
    this.space();
    if (this.#take("}")) return {};
    for (;;) {
      this.space();
      const name = this.#string();
      this.#expect(":");
      members.push([name, this.value()]);
      this.space();
      if (this.#take("}")) return Object.fromEntries(members);
      this.#expect(",");
    }
  }

  #string(): string {
    this.#expect('"');
    const escapes: Record<string, string> = {
      b: "\b",
      f: "\f",
      n: "\n",
      r: "\r",
      t: "\t",
      '"': '"',
      "\\": "\\",
      "/": "/",
    };
    let value = "";
    for (;;) {
      const char = this.#text[this.#at++];
      if (char === undefined || char < " ") throw new SyntaxError("a string that does not end");
      if (char === '"') return value;
      if (char !== "\\") {
        value += char;
        continue;
      }
      const letter = this.#text[this.#at++] ?? "";
      const digits = this.#text.slice(this.#at, this.#at + 4);
      if (letter === "u" && /^[0-9a-fA-F]{4}$/.test(digits)) {
        value += String.fromCharCode(Number.parseInt(digits, 16));
        this.#at += 4;
      } else if (Object.hasOwn(escapes, letter)) value += escapes[letter];
      else throw new SyntaxError("an unknown escape");
    }
  }

  #number(): Json {
    const match = /^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/.exec(this.#text.slice(this.#at));
    if (match === null) throw new SyntaxError(`no value at ${this.#at}`);
    const [token, digits = "", fraction, exponent] = match;
    this.#at += token.length;
    if (fraction !== undefined || exponent !== undefined) return new JsonDecimal(token);
    return digits.length <= 15 ? Number(token) : BigInt(token);
  }
}

const anySpace = fc.constantFrom("", "", "", " ", "\n  ", "\r\n\t");

const anyNumberText = fc.oneof(
  fc.integer({ min: -99, max: 99 }).map(String),
  fc.constantFrom("0", "-0", "999999999999999", "-999999999999999", "1000000000000000", "9007199254740993"),
  fc.constantFrom("12000000000000001", "-12000000000000001", "100000000000000000000", `${2n ** 256n - 1n}`),
  fc.bigInt(-(10n ** 40n), 10n ** 40n).map(String),
  fc.constantFrom(
    "0.0",
    "-0.0",
    "1.0",
    "10.50",
    "1e0",
    "1E3",
    "1e+3",
    "1e-3",
    "0e0",
    "1e400",
    "1.5e-400",
    "123456789012345.5",
  ),
);

// What has fooled shortcuts: digits, quotes, backslashes, colons and the private-use mark inside strings.
const anyPiece = fc.constantFrom(
  "a",
  "fees",
  " ",
  "1",
  "12345678901234567",
  "1.5",
  ":",
  ",",
  "[",
  "{",
  "}",
  '\\"',
  "\\\\",
  "\\/",
  "\\n",
  "\\u0022",
  "\\ue000",
  "\\uE000",
  "\uE000",
  "\\u00e9",
  "é",
  "😀",
  "\\ud83d",
  '\\":12345678901234567,',
  '\\": 1.5}',
);
const anyStringText = fc
  .oneof(
    { weight: 3, arbitrary: fc.array(anyPiece, { maxLength: 5 }) },
    { weight: 1, arbitrary: fc.constant([]) },
  )
  .map((pieces) => `"${pieces.join("")}"`);
const anyKeyText = fc.oneof(
  fc.constantFrom('"a"', '"b"', '"fees"', '"1"', '"10"', '""', '"__proto__"', '"constructor"', '"toJSON"'),
  anyStringText,
);

/** How values are written: keys and strings free, or plain as producers write them. */
function jsonText(strings: fc.Arbitrary<string>, keys: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const { value } = fc.letrec<{ value: string }>((tie) => ({
    value: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      fc.constantFrom("null", "true", "false"),
      anyNumberText,
      strings,
      fc
        .array(
          fc.tuple(anySpace, tie("value"), anySpace).map((parts) => parts.join("")),
          { maxLength: 4 },
        )
        .map((items) => `[${items.join(",")}]`),
      fc
        .array(fc.tuple(anySpace, keys, anySpace, tie("value"), anySpace), { maxLength: 5 })
        .map(
          (members) =>
            `{${members.map(([a, key, b, item, c]) => `${a}${key}${b}:${b}${item}${c}`).join(",")}}`,
        ),
    ),
  }));
  return fc.tuple(anySpace, value, anySpace).map((parts) => parts.join(""));
}

/** Any JSON text, of the kinds that make shortcuts fail. */
export const anyJsonText = fc.oneof(
  jsonText(anyStringText, anyKeyText),
  jsonText(
    fc.constantFrom('"text"', '"eu-central"'),
    fc.constantFrom('"a"', '"fees"', '"pricePerPixel"', '"x_1"'),
  ),
);
