/** A cell: a text, or a plain number. */
export type CsvCell = string | number;

/**
 * A table as RFC 4180 writes it: comma, CRLF after every line, quotes where needed. A text that a spreadsheet would run
 * as a formula gets an apostrophe before it, which makes it plain text there.
 */
export function csvText(header: readonly string[], rows: Iterable<readonly CsvCell[]>): string {
  let text = lineOf(header);
  for (const row of rows) text += lineOf(row);
  return text;
}

// What spreadsheets take for the beginning of a formula, also in the full width of East Asian scripts; tab and carriage
// return because some drop them and look at what follows.
const formula = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;
const needsQuotes = /[",\r\n]|^\s|\s$/;

function lineOf(cells: readonly CsvCell[]): string {
  return `${cells.map(cellOf).join(",")}\r\n`;
}

function cellOf(cell: CsvCell): string {
  if (typeof cell === "number") return String(cell);
  const text = formula.test(cell) ? `'${cell}` : cell;
  return needsQuotes.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
