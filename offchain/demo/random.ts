import { keccak256 } from "../core/hash.ts";

/** Numbers that look random and are the same for the same seed, on every machine. Not for secrets. */
export type Random = {
  /** A whole number from `min` to `max`, both included and below 2^53. */
  between(min: number, max: number): number;
  /** True about once in `n` calls. */
  oneIn(n: number): boolean;
  /** One of `items`, which are not empty. */
  pick<Item>(items: readonly Item[]): Item;
  /** `bytes` random bytes in lower-case hex. */
  hex(bytes: number): string;
  /** A version 4 UUID (RFC 9562). */
  uuid(): string;
};

/** Starts from a seed: Chris Doty-Humphrey's sfc32 generator (PractRand), its state the hash of the seed. */
export function createRandom(seed: string): Random {
  const state = new Int32Array(keccak256(Buffer.from(seed)).slice(0, 16).buffer);
  let [a = 0, b = 0, c = 0, d = 0] = state;
  const word = () => {
    const result = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + result) | 0;
    return result >>> 0;
  };
  const between = (min: number, max: number) => {
    const fraction = (word() * 0x20_0000 + (word() >>> 11)) / 2 ** 53;
    return min + Math.floor(fraction * (max - min + 1));
  };
  const hex8 = () => {
    const bits = word();
    return `${hexOf16[bits >>> 16]}${hexOf16[bits & 0xffff]}`;
  };
  const hex = (bytes: number) => {
    let text = "";
    while (text.length < bytes * 2) text += hex8();
    return text.slice(0, bytes * 2);
  };
  return {
    between,
    oneIn: (n) => between(1, n) === 1,
    pick: (items) => items[between(0, items.length - 1)] as (typeof items)[number],
    hex,
    uuid: () => {
      const [first, second, third, fourth] = [hex8(), hex8(), hex8(), hex8()];
      const variant = "89ab"[between(0, 3)];
      return `${first}-${second.slice(0, 4)}-4${second.slice(5)}-${variant}${third.slice(1, 4)}-${third.slice(4)}${fourth}`;
    },
  };
}

const hexOf16 = Array.from({ length: 0x1_0000 }, (_, bits) => bits.toString(16).padStart(4, "0"));
