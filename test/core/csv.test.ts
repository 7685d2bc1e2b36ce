import fc from "fast-check";
import { expect, test } from "vitest";
import { csvText } from "../../offchain/core/csv.ts";
import { parseCsv } from "../support/csv.ts";

test("given plain cells, then they stand bare, with CRLF after every line", () => {
  const rows = [
    ["x", 12, "0.5"],
    ["", 0, "y z"],
  ];
  expect(csvText(["a", "b", "c"], rows)).toBe("a,b,c\r\nx,12,0.5\r\n,0,y z\r\n");
});

test.each([
  ["a comma", "a,b", '"a,b"'],
  ["a quote", 'a"b', '"a""b"'],
  ["a line feed", "a\nb", '"a\nb"'],
  ["a carriage return", "a\rb", '"a\rb"'],
  ["a blank at an end", " a", '" a"'],
])("given a cell with %s, then it stands in quotes", (_, cell, written) => {
  expect(csvText(["h"], [[cell]])).toBe(`h\r\n${written}\r\n`);
});

test.each(["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠1", "-x|y"])(
  "given a text %j that a spreadsheet would run, then an apostrophe makes it plain",
  (cell) => {
    expect(parseCsv(csvText(["h"], [[cell]]))[1]).toEqual([`'${cell}`]);
  },
);

test("given a negative number, then it stays a number", () => {
  expect(csvText(["h"], [[-5]])).toBe("h\r\n-5\r\n");
});

test("given any texts, when the table is read back, then they are the same, and none begins a formula", () => {
  const anyCell = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({ unit: fc.constantFrom("=", "'", ",", '"', "\r", "\n", "a", " ") }),
  );
  const anyTable = fc
    .integer({ min: 1, max: 5 })
    .chain((width) => fc.array(fc.array(anyCell, { minLength: width, maxLength: width }), { minLength: 1 }));
  fc.assert(
    fc.property(anyTable, (table) => {
      const [header = [], ...rows] = table;
      const read = parseCsv(csvText(header, rows));
      expect(read.flat().filter((cell) => /^[=+\-@\t\r\n]/.test(cell))).toEqual([]);
      const plain = read.map((row, y) =>
        row.map((cell, x) => (cell === `'${table[y]?.[x]}` ? cell.slice(1) : cell)),
      );
      expect(plain).toEqual(table);
    }),
  );
});
