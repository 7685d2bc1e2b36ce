import { createHash } from "node:crypto";

/**
 * The key bytes of an event id: the usual one, a lower-case UUID, as its 16 bytes; any other as text, or as its hash
 * when it is long. Valid until the next call.
 */
export function encodeEventId(id: string): Uint8Array {
  if (isUuid(id)) return usual;
  const bytes = Buffer.from(id);
  return bytes.length <= 200
    ? Buffer.concat([Buffer.of(1), bytes])
    : Buffer.concat([Buffer.of(2), createHash("sha256").update(bytes).digest()]);
}

const nibbles = new Uint8Array(128).fill(16);
for (let i = 0; i < 16; i++) nibbles["0123456789abcdef".charCodeAt(i)] = i;

const hyphenPlaces = [8, 13, 18, 23];
const digitPlaces = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

const usual = new Uint8Array(17);

// Fills `usual`. Digit by digit, because every event needs it, and a pattern with `Buffer.from` takes three times as long.
function isUuid(id: string): boolean {
  if (id.length !== 36) return false;
  for (const place of hyphenPlaces) if (id.charCodeAt(place) !== 0x2d) return false;
  let seen = 0;
  for (let i = 0; i < 16; i++) {
    const place = digitPlaces[i] ?? 0;
    const high = nibbles[id.charCodeAt(place)] ?? 16;
    const low = nibbles[id.charCodeAt(place + 1)] ?? 16;
    seen |= high | low;
    usual[i + 1] = (high << 4) | low;
  }
  return seen < 16;
}
