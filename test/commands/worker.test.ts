import { expect, test } from "vitest";
import { zeroAddress } from "../../offchain/core/address.ts";
import { account, transcodeJob, transcodeKey } from "../support/events.ts";
import { keysOf, openPool } from "./payroot.ts";

test("given a worker, the five amounts are disjoint and sum to earned", async () => {
  const pool = await openPool();
  await pool.write(transcodeKey("a"), [transcodeJob({ id: "a" })]);
  await pool.json(["epoch", "close", "--at", "2025-11-06T00:00:00Z"]);
  await pool.write(transcodeKey("b"), [transcodeJob({ id: "b", price: 1000 })]);
  await pool.json(["ingest", "--once"]);
  const shown = await pool.json(["worker", "show", account(0).toLowerCase()]);
  expect(keysOf(shown)).toEqual(["account", "asOf", "assets"]);
  const amounts = { accruing: "750002250", closed: "900002700", posted: "0", claimable: "0", claimed: "0" };
  expect(shown).toEqual({
    account: account(0),
    assets: [{ asset: zeroAddress, earned: "1650004950", ...amounts }],
    asOf: { object: transcodeKey("b"), epoch: 1, block: null },
  });
  const { stdout } = await pool.call(["worker", "show", account(0)]);
  expect(stdout).toMatch(new RegExp(`^${account(0)}\nETH\n`));
  expect(stdout).toMatch(/^earned +0\.00000000165000495 ETH$/m);
  expect(stdout).toMatch(/^as of block +no chain$/m);
});

test("given an account that never worked, it has zeros", async () => {
  const pool = await openPool();
  const amounts = { earned: "0", accruing: "0", closed: "0", posted: "0", claimable: "0", claimed: "0" };
  expect(await pool.json(["worker", "show", account(3)])).toEqual({
    account: account(3),
    assets: [{ asset: zeroAddress, ...amounts }],
    asOf: { object: null, epoch: 0, block: null },
  });
});

test.each(["0x12", zeroAddress, account(0).replace("A", "a"), "vitalik.eth"])(
  "given the address %s, it is a usage error that says what is expected",
  async (given) => {
    const pool = await openPool();
    const { error } = await pool.json(["worker", "show", given], 2);
    expect(error).toMatchObject({
      code: "usage-invalid",
      facts: { given, expected: "0x and 40 hex digits, all lower case or with a correct EIP-55 checksum" },
    });
  },
);
