import { expect, test } from "vitest";
import { zeroAddress } from "../../offchain/core/address.ts";
import { keccak256Hex } from "../../offchain/core/hash.ts";
import { openObjectStore } from "../../offchain/objects/open.ts";
import { account, aiJob, aiKey, aiReceipt, transcodeJob, transcodeKey } from "../support/events.ts";
import { keysOf, openPool, type TestPool } from "./payroot.ts";

const manifestKeys = [
  ...[
    "format",
    "epoch",
    "chainId",
    "distributor",
    "opensAt",
    "closesAt",
    "previousManifest",
    "ruleset",
    "rulesetHash",
  ],
  ...["inputs", "totals", "root", "leaves", "earningsRoot", "earnings", "files"],
];

async function closeOne(pool: TestPool, epoch: number): Promise<Record<string, unknown>> {
  const jobs = [0, 1].map((index) => transcodeJob({ id: `${epoch} ${index}`, account: account(index) }));
  await pool.write(transcodeKey(`epoch-${epoch}`), jobs);
  return pool.json(["epoch", "close", "--at", `2025-11-06T00:00:0${epoch}Z`]);
}

test("given earnings, epoch close reads the log and prints the manifest, its hash and the state", async () => {
  const pool = await openPool();
  const closed = await closeOne(pool, 1);
  expect(keysOf(closed)).toEqual([...manifestKeys, "manifestHash", "state"].sort());
  expect(keysOf(closed.inputs)).toEqual(
    ["objects", "bytes", "events", "accepted", "rejected", "duplicates", "late", "unmatched"].sort(),
  );
  expect(closed).toMatchObject({
    format: "payroot/epoch@1",
    epoch: 1,
    chainId: 0,
    distributor: zeroAddress,
    opensAt: "2025-11-05T15:00:00Z",
    closesAt: "2025-11-06T00:00:01Z",
    previousManifest: null,
    inputs: { objects: 1, events: 2, accepted: 2, rejected: 0, duplicates: 0, late: 0, unmatched: 0 },
    totals: [
      {
        asset: zeroAddress,
        gross: "2400007200",
        commission: "600001800",
        earned: "1800005400",
        cumulative: "1800005400",
        accounts: 2,
      },
    ],
    leaves: 2,
    earnings: 2,
    state: "closed",
  });
  const { manifestHash, state: _, ...manifest } = closed;
  const stored = await openObjectStore(pool.env.ARTIFACTS_URL ?? "").get("epochs/000001/manifest.json");
  expect(JSON.parse(Buffer.from(stored?.bytes ?? []).toString())).toEqual(manifest);
  expect(manifestHash).toBe(keccak256Hex(stored?.bytes ?? new Uint8Array()));
});

test("given closed epochs, epoch show prints each as its close did, and epoch list names all", async () => {
  const pool = await openPool();
  const closed = [await closeOne(pool, 1), await closeOne(pool, 2)];
  for (const [index, epoch] of closed.entries()) {
    expect(await pool.json(["epoch", "show", String(index + 1)])).toEqual(epoch);
  }
  expect(closed[1]?.previousManifest).toBe(closed[0]?.manifestHash);
  const listed = closed.map(({ epoch, state, opensAt, closesAt, root, manifestHash }) => {
    return { epoch, state, opensAt, closesAt, root, manifestHash };
  });
  expect(await pool.json(["epoch", "list"])).toEqual({ epochs: listed.reverse() });
});

test("given people, an epoch is told in ETH with its counts, and the list is a table", async () => {
  const pool = await openPool();
  const { root, manifestHash } = await closeOne(pool, 1);
  const { code, stdout, stderr } = await pool.call(["epoch", "show", "1"]);
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/^epoch 1, closed, 2025-11-05T15:00:00Z to 2025-11-06T00:00:01Z\n/);
  for (const line of [
    /^asset +ETH$/m,
    /^gross +0\.0000000024000072 ETH$/m,
    /^commission \(0\.25\) +0\.0000000006000018 ETH$/m,
    /^events +2: 2 accepted, 0 rejected, 0 duplicates$/m,
    new RegExp(`^root +${String(root)}$`, "m"),
    new RegExp(`^manifest hash +${String(manifestHash)}$`, "m"),
  ]) {
    expect(stdout).toMatch(line);
  }
  expect((await pool.call(["epoch", "list"])).stdout).toMatch(
    new RegExp(`^epoch +state +closed +root\n +1 +closed +2025-11-06T00:00:01Z +${String(root)}\n$`),
  );
});

test("given --at with an offset, the epoch closes at that time in UTC", async () => {
  const pool = await openPool();
  await pool.write(transcodeKey("a"), [transcodeJob({ id: "a" })]);
  const closed = await pool.json(["epoch", "close", "--at", "2025-11-06T01:30:00+01:30"]);
  expect(closed.closesAt).toBe("2025-11-06T00:00:00Z");
});

