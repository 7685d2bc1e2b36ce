import fc from "fast-check";
import { expect, test } from "vitest";
import { toHex, writeHex } from "../../offchain/core/hex.ts";

test("given any bytes and any part of them, the text is that of Buffer", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), fc.nat(200), (bytes, a, b) => {
      const [start, end] = [Math.min(a, b, bytes.length), Math.min(Math.max(a, b), bytes.length)];
      expect(toHex(bytes)).toBe(`0x${Buffer.from(bytes).toString("hex")}`);
      expect(toHex(bytes, start, end)).toBe(`0x${Buffer.from(bytes.subarray(start, end)).toString("hex")}`);
    }),
  );
});

test("given two hashes one after the other, the first text stays what it was", () => {
  const first = toHex(new Uint8Array(32).fill(1));
  toHex(new Uint8Array(32).fill(2));
  expect(first).toBe(`0x${"01".repeat(32)}`);
});

test("given the text of any bytes, in any case, it writes them at the offset and nothing around them", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(10), fc.boolean(), (bytes, offset, upper) => {
      const digits = Buffer.from(bytes).toString("hex");
      const target = new Uint8Array(offset + bytes.length + 5).fill(77);
      const expected = target.slice();
      expected.set(bytes, offset);
      expect(writeHex(`0x${upper ? digits.toUpperCase() : digits}`, target, offset, bytes.length)).toBe(true);
      expect(target).toEqual(expected);
    }),
  );
});

test.each([
  "",
  "0x",
  "0x1",
  "0x123",
  "0x12345",
  "1234",
  "0X1234",
  "0x12g4",
  "0x123g",
  "0x 123",
  "0x１２",
  "0x12\u0100\u0131",
])("given %j for two bytes, it is refused", (text) => {
  expect(writeHex(text, new Uint8Array(2), 0, 2)).toBe(false);
});
