import fc from "fast-check";
import { getAddress, toHex } from "viem";
import { describe, expect, test } from "vitest";
import {
  addressBytes,
  addressFault,
  addressFromBytes,
  compareAddresses,
  parseAddress,
  requireAddress,
  zeroAddress,
} from "../../offchain/core/address.ts";

const anyBytes = fc.uint8Array({ minLength: 20, maxLength: 20 }).filter((bytes) => bytes.some((b) => b > 0));

// The test cases of EIP-55.
const published = [
  "0x52908400098527886E0F7030069857D2E4169EE7",
  "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
  "0xde709f2102306220921060314715629080e2fb77",
  "0x27b1fdb04752bbc536007a920d24acb045561c26",
  "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
  "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
  "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
  "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
];

describe("given an address as text", () => {
  test.each(published)("the published example %s is itself, from any accepted case", (address) => {
    expect(parseAddress(address)).toBe(address);
    expect(parseAddress(address.toLowerCase())).toBe(address);
    expect(parseAddress(`0x${address.slice(2).toUpperCase()}`)).toBe(address);
  });

  test("any address, in lower, upper or checksummed case, becomes the form an independent library gives", () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        const address = getAddress(toHex(bytes));
        const spellings = [address, address.toLowerCase(), `0x${address.slice(2).toUpperCase()}`];
        for (const spelling of [...spellings, ...spellings]) expect(parseAddress(spelling)).toBe(address);
      }),
    );
  });

  test("a single letter of the wrong case is refused", () => {
    const flip = (text: string): string => (text < "a" ? text.toLowerCase() : text.toUpperCase());
    fc.assert(
      fc.property(anyBytes, fc.nat(39), (bytes, at) => {
        const good = getAddress(toHex(bytes));
        const bad = good.slice(0, at + 2) + flip(good.charAt(at + 2)) + good.slice(at + 3);
        const digits = bad.slice(2);
        fc.pre(bad !== good && digits !== digits.toLowerCase() && digits !== digits.toUpperCase());
        expect(parseAddress(bad)).toBeUndefined();
        expect(addressFault(bad)).toBe("mixed case with a wrong EIP-55 checksum");
      }),
    );
  });

  test.each([
    ["empty", "", "not 0x and 40 hex digits"],
    ["without a prefix", "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "not 0x and 40 hex digits"],
    ["with the prefix 0X", "0X5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "not 0x and 40 hex digits"],
    ["a digit short", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe", "not 0x and 40 hex digits"],
    ["a digit long", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed0", "not 0x and 40 hex digits"],
    ["with a letter beyond f", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeg", "not 0x and 40 hex digits"],
    [
      "with a line break at its end",
      "0xde709f2102306220921060314715629080e2fb77\n",
      "not 0x and 40 hex digits",
    ],
    ["with a space before it", " 0xde709f2102306220921060314715629080e2fb77", "not 0x and 40 hex digits"],
    ["of digits beyond ASCII", `0x${"０".repeat(40)}`, "not 0x and 40 hex digits"],
    ["the zero address", zeroAddress, "the zero address"],
  ])("%s, it is refused and the reason is said", (_, text, fault) => {
    expect(parseAddress(text)).toBeUndefined();
    expect(addressFault(text)).toBe(fault);
    expect(() => requireAddress(text)).toThrow(
      expect.objectContaining({ code: "invalid-address", facts: { given: text, fault } }),
    );
  });

  test("more spellings than the cache holds, each is still parsed right", () => {
    const spelling = (i: number): string => `0x${(i + 1).toString(16).padStart(40, "0")}`;
    for (let i = 0; i < 300_000; i++) parseAddress(spelling(i));
    for (const i of [0, 1, 262_143, 262_144, 299_999]) {
      expect(parseAddress(spelling(i))?.toLowerCase()).toBe(spelling(i));
    }
  });
});

describe("given an address as bytes", () => {
  test("they survive the way there and back", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 20, maxLength: 20 }), (bytes) => {
        const address = addressFromBytes(bytes);
        expect(address).toBe(getAddress(toHex(bytes)));
        expect(addressBytes(address)).toEqual(bytes);
      }),
    );
  });

  test("twenty zeros are the zero address, both ways", () => {
    expect(addressFromBytes(new Uint8Array(20))).toBe(zeroAddress);
    expect(addressBytes(zeroAddress)).toEqual(new Uint8Array(20));
  });

  test("another number of bytes, or a text that is no address, is refused", () => {
    expect(() => addressFromBytes(new Uint8Array(19))).toThrow("20 bytes");
    for (const text of [
      "0x12",
      "0X5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
      `0x${"g".repeat(40)}`,
    ] as const) {
      expect(() => addressBytes(text as "0x")).toThrow(expect.objectContaining({ code: "invalid-address" }));
    }
  });
});

test("given two addresses of any case, they compare as their bytes do", () => {
  fc.assert(
    fc.property(anyBytes, anyBytes, (left, right) => {
      const order = Math.sign(Buffer.compare(left, right));
      const [a, b] = [addressFromBytes(left), addressFromBytes(right)];
      expect(compareAddresses(a, b)).toBe(order);
      expect(compareAddresses(a, `0x${b.slice(2).toUpperCase()}`)).toBe(order);
      expect(compareAddresses(a, `0x${a.slice(2).toUpperCase()}`)).toBe(0);
    }),
  );
});
