import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { contentDigest } from "../../offchain/core/digest.ts";
import { decodeJson, isJsonObject, type Json, JsonDecimal } from "../../offchain/core/json.ts";
import { anyJsonText, slowParse } from "../support/json.ts";

/** The value of a text, or that it has none. */
function outcome(parse: (text: string) => Json, text: string): { value: Json } | "refused" {
  try {
    return { value: parse(text) };
  } catch (error) {
    if (error instanceof SyntaxError) return "refused";
    throw error;
  }
}

test("given any JSON text, then it is decoded as the slow parser does it, every digit kept", () => {
  fc.assert(
    fc.property(anyJsonText, (text) => {
      // Vitest's own equality stumbles over a key named constructor.
      expect(isDeepStrictEqual(decodeJson(text), slowParse(text))).toBe(true);
    }),
    { numRuns: 10_000 },
  );
});

test("given a JSON text with characters taken out, put in or doubled, then both refuse it or both read the same", () => {
  const anyEdit = fc.record({
    at: fc.nat(1000),
    remove: fc.nat(2),
    insert: fc.constantFrom(
      "",
      "",
      ",",
      ":",
      '"',
      "\\",
      "{",
      "}",
      "[",
      "]",
      "0",
      "1",
      ".",
      "e",
      "-",
      "+",
      " ",
      "\uE000",
      "\0",
      "n",
    ),
  });
  let refused = 0;
  fc.assert(
    fc.property(anyJsonText, fc.array(anyEdit, { minLength: 1, maxLength: 3 }), (text, edits) => {
      let edited = text;
      for (const { at, remove, insert } of edits) {
        const place = at % (edited.length + 1);
        edited = edited.slice(0, place) + insert + edited.slice(place + remove);
      }
      const expected = outcome(slowParse, edited);
      if (expected === "refused") refused += 1;
      expect(isDeepStrictEqual(outcome(decodeJson, edited), expected)).toBe(true);
      expect(expected === "refused").toBe(outcome(JSON.parse, edited) === "refused");
    }),
    { numRuns: 10_000 },
  );
  expect(refused).toBeGreaterThan(1000);
});

describe("given numbers", () => {
  test.each<[string, Json]>([
    ["999999999999999", 999_999_999_999_999],
    ["-999999999999999", -999_999_999_999_999],
    ["1000000000000000", 1_000_000_000_000_000n],
    ["-1000000000000000", -1_000_000_000_000_000n],
    ["12000000000000001", 12_000_000_000_000_001n],
    ["-0", -0],
    ["1.0", new JsonDecimal("1.0")],
    ["1e3", new JsonDecimal("1e3")],
    ["0.1", new JsonDecimal("0.1")],
    [`${2n ** 256n - 1n}`, 2n ** 256n - 1n],
  ])(
    "then %s is itself alone, in a list, under a key, and beside a string that looks like it",
    (text, value) => {
      expect(decodeJson(text)).toStrictEqual(value);
      expect(decodeJson(` ${text}\n`)).toStrictEqual(value);
      expect(decodeJson(`[${text}, ${text}]`)).toStrictEqual([value, value]);
      expect(decodeJson(`{"a":${text},"b" : ${text} }`)).toStrictEqual({ a: value, b: value });
      expect(decodeJson(`{"a":"x\\":${text},","\\"":${text}}`)).toStrictEqual({
        a: `x":${text},`,
        '"': value,
      });
      expect(decodeJson(`["\uE000${text}",${text}]`)).toStrictEqual([`\uE000${text}`, value]);
      expect(decodeJson(`["\\uE000${text}",{"a":${text}}]`)).toStrictEqual([`\uE000${text}`, { a: value }]);
    },
  );

  test.each([
    "01",
    "1.",
    ".5",
    "+1",
    "1e",
    "1e+",
    "-",
    "0x10",
    "1_000",
    "Infinity",
    "12345678901234567.",
    "00000000000000001",
  ])("then %s is refused wherever it stands", (text) => {
    for (const whole of [text, `[${text}]`, `{"a":${text}}`, `{"a":1.5,"b":${text}}`]) {
      expect(() => decodeJson(whole), whole).toThrow(SyntaxError);
    }
  });
});

test("given keys that name something of every object, then they are data like any other", () => {
  const text = '{"__proto__":{"fees":12345678901234567},"constructor":1.5,"toString":2}';
  const value = decodeJson(text);
  expect(isJsonObject(value) && Object.keys(value)).toEqual(["__proto__", "constructor", "toString"]);
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  expect(JSON.stringify(value, (_, item) => (typeof item === "bigint" ? `${item}` : item))).toBe(
    '{"__proto__":{"fees":"12345678901234567"},"constructor":{"text":"1.5"},"toString":2}',
  );
});

