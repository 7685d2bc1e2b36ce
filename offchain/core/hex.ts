/** Bytes as text: `0x` and two hex digits a byte. */
export type Hex = `0x${string}`;

// A decoder's text is one flat piece, where concatenation would leave a tree of pieces in memory.
const ascii = new TextDecoder("latin1");
// Hashes are most of what becomes text, and a fresh array takes longer than the digits.
const hashCodes = new Uint8Array(66);
const digits = new TextEncoder().encode("0123456789abcdef");
const nibbles = new Uint8Array(128).fill(16);
for (let i = 0; i < 16; i++) {
  nibbles["0123456789abcdef".charCodeAt(i)] = i;
  nibbles["0123456789ABCDEF".charCodeAt(i)] = i;
}

/** `bytes` from `start` to before `end` (all of them by default) as lower-case hex. */
export function toHex(bytes: Uint8Array, start = 0, end = bytes.length): Hex {
  const length = 2 + 2 * (end - start);
  const codes = length === hashCodes.length ? hashCodes : new Uint8Array(length);
  codes[0] = 0x30;
  codes[1] = 0x78;
  for (let i = start, at = 2; i < end; i++) {
    const byte = bytes[i] ?? 0;
    codes[at++] = digits[byte >> 4] ?? 0;
    codes[at++] = digits[byte & 15] ?? 0;
  }
  return ascii.decode(codes) as Hex;
}

/**
 * Writes the `length` bytes of the hex `text` into `target` at `offset`. False, with that range of `target` undefined,
 * unless `text` is `0x` and exactly two hex digits, of any case, for each byte.
 */
export function writeHex(text: string, target: Uint8Array, offset: number, length: number): boolean {
  if (text.length !== 2 * length + 2 || !text.startsWith("0x")) return false;
  let seen = 0;
  for (let i = 0; i < length; i++) {
    const high = nibbles[text.charCodeAt(2 * i + 2)] ?? 16;
    const low = nibbles[text.charCodeAt(2 * i + 3)] ?? 16;
    seen |= high | low;
    target[offset + i] = (high << 4) | low;
  }
  return seen < 16;
}
