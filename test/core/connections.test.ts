import fc from "fast-check";
import { expect, test } from "vitest";
import { type ConnectionChange, type EventPlace, newestChanges } from "../../offchain/core/connections.ts";
import { account } from "../support/events.ts";

let made = 0;
function change(time: number, over: Partial<ConnectionChange> = {}): ConnectionChange {
  made += 1;
  const place = { time, objectKey: "a", position: made, id: `${made}` };
  return { ...place, account: account(0), connection: "203.0.113.10:1", kind: "connected", ...over };
}
const reset = (time: number, over: Partial<EventPlace> = {}): EventPlace => {
  made += 1;
  return { time, objectKey: "a", position: made, id: `${made}`, ...over };
};
const up = (changes: Iterable<ConnectionChange>, at?: EventPlace): string[] =>
  newestChanges(changes, at)
    .filter(({ kind }) => kind === "connected")
    .map(({ account: who, connection }) => `${who} ${connection}`)
    .sort();
const one = `${account(0)} 203.0.113.10:1`;

test("given a reset and a connect in one second, then their place in the object decides", () => {
  const before = change(5);
  const middle = reset(5);
  const after = change(5);
  expect(up([after], middle)).toEqual([one]);
  expect(up([before], middle)).toEqual([]);
  expect(up([before, after], middle)).toEqual([one]);
});

test("given a reset in another object of the same second, then the object's key decides, then position, then id", () => {
  const connected = change(5, { objectKey: "b", position: 3, id: "m" });
  expect(up([connected], reset(5, { objectKey: "a", position: 9 }))).toEqual([one]);
  expect(up([connected], reset(5, { objectKey: "c", position: 0 }))).toEqual([]);
  expect(up([connected], reset(5, { objectKey: "b", position: 4 }))).toEqual([]);
  expect(up([connected], reset(5, { objectKey: "b", position: 3, id: "a" }))).toEqual([one]);
  expect(up([connected], reset(5, { objectKey: "b", position: 3, id: "z" }))).toEqual([]);
});

test("given an old reset, then what came up after it stays; given a newer one, then all is gone", () => {
  expect(up([change(10)], reset(9))).toEqual([one]);
  expect(up([change(10)], reset(11))).toEqual([]);
});

test("given a worker with two connections, when one goes down, then the other is up", () => {
  const other = { connection: "203.0.113.10:2" };
  const changes = [change(1), change(1, other), change(2, { kind: "disconnected" })];
  expect(up(changes)).toEqual([`${account(0)} 203.0.113.10:2`]);
  expect(up([...changes, change(2, { ...other, account: account(1) })])).toHaveLength(2);
});

test("given any changes in any order, then what is up is what a replay in order leaves, also from the newest alone", () => {
  const anyChange = fc.record({
    time: fc.nat(4),
    who: fc.nat(1),
    port: fc.nat(1),
    kind: fc.constantFrom("connected" as const, "disconnected" as const),
  });
  fc.assert(
    fc.property(
      fc.array(anyChange, { maxLength: 12 }),
      fc.option(fc.nat(4)),
      fc.nat(12),
      (drafts, resetTime, from) => {
        const changes = drafts.map(({ time, who, port, kind }) =>
          change(time, { account: account(who), connection: `203.0.113.10:${port}`, kind }),
        );
        const at = resetTime === null ? undefined : reset(resetTime);
        const replayed = new Set<string>();
        for (const item of [...changes].sort((a, b) => a.time - b.time || a.position - b.position)) {
          const name = `${item.account} ${item.connection}`;
          if (at !== undefined && item.time <= at.time) continue;
          if (item.kind === "connected") replayed.add(name);
          else replayed.delete(name);
        }
        const turned = [...changes.slice(from), ...changes.slice(0, from)];
        expect(up(turned, at)).toEqual([...replayed].sort());
        expect(up(newestChanges(turned, at), at)).toEqual([...replayed].sort());
      },
    ),
    { numRuns: 2000 },
  );
});
