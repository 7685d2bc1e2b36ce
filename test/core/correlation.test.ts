import fc from "fast-check";
import { expect, test } from "vitest";
import { type AiEvent, correlate } from "../../offchain/core/correlation.ts";
import { account } from "../support/events.ts";

const hour = 3_600_000;
const rules = { correlationWindowSeconds: 3600 };
const common = { partition: "ai|us-central", requestID: "r", ordinal: 0, position: 0 };
const job = (id: string, time: number): AiEvent => ({ ...common, kind: "job", id, time, feesWei: 1n });
const receipt = (id: string, time: number): AiEvent => ({
  ...common,
  kind: "receipt",
  id,
  time,
  account: account(0),
});

/** Pairs as "job receipt", then what stays alone. */
function outcome(events: readonly AiEvent[], window = rules): { pairs: string[]; alone: string[] } {
  const { pairs, jobs, receipts } = correlate(events, window);
  return {
    pairs: pairs.map((pair) => `${pair.job.id} ${pair.receipt.id}`),
    alone: [...jobs, ...receipts].map((event) => event.id).sort(),
  };
}

test("given a job and a receipt exactly the window apart, either first, then they are a pair; a millisecond more, then not", () => {
  for (const sign of [1, -1]) {
    expect(outcome([job("j", 0), receipt("r", sign * hour)])).toEqual({ pairs: ["j r"], alone: [] });
    expect(outcome([job("j", 0), receipt("r", sign * (hour + 1))])).toEqual({ pairs: [], alone: ["j", "r"] });
  }
  const none = { correlationWindowSeconds: 0 };
  expect(outcome([job("j", 5), receipt("r", 5)], none).pairs).toEqual(["j r"]);
  expect(outcome([job("j", 5), receipt("r", 6)], none).pairs).toEqual([]);
});

test("given one half alone, or nothing, then it stays alone", () => {
  expect(outcome([])).toEqual({ pairs: [], alone: [] });
  expect(outcome([job("j", 0)])).toEqual({ pairs: [], alone: ["j"] });
  expect(outcome([receipt("r", 0)])).toEqual({ pairs: [], alone: ["r"] });
});

test("given several of one request id, then they pair in the order of time, and of id within a time", () => {
  const events = [
    job("j2", 0),
    job("j1", 0),
    receipt("r2", 7),
    receipt("r1", 7),
    job("j0", -1),
    receipt("r3", 8),
  ];
  expect(outcome(events).pairs).toEqual(["j0 r1", "j1 r2", "j2 r3"]);
});

test("given an old half without a partner, then it does not keep later ones from pairing", () => {
  const events = [
    job("old", 0),
    job("j", 10 * hour),
    receipt("r", 10 * hour + 1),
    receipt("late", 30 * hour),
  ];
  expect(outcome(events)).toEqual({ pairs: ["j r"], alone: ["late", "old"] });
});

test("given any events, then their order does not matter and every event is in exactly one place", () => {
  const anyEvents = fc.array(fc.record({ job: fc.boolean(), time: fc.nat(12) }), { maxLength: 14 });
  fc.assert(
    fc.property(anyEvents, fc.array(fc.nat(100), { minLength: 14, maxLength: 14 }), (drafts, ranks) => {
      const events = drafts.map(({ job: isJob, time }, index) => {
        const id = `${index}`;
        return isJob ? job(id, (time * hour) / 2) : receipt(id, (time * hour) / 2);
      });
      const shuffled = events.map((event, index) => ({ event, rank: ranks[index] ?? 0 }));
      shuffled.sort((a, b) => a.rank - b.rank);
      const given = outcome(events);
      expect(outcome(shuffled.map(({ event }) => event))).toEqual(given);
      const placed = [...given.pairs.flatMap((pair) => pair.split(" ")), ...given.alone];
      expect(placed.sort()).toEqual(events.map((event) => event.id).sort());
    }),
    { numRuns: 2000 },
  );
});
