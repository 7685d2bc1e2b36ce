import { expect, test } from "vitest";
import type { CheckedEvent } from "../../offchain/intake/events.ts";
import { createRecentEvents, type KnownContent } from "../../offchain/intake/recent.ts";

const partition = { nodeType: "transcode", region: "intake" };

function events(from: number, count: number, digest = "a"): CheckedEvent[] {
  return Array.from({ length: count }, (_, index) => ({
    ...{ position: index, id: `${from + index}`, digest, time: 1000 + from + index, partition, text: "" },
  }));
}

/** A ledger that knows what the test tells it, and a clock. */
function openRecent(most: number) {
  const known = new Map<string, KnownContent>();
  const clock = { now: 0 };
  const recent = createRecentEvents(
    {
      contentsOf: async (ids) =>
        ids.map((id) => {
          const content = known.get(id);
          return content === undefined ? [] : [content];
        }),
    },
    { most, now: () => clock.now },
  );
  const learn = (learned: readonly CheckedEvent[]) => {
    for (const { id, digest, time } of learned) known.set(id, { digest, time });
  };
  return { recent, learn, clock };
}

test("given a ledger that reads along, any number of events passes through", async () => {
  const { recent, learn } = openRecent(15_000);
  for (let from = 0; from < 200_000; from += 5000) {
    const next = events(from, 5000);
    await recent.note(next);
    learn(next);
  }
  await expect(recent.note(events(0, 1, "b"))).rejects.toMatchObject({ code: "intake-events-refused" });
});

test("given a ledger that does not read, no more than the limit is taken, until it does", async () => {
  const { recent, learn } = openRecent(15_000);
  const first = events(0, 15_000);
  await recent.note(first);
  await expect(recent.note(events(20_000, 1))).rejects.toMatchObject({
    code: "intake-busy",
    retryable: true,
  });
  learn(first);
  await recent.note(events(20_000, 1));
});

test("given events that may not have been stored, they are held to for an hour and then forgotten", async () => {
  const { recent, clock } = openRecent(10_000);
  const doubtful = events(0, 10_000);
  await recent.note(doubtful);
  recent.doubt(doubtful);
  clock.now = 3_600_000;
  expect(await recent.timeOf("7")).toBe(1007);
  await expect(recent.note(events(0, 1, "b"))).rejects.toMatchObject({ code: "intake-busy" });
  clock.now += 1;
  await recent.note(events(0, 1, "b"));
});

test("given an event that moves from here into the ledger while another one with its ID comes, that one is refused", async () => {
  const known = new Map<string, KnownContent>();
  let meanwhile = async (): Promise<void> => {};
  const recent = createRecentEvents(
    {
      contentsOf: async (ids) => {
        const contents = ids.map((id) => [known.get(id)].filter((content) => content !== undefined));
        await meanwhile();
        return contents;
      },
    },
    { most: 20_000, now: () => 0 },
  );
  const first = events(0, 9_999);
  await recent.note(first);
  // The question of the second has been answered with "unknown" when the ledger learns of the first, which is forgotten.
  meanwhile = async () => {
    meanwhile = async () => {};
    for (const { id, digest, time } of first) known.set(id, { digest, time });
    await recent.note(events(50_000, 1));
    await recent.note(events(60_000, 1));
  };
  const refusal = { code: "intake-events-refused", refused: [{ reason: "conflicting-duplicate" }] };
  await expect(recent.note(events(0, 1, "b"))).rejects.toMatchObject(refusal);
});
