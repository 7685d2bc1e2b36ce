import fc from "fast-check";
import { parseEther } from "viem";
import { expect, test } from "vitest";
import { PayrootError } from "../offchain/errors.ts";
import {
  createOutput,
  formatCount,
  formatDuration,
  formatEth,
  jsonText,
  type Output,
  type OutputOptions,
  printable,
} from "../offchain/format.ts";

type Capture = { readonly out: Output; stdout: string; stderr: string };

function capture(
  options: Partial<OutputOptions> & { readonly tty?: boolean; readonly columns?: number } = {},
): Capture {
  const stream = (name: "stdout" | "stderr") => ({
    isTTY: options.tty ?? false,
    columns: options.columns ?? 40,
    write: (text: string) => {
      seen[name] += text;
    },
  });
  const out = createOutput({ stdout: stream("stdout"), stderr: stream("stderr"), ...options });
  const seen: Capture = { out, stdout: "", stderr: "" };
  return seen;
}

const sample = () =>
  new PayrootError("chain-mismatch", "The endpoint serves another chain.", {
    facts: { given: 1, expected: 42161n, unit: undefined, "distributor address": "0x12" },
    next: "correct ETH_RPC_ENDPOINT",
    exitCode: 2,
  });

test("given any wei amount, its ETH is exact and reads back as the same amount", () => {
  expect(formatEth(0n)).toBe("0 ETH");
  expect(formatEth(1n)).toBe("0.000000000000000001 ETH");
  expect(formatEth(1_500_000_000_000_000_000n)).toBe("1.5 ETH");
  expect(formatEth(12_000_000_000_000_000_001n)).toBe("12.000000000000000001 ETH");
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 255n), max: 2n ** 256n }), (amountWei) => {
      expect(parseEther(formatEth(amountWei).replace(" ETH", ""))).toBe(amountWei);
    }),
  );
});