test("given no --at, the epoch closes now, at a whole second", async () => {
  const pool = await openPool();
  await pool.write(transcodeKey("a"), [transcodeJob({ id: "a" })]);
  const before = Math.floor(Date.now() / 1000) * 1000;
  const closesAt = String((await pool.json(["epoch", "close"])).closesAt);
  expect(closesAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  expect(Date.parse(closesAt)).toBeGreaterThanOrEqual(before);
  expect(Date.parse(closesAt)).toBeLessThanOrEqual(Date.now());
});

test.each(["tomorrow", "2025-11-06", "2025-11-06T00:00:00", "2025-02-30T00:00:00Z", ""])(
  "given --at %j, it is a usage error and nothing is closed",
  async (at) => {
    const pool = await openPool();
    await pool.write(transcodeKey("a"), [transcodeJob({ id: "a" })]);
    const { error } = await pool.json(["epoch", "close", "--at", at], 2);
    expect(error).toMatchObject({ code: "usage-invalid", facts: { given: at } });
    expect(await pool.json(["epoch", "list"])).toEqual({ epochs: [] });
  },
);

test("given --at before the epoch opened, it is refused, and a later time closes it", async () => {
  const pool = await openPool();
  await pool.write(transcodeKey("a"), [transcodeJob({ id: "a" })]);
  for (const at of ["2025-11-05T14:59:59Z", "2025-11-05T15:00:00Z"]) {
    const { error } = await pool.json(["epoch", "close", "--at", at], 2);
    expect(error).toMatchObject({
      code: "closing-time-invalid",
      facts: { given: at, opened: "2025-11-05T15:00:00Z" },
    });
  }
  expect(await pool.json(["epoch", "close", "--at", "2025-11-05T15:00:01Z"])).toMatchObject({ epoch: 1 });
});

test("given nobody who earned, the epoch stays open and says so", async () => {
  const pool = await openPool();
  const empty = await pool.json(["epoch", "close"], 1);
  expect(empty.error).toMatchObject({ code: "nothing-earned", retryable: false });
  await closeOne(pool, 1);
  expect((await pool.json(["epoch", "close", "--at", "2025-11-07T00:00:00Z"], 1)).error).toMatchObject({
    code: "nothing-earned",
  });
  await pool.write(transcodeKey("free"), [transcodeJob({ id: "free", price: 0 })]);
  const { error } = await pool.json(["epoch", "close", "--at", "2025-11-07T00:00:00Z"], 1);
  expect(error).toMatchObject({ code: "nothing-earned", next: expect.stringContaining("payroot status") });
  expect(await pool.json(["epoch", "list"])).toMatchObject({ epochs: [{ epoch: 1 }] });
});

test.each(["2", "0", "4294967296", "999999999999999"])(
  "given epoch show %s, no such epoch was closed",
  async (epoch) => {
    const pool = await openPool();
    await closeOne(pool, 1);
    const { error } = await pool.json(["epoch", "show", epoch], 1);
    expect(error).toEqual({
      code: "epoch-unknown",
      message: "No such epoch was closed.",
      facts: { epoch: Number(epoch) },
      next: "see the closed epochs with: payroot epoch list",
      retryable: false,
    });
  },
);

test("given a preview, it tells what closing now would pay, who moved most and who is new, and changes nothing", async () => {
  const pool = await openPool();
  await closeOne(pool, 1);
  await pool.write(transcodeKey("b"), [transcodeJob({ id: "b", account: account(2) }), {}]);
  await pool.write(aiKey("b"), [
    aiJob({ id: "job", requestID: "aa" }),
    aiReceipt({ id: "receipt", requestID: "aa", account: account(1) }),
    aiJob({ id: "lonely", requestID: "bb" }),
  ]);
  await pool.json(["ingest", "--once"]);
  const preview = await pool.json(["epoch", "preview"]);
  expect(preview).toEqual({
    epoch: 2,
    opensAt: "2025-11-06T00:00:01Z",
    totals: {
      asset: zeroAddress,
      gross: "2200003607",
      commission: "550000901",
      earned: "1650002706",
      accounts: 2,
      waitingJobs: 1,
      waiting: "1000000007",
    },
    rejections: [{ reason: "malformed", count: 1, fees: "0", unknown: 1 }],
    movers: [
      { account: account(0), before: "900002700", now: "0", change: "-900002700" },
      { account: account(2), before: "0", now: "900002700", change: "900002700" },
      { account: account(1), before: "900002700", now: "750000006", change: "-150002694" },
    ],
    jumps: [
      { account: account(2), earned: "900002700", median: "900002700", of: "pool" },
      { account: account(1), earned: "750000006", median: "900002700", of: "own" },
    ],
    newAccounts: [account(2)],
    solvency: null,
    runway: null,
  });
  const { stdout } = await pool.call(["epoch", "preview"]);
  expect(stdout).toMatch(/^epoch 2, open since 2025-11-06T00:00:01Z\n/);
  expect(stdout).toMatch(/^AI jobs without their receipt +1, 0\.000000001000000007 ETH waiting$/m);
  const closed = await pool.json(["epoch", "close", "--at", "2025-11-07T00:00:00Z"]);
  expect(closed.totals).toMatchObject([
    { gross: "2200003607", commission: "550000901", earned: "1650002706" },
  ]);
});

test("given a time that is yet to come, nothing is closed, and it says what time it is", async () => {
  const pool = await openPool();
  await pool.write(transcodeKey("1"), [transcodeJob({ id: "1", account: account(0) })]);
  const at = new Date(Date.now() + 3_600_000).toISOString();

  const { error } = await pool.json(["epoch", "close", "--at", at], 2);

  expect(error).toMatchObject({ code: "closing-time-invalid", facts: { now: expect.stringMatching(/Z$/) } });
  expect(await pool.json(["epoch", "list"])).toMatchObject({ epochs: [] });
});
