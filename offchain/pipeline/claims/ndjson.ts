/** A line of a file, and where the next one begins. */
export type Line = { readonly text: string; readonly next: number };

/** The line that begins at a place; undefined at the end of the file. */
export function lineAt(bytes: Buffer, start: number): Line | undefined {
  const end = bytes.indexOf(0x0a, start);
  return end < 0 ? undefined : { text: bytes.toString("utf8", start, end), next: end + 1 };
}

/** Whether a line begins at a place of a file, or the file ends there. */
export function isLineStart(bytes: Uint8Array, place: number): boolean {
  return place === 0 || (place <= bytes.length && bytes[place - 1] === 0x0a);
}

/** At most `limit` lines from a place on, and the place after them; null at the end of the file. */
export function linesFrom(
  bytes: Buffer,
  { start, limit }: { readonly start: number; readonly limit: number },
): { readonly lines: readonly string[]; readonly next: number | null } {
  const lines: string[] = [];
  let next = start;
  for (
    let line = lineAt(bytes, next);
    line !== undefined && lines.length < limit;
    line = lineAt(bytes, next)
  ) {
    lines.push(line.text);
    next = line.next;
  }
  return { lines, next: next >= bytes.length ? null : next };
}

/** The same bytes, not copied. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