test("given a key with an escape after one with a backslash, then neither is mistaken for the other", () => {
  // JSON.parse of V8 13.6 returns the key a\\ for both.
  expect(Object.keys(decodeJson('{"x":0,"a\\\\":1}') ?? {})).toEqual(["x", "a\\"]);
  expect(Object.keys(decodeJson('{"x":0,"a\\n":1}') ?? {})).toEqual(["x", "a\n"]);
});

test("given nesting without end, then it is decoded, and the stack holds", () => {
  const deep = (levels: number, inner: string): string =>
    `${"[".repeat(levels)}${inner}${"]".repeat(levels)}`;
  for (const inner of ["", "1.5", '"\\n"', "12345678901234567"]) {
    expect(() => decodeJson(deep(100_000, inner))).not.toThrow();
    expect(() => decodeJson(`{"a":1.5,"b":${deep(100_000, inner)}}`)).not.toThrow();
    expect(() => decodeJson(`${deep(100_000, inner)}]`)).toThrow(SyntaxError);
  }
});

/** One text for each JSON value: keys sorted, numbers as sign, digits and power of ten. */
function normal(value: Json): string {
  if (typeof value === "number" || typeof value === "bigint") return normalNumber(String(value));
  if (value instanceof JsonDecimal) return normalNumber(value.text);
  if (Array.isArray(value)) return `[${value.map(normal).join()}]`;
  if (!isJsonObject(value)) return JSON.stringify(value);
  const members = Object.keys(value).map((key) => `${JSON.stringify(key)}:${normal(value[key] ?? null)}`);
  return `{${members.sort().join()}}`;
}

function normalNumber(text: string): string {
  const [, sign, whole = "", fraction = "", exponent = "0"] = /^(-?)(\d+)\.?(\d*)[eE]?(.*)$/.exec(text) ?? [];
  let digits = BigInt(whole + fraction);
  let power = BigInt(exponent === "" ? 0 : exponent) - BigInt(fraction.length);
  if (digits === 0n) return "0";
  for (; digits % 10n === 0n; digits /= 10n) power += 1n;
  return `${sign}${digits}e${power}`;
}

describe("the digest of an event's content", () => {
  const digest = (text: string): string => {
    const value = decodeJson(`{"event":${text}}`);
    return isJsonObject(value) ? contentDigest(value) : "";
  };

  test("given any two texts, then digests are equal exactly when the JSON values are", () => {
    const few = fc.constantFrom(
      ...[
        "1",
        "1.0",
        "10e-1",
        "0.1e1",
        "-1",
        "100",
        "1e2",
        "1E+2",
        "0",
        "-0",
        "0.0",
        "0e5",
        "1e-7",
        "0.0000001",
      ],
      ...[
        "1000000000000000000000",
        "1e21",
        "10000000000000000.5",
        "100000000000000005e-1",
        '"1"',
        "null",
        '""',
        "1e500",
      ],
      ...[
        `1${"0".repeat(500)}`,
        '"\\u0061"',
        '"a"',
        "[]",
        "{}",
        "[1]",
        "[1.0]",
        '{"a":1,"b":2}',
        '{"b":2.0,"a":1e0}',
      ],
      ...[
        '{"1":1,"a":2}',
        '{"a":2,"1":1}',
        '{"2":1,"10":2}',
        '{"10":2,"2":1}',
        '{"a":1,"a":2}',
        '{"a":2}',
        '"\\ud800"',
      ],
    );
    let equal = 0;
    fc.assert(
      fc.property(fc.oneof(fc.tuple(few, few), fc.tuple(anyJsonText, anyJsonText)), ([one, other]) => {
        const same = normal(slowParse(one)) === normal(slowParse(other));
        if (same) equal += 1;
        expect(digest(one) === digest(other)).toBe(same);
      }),
      { numRuns: 10_000 },
    );
    expect(equal).toBeGreaterThan(100);
  });

  test("given one value in other words, then the digest is the same", () => {
    fc.assert(
      fc.property(anyJsonText, fc.integer(), (text, seed) => {
        expect(digest(otherWords(slowParse(text), seed))).toBe(digest(text));
      }),
      { numRuns: 3000 },
    );
  });
});

/** The same value with keys in another order, other white space and numbers spelled with an exponent. */
function otherWords(value: Json, seed: number): string {
  const [odd, rest] = [seed % 2 !== 0, seed >> 1];
  if (typeof value === "number" || typeof value === "bigint") return odd ? `${value}.00e0` : String(value);
  if (value instanceof JsonDecimal) return value.text;
  if (Array.isArray(value)) return `[ ${value.map((item) => otherWords(item, rest)).join(" ,\n")}]`;
  if (!isJsonObject(value)) return JSON.stringify(value);
  const members = Object.keys(value).map(
    (key) => `${JSON.stringify(key)} :${otherWords(value[key] ?? null, rest)}`,
  );
  return `{${(odd ? members.reverse() : members).join()}}`;
}
