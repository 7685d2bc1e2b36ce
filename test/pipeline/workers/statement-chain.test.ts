import { createPublicClient, http, zeroAddress } from "viem";
import { anvil as anvilChain } from "viem/chains";
import { expect, test } from "vitest";
import { distributorReader } from "../../../offchain/chain/distributor.ts";
import { createChainWatch } from "../../../offchain/pipeline/claims/chain-view.ts";
import { claim } from "../../../offchain/pipeline/claims/claim.ts";
import { publishEpoch } from "../../../offchain/pipeline/publish/publish.ts";
import { earningProofs } from "../../../offchain/pipeline/workers/earning-proof.ts";
import { readStatement } from "../../../offchain/pipeline/workers/statement.ts";
import { createEstimates, readWorker } from "../../../offchain/pipeline/workers/worker.ts";
import { postedEpochs } from "../../../offchain/store/keys.ts";
import { put } from "../../../offchain/store/keyspace.ts";
import { deployTestDistributor, signerAt, useAnvil } from "../../support/anvil.ts";
import { account } from "../../support/events.ts";
import { openTestLedger, ruleset } from "../../support/ledger.ts";
import { closeForChain } from "../../support/published-epochs.ts";

const anvil = useAnvil();

/** A ledger whose first epochs stand on chain, active; account 0 has claimed each. */
async function claimedEpochs(count: number) {
  const distributor = await deployTestDistributor(anvil);
  const ledger = await openTestLedger();
  const ports = { ...ledger, chain: distributor.open() };
  const signer = await signerAt(anvil.local(), 5);
  for (let epoch = 1; epoch <= count; epoch++) {
    await closeForChain(ledger, { epoch, distributor: distributor.address });
    await publishEpoch(ports, epoch, { broadcast: true, signer: distributor.poster, pollMs: 5 });
    await anvil.control().pass(61);
    await claim(ports, account(0), { broadcast: true, signer, pollMs: 5 });
  }
  await claim(ports, account(1), { broadcast: true, signer, pollMs: 5 });
  return { distributor, ports };
}

test("given epochs on chain, when an account's earnings are proven, then the contract says that they hold, and no others", async () => {
  const { distributor, ports } = await claimedEpochs(2);
  const publicClient = createPublicClient({ chain: anvilChain, transport: http(anvil.local().rpcUrl) });
  const contract = distributorReader({ address: distributor.address, publicClient });

  const proofs = await Array.fromAsync(earningProofs(ports, account(1)));

  expect(proofs.map(({ epoch }) => epoch)).toEqual([1, 2]);
  for (const { asset, earned, record, proof } of proofs) {
    const totals = record.totals.map((total) => ({ ...total, cumulative: BigInt(total.cumulative) }));
    const onChain = { ...record, epoch: BigInt(record.epoch), totals };
    const verify = (amount: bigint, who = account(1)) =>
      contract.read.verifyEarning([onChain, who, asset, amount, [...proof]]);
    expect(await verify(earned)).toBe(true);
    expect(await verify(earned + 1n)).toBe(false);
    expect(await verify(earned, account(2))).toBe(false);
  }
});

test("given another record on chain than the files declare, then nothing is proven", async () => {
  const { ports } = await claimedEpochs(1);
  const watch = await createChainWatch(ports);
  await anvil.control().mine(3);
  await watch.look();
  const [proof] = await Array.fromAsync(earningProofs(ports, account(0)));
  const posted = { recordHash: `0x${"12".repeat(32)}`, manifestHash: proof?.record.manifestHash } as never;
  await ports.store.write([put(postedEpochs, 1, posted)], { durable: false });
  await expect(Array.fromAsync(earningProofs(ports, account(0)))).rejects.toMatchObject({
    code: "epoch-posted-differently",
  });
});

test("given claims, new ones and final ones, then the statement has each once, with its block's time", async () => {
  const { ports } = await claimedEpochs(2);
  const watch = await createChainWatch(ports);
  const { latest } = await watch.look();
  const query = { account: account(0), ruleset };
  const read = { store: ports.store, chain: watch.view, estimates: createEstimates(ports.store) };

  const early = await readStatement(read, query);
  await anvil.control().mine(3);
  await watch.look();
  const late = await readStatement(read, query);

  const other = await readStatement(read, { ...query, account: account(1) });
  expect(other.rows.filter(({ claimed }) => claimed > 0n).map(({ epoch }) => epoch)).toEqual([2]);

  const earned = (epoch: number) => BigInt(epoch * 1_000_003) * 900n;
  const claims = early.rows.filter(({ transaction }) => transaction !== null);
  expect(claims.map(({ epoch, claimed }) => [epoch, claimed])).toEqual([
    [1, earned(1)],
    [2, earned(2)],
  ]);
  expect(Date.parse(claims[1]?.time ?? "")).toBeLessThanOrEqual(latest.timestampSeconds * 1000);
  expect(claims[0]?.time).not.toBe(claims[1]?.time);
  expect(late.rows).toEqual(early.rows);
  const block = () => Promise.reject(new Error("the time of a final claim was asked for again"));
  const later = await createChainWatch({ ...ports, chain: { ...ports.chain, block } });
  expect(await later.view.claimsOf(account(0))).toEqual(await watch.view.claimsOf(account(0)));
  const worker = await readWorker(read, query);
  expect(late.totals).toMatchObject([{ asset: zeroAddress, claimed: worker.assets[0]?.claimed }]);
  expect(worker.assets[0]?.claimed).toBe(earned(1) + earned(2));
});
