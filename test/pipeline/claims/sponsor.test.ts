import { zeroAddress } from "viem";
import { expect, onTestFinished, test } from "vitest";
import { distributorAbi } from "../../../offchain/chain/distributor-artifact.ts";
import { claim } from "../../../offchain/pipeline/claims/claim.ts";
import { sponsor, sponsorCalls } from "../../../offchain/pipeline/claims/sponsor.ts";
import { sponsorStage } from "../../../offchain/pipeline/claims/sponsor-stage.ts";
import { signerAt, startRpcProxy, useAnvil } from "../../support/anvil.ts";
import {
  earnedBy,
  openSponsoredPool,
  paymentsOf,
  refusingCode,
  sendingBy,
  worker,
} from "../../support/sponsoring.ts";

const anvil = useAnvil();
const all = (count: number) => Array.from({ length: count }, (_, index) => worker(index)).sort();

test("given 50 workers, some below the threshold, some paid, one that refuses: the others are paid once", async () => {
  const { ports, chain, options } = await openSponsoredPool(anvil, 50);
  for (const index of [20, 30]) await claim(ports, worker(index), options);
  await anvil.control().client.setCode({ address: worker(40), bytecode: refusingCode });
  const request = { ...options, minimum: earnedBy(9), batch: 16 };

  const dry = await sponsor(ports, { ...request, broadcast: false });
  expect(await paymentsOf(chain)).toHaveLength(2);
  const paid = await sponsor(ports, request);

  const due = [...Array(50).keys()].filter((index) => index >= 9 && ![20, 30, 40].includes(index));
  const total = due.reduce((sum, index) => sum + earnedBy(index), 0n);
  const expected = {
    epoch: 1,
    assets: [{ asset: zeroAddress, workers: 38, total }],
    refused: [
      { account: worker(40), asset: zeroAddress, reason: expect.stringMatching(/^TransferFailed\(/) },
    ],
    received: 2,
    below: 9,
    paused: 0,
  };
  expect(dry).toMatchObject({ ...expected, state: "dry" });
  expect(paid).toMatchObject({ ...expected, state: "paid" });
  expect(dry.batches.map(({ transaction }) => transaction)).toEqual([null, null, null]);
  const payments = await paymentsOf(chain);
  expect(payments.map(({ account }) => account).sort()).toEqual(
    [...due, 20, 30].map((index) => worker(index)).sort(),
  );
  for (const index of due) {
    expect(await anvil.control().client.getBalance({ address: worker(index) })).toBe(earnedBy(index));
  }
  expect(await sponsor(ports, request)).toMatchObject({ batches: [], assets: [], refused: expected.refused });
});

test("given a worker who was paid for an epoch and earned too little since, it waits for the threshold", async () => {
  const { ports, chain, next, options } = await openSponsoredPool(anvil, 4);
  await claim(ports, worker(3), options);
  await next();
  const minimum = earnedBy(3) + 1n;

  const report = await sponsor(ports, { ...options, minimum });

  // All leaves but those of workers 0 and 1 hold more than the least; worker 3 has one epoch of its two to come.
  expect(report).toMatchObject({ epoch: 2, below: 3, received: 0, assets: [{ workers: 1 }] });
  const payments = await paymentsOf(chain);
  expect(payments.map(({ account }) => account)).toEqual([worker(3), worker(2)]);
});

test("given more accounts than one request reads, what each has received comes in their order", async () => {
  const { ports, chain, options } = await openSponsoredPool(anvil, 3);
  await sponsor(ports, { ...options, minimum: earnedBy(1) });

  const asked = Array.from({ length: 300 }, (_, at) => ({ account: worker(at % 4), asset: zeroAddress }));
  const received = await chain.claimedByMany(asked);

  const expected = [0n, earnedBy(1), earnedBy(2), 0n];
  expect(received).toEqual(asked.map((_, at) => expected[at % 4]));
  expect(await chain.claimedByMany([])).toEqual([]);
});

test("given a process killed between two batches, when it is started again, then each worker is paid exactly once", async () => {
  const { ports, chain, options } = await openSponsoredPool(anvil, 12);
  const killed = sendingBy(chain, async (raw, before) => {
    if (before === 2) throw new Error("killed");
    return chain.send(raw);
  });

  const first = sponsor({ ...ports, chain: killed }, { ...options, batch: 4 });
  await expect(first).rejects.toThrow("killed");
  expect(await paymentsOf(chain)).toHaveLength(8);
  const second = await sponsor(ports, { ...options, batch: 4 });

  expect(second).toMatchObject({ received: 8, assets: [{ workers: 4 }] });
  expect((await paymentsOf(chain)).map(({ account }) => account).sort()).toEqual(all(12));
});

test("given a process killed after a batch was sent, while it is not mined, nothing is sent again until it is", async () => {
  const { ports, chain, options } = await openSponsoredPool(anvil, 6);
  await anvil.control().client.setAutomine(false);
  onTestFinished(() => anvil.control().client.setAutomine(true));
  const killed = sendingBy(chain, async (raw) => {
    await chain.send(raw);
    throw new Error("killed");
  });

  await expect(sponsor({ ...ports, chain: killed }, options)).rejects.toThrow("killed");
  const again = sponsor(ports, options);
  await expect(again).rejects.toMatchObject({ code: "transactions-pending", exitCode: 75 });
  await anvil.control().mine();

  expect(await sponsor(ports, options)).toMatchObject({ batches: [], received: 6 });
  expect(await paymentsOf(chain)).toHaveLength(6);
});

test("given an RPC that loses its answers, when workers are paid, then each batch is looked up and sent once", async () => {
  const { ports, distributor, chain, options } = await openSponsoredPool(anvil, 6);
  const proxy = await startRpcProxy(anvil.local().rpcUrl);
  proxy.rule = async ({ method, forward }) => {
    if (method !== "eth_sendRawTransaction") return undefined;
    await forward();
    // Mined before the connection ends, so that there is something to find.
    await anvil.control().mine();
    return "hang-up";
  };

  const lossy = { ...ports, chain: distributor.open({ rpcUrl: proxy.url }) };
  const report = await sponsor(lossy, { ...options, batch: 3 });

  expect(report.batches).toHaveLength(2);
  expect(proxy.seen.filter((method) => method === "eth_sendRawTransaction")).toHaveLength(2);
  expect(await paymentsOf(chain)).toHaveLength(6);
});

test("given a worker who claims while the batch is under way, it is skipped with the reason, and the others are paid", async () => {
  const { ports, chain, options } = await openSponsoredPool(anvil, 5);
  const overtaken = sendingBy(chain, async (raw) => {
    await claim(ports, worker(2), { ...options, signer: await signerAt(anvil.local(), 6) });
    return chain.send(raw);
  });

  const { batches, assets } = await sponsor({ ...ports, chain: overtaken }, options);

  expect(assets).toMatchObject([{ workers: 4 }]);
  expect(batches).toMatchObject([
    { skipped: [{ account: worker(2), reason: expect.stringMatching(/^NothingToClaim\(/) }] },
  ]);
  expect((await paymentsOf(chain)).map(({ account }) => account).sort()).toEqual(all(5));
});

test("given a gas limit below what a batch takes, when workers are paid, then batches are halved until they fit", async () => {
  const { ports, distributor, chain, options } = await openSponsoredPool(anvil, 12);
  const tight = { ...ports, chain: distributor.open({ gasLimit: 400_000n }) };

  const hopeless = { ...ports, chain: distributor.open({ gasLimit: 100_000n }) };
  await expect(sponsor(hopeless, options)).rejects.toMatchObject({ code: "gas-above-limit" });
  const { batches } = await sponsor(tight, options);

  expect(batches.length).toBeGreaterThan(2);
  for (const { gas } of batches) expect(gas).toBeLessThanOrEqual(400_000n);
  expect((await paymentsOf(chain)).map(({ account }) => account).sort()).toEqual(all(12));
});

test.each([
  ["an amount changed", (text: string) => text.replace(/"cumulative":"\d/, '"cumulative":"7')],
  ["a line left out", (text: string) => text.slice(text.indexOf("\n") + 1)],
  ["nothing in it", () => ""],
  ["no JSON in it", () => "{\n"],
])("given published leaves with %s, nothing is sent", async (_what, edit) => {
  const { ports, chain, ledger, options } = await openSponsoredPool(anvil, 3);
  const key = "epochs/000001/leaves.ndjson";
  const text = Buffer.from((await ledger.artifacts.get(key))?.bytes ?? []).toString();
  await ledger.artifacts.put(key, Buffer.from(edit(text)));

  const refused = { code: "proof-mismatch", exitCode: 3, facts: { file: key } };
  await expect(sponsor(ports, options)).rejects.toMatchObject(refused);
  await expect(sponsorCalls(ports, options)).rejects.toMatchObject(refused);
  expect(await paymentsOf(chain)).toEqual([]);
});

test("given a second epoch, workers get the difference; when their asset is paused, the end of the pause is told", async () => {
  const { ports, chain, next, options, distributor } = await openSponsoredPool(anvil, 4);
  await sponsor(ports, options);
  await next();
  const pause = { abi: distributorAbi, functionName: "pause", args: [zeroAddress] } as const;
  const { client } = anvil.control();
  await client.writeContract({
    ...pause,
    address: distributor.address,
    account: distributor.guardian.address,
  });
  await expect(sponsor(ports, options)).rejects.toMatchObject({ code: "claims-paused", exitCode: 75 });
  await anvil.control().pass(7 * 86_400);

  const report = await sponsor(ports, options);

  expect(report.epoch).toBe(2);
  const total = [0, 1, 2, 3].reduce((sum, index) => sum + earnedBy(index), 0n);
  expect(report.assets).toMatchObject([{ workers: 4, total }]);
  expect(await chain.claimed({ account: worker(3), asset: zeroAddress })).toBe(2n * earnedBy(3));
});

test("given the daemon's stage, it pays once an interval, and again at once after it failed", async () => {
  const { ports, chain, next, options } = await openSponsoredPool(anvil, 3);
  let time = 0;
  let broken = true;
  const port = sendingBy(chain, async (raw) => {
    if (broken) throw new Error("no network");
    return chain.send(raw);
  });
  const paidIn: number[] = [];
  const stage = sponsorStage(
    { ...ports, chain: port },
    { ...options, intervalSeconds: 600, clock: () => time, onBatch: ({ paid }) => paidIn.push(paid.length) },
  );
  await expect(stage.run()).rejects.toThrow("no network");
  broken = false;
  await stage.run();
  expect(paidIn).toEqual([3]);
  await next();
  time = 599_999;
  await stage.run();
  expect(paidIn).toEqual([3]);
  time = 600_000;
  await stage.run();
  expect(paidIn).toEqual([3, 3]);
});