test.each([
  [0, "0 s"],
  [59.9, "59 s"],
  [60, "1 min"],
  [3725, "1 h 2 min"],
  [7205, "2 h"],
  [86_400, "1 d"],
  [34_560_001, "400 d"],
])("given %d seconds, the duration is %s", (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

test("given counts, thousands are set apart", () => {
  expect([0, 999, 1000, 1_234_567].map(formatCount)).toEqual(["0", "999", "1,000", "1,234,567"]);
  expect(formatCount(12n ** 20n)).toBe("3,833,759,992,447,475,122,176");
});

test("given a table, names stand left, counts right and amounts under one another's points", () => {
  const seen = capture();
  seen.out.table(
    [
      { title: "account" },
      { title: "events", align: "right" },
      { title: "earned", align: "point" },
      { title: "" },
    ],
    [
      ["0xab", "7", "1.5", "x"],
      ["0xabcdef01", "12,000", "120", ""],
      ["0x", "", "0.000000000000000001", "y"],
    ],
  );
  expect(seen.stdout).toBe(
    [
      "account     events                  earned",
      "0xab             7    1.5                   x",
      "0xabcdef01  12,000  120",
      "0x                    0.000000000000000001  y",
      "",
    ].join("\n"),
  );
});

test("given facts, values are aligned and undefined ones left out", () => {
  const seen = capture();
  seen.out.facts({ epoch: 3, "closed at": "noon", nothing: undefined, wei: 10n ** 20n });
  expect(seen.stdout).toBe("epoch      3\nclosed at  noon\nwei        100000000000000000000\n");
});

test("given json, stdout carries one document with bigints as strings, whatever else is printed", () => {
  const seen = capture({ json: true });
  seen.out.line("hello");
  seen.out.facts({ a: 1 });
  seen.out.table([{ title: "a" }], [["b"]]);
  seen.out.note("working");
  seen.out.result({ earned: 2n ** 70n, none: null, list: [1n] }, (_, out) => out.line("printed"));
  expect(JSON.parse(seen.stdout)).toEqual({ earned: "1180591620717411303424", none: null, list: ["1"] });
  expect(seen.stderr).toBe("working\n");
  expect(jsonText(undefined)).toBe("null");
});

test("given a document, it stands on stdout letter by letter, and with json not at all", () => {
  const plain = capture({ tty: true });
  plain.out.progress("reading");
  plain.out.document("a,b\r\n\u001b\r\n");
  expect([plain.stdout, plain.stderr.endsWith("\r\u001b[K")]).toEqual(["a,b\r\n\u001b\r\n", true]);
  const json = capture({ json: true });
  json.out.document("a,b\r\n");
  expect(json.stdout).toBe("");
});

test("given no json, the result is printed for people", () => {
  const seen = capture();
  seen.out.result(5n, (value, out) => out.line(`five is ${value}`));
  expect(seen.stdout).toBe("five is 5\n");
});

test("given a payroot error, it shows code, sentence, aligned facts and what to do next on stderr", () => {
  const seen = capture();
  expect(seen.out.error(sample())).toBe(2);
  expect(seen.stdout).toBe("");
  expect(seen.stderr).toBe(
    [
      "error [chain-mismatch]: The endpoint serves another chain.",
      "  given                1",
      "  expected             42161",
      "  distributor address  0x12",
      "  next: correct ETH_RPC_ENDPOINT",
      "",
    ].join("\n"),
  );
});

test("given json, an error is also the document on stdout", () => {
  const seen = capture({ json: true });
  seen.out.error(sample());
  expect(JSON.parse(seen.stdout)).toEqual({
    error: {
      code: "chain-mismatch",
      message: "The endpoint serves another chain.",
      facts: { given: 1, expected: "42161", "distributor address": "0x12" },
      next: "correct ETH_RPC_ENDPOINT",
      retryable: false,
    },
  });
  expect(seen.stderr).toContain("error [chain-mismatch]");
});

test("given an error that nobody foresaw, it is internal, with a stack only when debugging", () => {
  const quiet = capture();
  expect(quiet.out.error(new TypeError("x is undefined"))).toBe(1);
  expect(quiet.stderr).toContain("error [internal]: ");
  expect(quiet.stderr).toContain("x is undefined");
  expect(quiet.stderr).not.toContain("format.test.ts");
  const debugged = capture({ debug: true });
  debugged.out.error(new TypeError("x is undefined"));
  expect(debugged.stderr).toContain("format.test.ts");
});

test("given a terminal, colour is used, and not with NO_COLOR or into a pipe", () => {
  const error = (options: Parameters<typeof capture>[0]) => {
    const seen = capture(options);
    seen.out.error(sample());
    return seen.stderr;
  };
  expect(error({ tty: true })).toContain("\u001b[31m");
  expect(error({ tty: true, noColor: true })).not.toContain("\u001b");
  expect(error({})).not.toContain("\u001b");
});

test("given a terminal, progress replaces itself and gives way to lines", () => {
  const seen = capture({ tty: true, noColor: true });
  seen.out.progress("read 1");
  seen.out.progress(`read 2 ${"x".repeat(60)}`);
  seen.out.note("done");
  seen.out.progress("");
  expect(seen.stderr).toBe(`\r\u001b[Kread 1\r\u001b[Kread 2 ${"x".repeat(32)}\r\u001b[Kdone\n`);
});

test("given a terminal that does not know its width, progress is shown whole", () => {
  const seen = capture({ tty: true, columns: 0, noColor: true });
  seen.out.progress("read 4 objects, 36,000 events");
  expect(seen.stderr).toBe("\r\u001b[Kread 4 objects, 36,000 events");
});

test("given a pipe or quiet, there is no progress, and quiet silences notes but not results or errors", () => {
  const piped = capture();
  piped.out.progress("read 1");
  expect(piped.stderr).toBe("");
  const quiet = capture({ tty: true, quiet: true, noColor: true });
  quiet.out.progress("read 1");
  quiet.out.note("note");
  quiet.out.line("result");
  expect([quiet.stdout, quiet.stderr]).toEqual(["result\n", ""]);
  quiet.out.error(sample());
  expect(quiet.stderr).toContain("chain-mismatch");
});

test("given text of others with escape sequences, the terminal does not obey it", () => {
  expect(printable("a\u001b[2Jb\nc\u202e")).toBe("a\\u{1b}[2Jb\\u{a}c\\u{202e}");
  const seen = capture({ tty: true, noColor: true });
  const evil = "key\u001b]0;x\u0007\r";
  seen.out.line(evil);
  seen.out.table([{ title: "t" }], [[evil]]);
  seen.out.error(new PayrootError("bad", evil, { facts: { [evil]: evil }, next: evil }));
  expect(seen.stdout + seen.stderr).not.toContain("\u001b");
  expect(seen.stdout + seen.stderr).not.toContain("\r");
});
