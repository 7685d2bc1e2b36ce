import { expect, test } from "vitest";
import { zeroAddress } from "../../offchain/core/address.ts";
import { account, aiKey, aiReceipt, at, transcodeJob, transcodeKey, uuid } from "../support/events.ts";
import { keysOf, openPool, type TestPool } from "./payroot.ts";

async function pool(): Promise<TestPool> {
  const opened = await openPool();
  const job = transcodeJob({ id: "a", second: 3 });
  await opened.write(transcodeKey("a"), [job, job, transcodeJob({ id: "b", account: account(1) })]);
  await opened.json(["epoch", "close", "--at", "2025-11-06T00:00:00Z"]);
  await opened.write(aiKey("b"), [aiReceipt({ id: "r", requestID: "r" })]);
  await opened.json(["ingest", "--once"]);
  return opened;
}

test("given a closed epoch, then --json has exactly the keys that are promised, amounts as texts", async () => {
  const shown = await (await pool()).json(["explain", account(0).toLowerCase(), "--epoch", "1"]);
  const amounts = { gross: "1200003600", commission: "300000900", earned: "900002700" };
  const object = transcodeKey("a");
  expect(keysOf(shown)).toEqual(["account", "assets", "epoch", "events", "excluded"]);
  expect(shown).toEqual({
    account: account(0),
    epoch: 1,
    assets: [{ asset: zeroAddress, ...amounts }],
    events: [
      {
        ...{ id: uuid("a"), DT: at(3), partition: "transcode|eu-central", object, position: 0 },
        ...{ ...amounts, late: false },
      },
    ],
    excluded: [{ id: uuid("a"), object, position: 1, reason: "duplicate" }],
  });
});

test("given no epoch, then the open one is explained", async () => {
  const shown = await (await pool()).json(["explain", account(0)]);
  expect(shown).toMatchObject({
    epoch: 2,
    assets: [{ earned: "0" }],
    events: [],
    excluded: [{ id: uuid("r"), object: aiKey("b"), position: 0, reason: "unmatched" }],
  });
});

test("given a terminal, then sums, events and what was left out stand in tables", async () => {
  const { stdout } = await (await pool()).call(["explain", account(0), "--epoch", "1"]);
  expect(stdout).toMatch(/^earned +0\.0000000009000027 ETH$/m);
  expect(stdout).toMatch(/^1 paid event$/m);
  expect(stdout).toContain(`${at(3)}  `);
  expect(stdout).toMatch(/^1 excluded event$/m);
  expect(stdout).toMatch(new RegExp(`^duplicate +${uuid("a")} +${transcodeKey("a")} +1$`, "m"));
});

test("given an epoch that was never closed, then it is an error that says where to look", async () => {
  const { error } = await (await pool()).json(["explain", account(0), "--epoch", "9"], 1);
  expect(error).toMatchObject({ code: "epoch-unknown", facts: { epoch: 9 } });
});
