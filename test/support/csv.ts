/** The cells of a CSV text, read letter by letter as RFC 4180 says; throws for anything it does not allow. */
export function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (let at = 0; at < text.length; ) {
    let cell = "";
    if (text[at] === '"') {
      for (at += 1; text[at] !== '"' || text[at + 1] === '"'; at += 1) {
        if (at >= text.length) throw new SyntaxError("a quoted cell without its end");
        if (text[at] === '"') at += 1;
        cell += text[at];
      }
      at += 1;
    } else {
      while (at < text.length && !',"\r\n'.includes(text[at] ?? "")) cell += text[at++];
    }
    row.push(cell);
    if (text[at] === ",") {
      at += 1;
      if (at === text.length) throw new SyntaxError("a comma at the end");
    } else if (text.startsWith("\r\n", at)) {
      at += 2;
      rows.push(row);
      row = [];
    } else throw new SyntaxError(`neither comma nor line end at ${at}`);
  }
  if (row.length > 0) throw new SyntaxError("a last line without its end");
  return rows;
}
