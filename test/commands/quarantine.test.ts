import { expect, test } from "vitest";
import { account, transcodeJob, transcodeKey, uuid } from "../support/events.ts";
import { openPool } from "./payroot.ts";

test("given rejected objects and events, the list names each with place, id, reason and whether it may be retried", async () => {
  const pool = await openPool();
  expect(await pool.json(["quarantine", "list"])).toEqual({ rejections: [] });
  expect((await pool.call(["quarantine", "list"])).stdout).toBe("nothing is in quarantine\n");
  await pool.write(transcodeKey("a"), [
    transcodeJob({ id: "a" }),
    transcodeJob({ id: "bad", account: "0x12" }),
  ]);
  await pool.json(["epoch", "close", "--at", "2025-11-06T00:00:00Z"]);
  await pool.write(transcodeKey("cut"), "[1,");
  await pool.json(["ingest", "--once"]);
  const { rejections } = await pool.json(["quarantine", "list"]);
  expect(rejections).toEqual([
    {
      id: uuid("bad"),
      reason: "invalid-address",
      detail: expect.stringContaining("0x12"),
      object: transcodeKey("a"),
      position: 1,
      closed: true,
    },
    {
      id: null,
      reason: "object-malformed",
      detail: expect.any(String),
      object: transcodeKey("cut"),
      position: -1,
      closed: false,
    },
  ]);
  const { stdout } = await pool.call(["quarantine", "list"]);
  expect(stdout).toMatch(/^object +position +reason +detail\n/);
  expect(stdout).toMatch(/-a\.json +1 +invalid-address /);
  expect(stdout).toMatch(/-cut\.json +all +object-malformed /);
});

test("given text of others with control characters, the terminal is not told to obey them", async () => {
  const pool = await openPool();
  await pool.write(transcodeKey("a"), [transcodeJob({ id: "a", account: "\u001b[2J\u202e" })]);
  await pool.json(["ingest", "--once"]);
  const { stdout } = await pool.call(["quarantine", "list"]);
  expect(stdout).toContain("\\u{1b}[2J\\u{202e}");
  for (const character of ["\u001b", "\u202e"]) expect(stdout).not.toContain(character);
});

test("given a rule that no longer rejects, a retry reads the closed epoch's event as part of the open one", async () => {
  const pool = await openPool();
  await pool.write(transcodeKey("a"), [
    transcodeJob({ id: "a" }),
    transcodeJob({ id: "dear", account: account(1), units: 1, price: 5_000_000_000 }),
  ]);
  const strict = { env: { MAX_EVENT_FEE_WEI: "4000000000" } };
  const first = await pool.call(["epoch", "close", "--at", "2025-11-06T00:00:00Z", "--json"], strict);
  expect(JSON.parse(first.stdout)).toMatchObject({ inputs: { accepted: 1, rejected: 1 } });
  const none = { looked: 1, objects: 0, waiting: 0, accepted: 0, rejected: 0, duplicates: 0, late: 0 };
  const same = await pool.call(["quarantine", "retry", "--json"], strict);
  expect(JSON.parse(same.stdout)).toMatchObject(none);
  expect(await pool.json(["quarantine", "retry"])).toMatchObject({
    looked: 1,
    objects: 1,
    accepted: 1,
    duplicates: 1,
  });
  expect(await pool.json(["quarantine", "list"])).toEqual({ rejections: [] });
  const closed = await pool.json(["epoch", "close", "--at", "2025-11-07T00:00:00Z"]);
  expect(closed).toMatchObject({ totals: [{ gross: "5000000000" }], earnings: 1, leaves: 2 });
  expect((await pool.call(["quarantine", "retry"])).stdout).toMatch(/^looked at 0 objects of closed epochs/);
});
