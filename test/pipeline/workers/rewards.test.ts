import { expect, test } from "vitest";
import { createChainWatch } from "../../../offchain/pipeline/claims/chain-view.ts";
import { claim } from "../../../offchain/pipeline/claims/claim.ts";
import { publishEpoch } from "../../../offchain/pipeline/publish/publish.ts";
import {
  allRewards,
  type Reward,
  type RewardPlace,
  rewardsOf,
} from "../../../offchain/pipeline/workers/rewards.ts";
import { createEstimates } from "../../../offchain/pipeline/workers/worker.ts";
import { deployTestDistributor, signerAt, useAnvil } from "../../support/anvil.ts";
import { account } from "../../support/events.ts";
import { openTestLedger, ruleset } from "../../support/ledger.ts";
import { closeForChain } from "../../support/published-epochs.ts";

const anvil = useAnvil();

test("given claims on chain, new ones and final ones, rewards have each once with its transaction, newest first, and what is owed", async () => {
  const distributor = await deployTestDistributor(anvil);
  const ledger = await openTestLedger();
  const ports = { ...ledger, chain: distributor.open() };
  const options = { broadcast: true, signer: await signerAt(anvil.local(), 5), pollMs: 5 } as const;
  for (let epoch = 1; epoch <= 3; epoch++) {
    await closeForChain(ledger, { epoch, distributor: distributor.address });
    await publishEpoch(ports, epoch, { broadcast: true, signer: distributor.poster, pollMs: 5 });
    await anvil.control().pass(61);
    await claim(ports, account(0), options);
  }
  const watch = await createChainWatch(ports);
  const read = { store: ledger.store, chain: watch.view, estimates: createEstimates(ledger.store) };
  const { latest } = await watch.look();

  const walk = async (limit: number, since = 0): Promise<Reward[]> => {
    const rewards: Reward[] = [];
    for (let after: RewardPlace | undefined, first = true; first || after !== undefined; first = false) {
      const page = await allRewards(read, { since, after, limit, ruleset });
      expect(page.rewards.length).toBeLessThanOrEqual(limit);
      rewards.push(...page.rewards);
      after = page.next;
    }
    return rewards;
  };
  const early = await walk(100);
  const paid = early.filter((reward) => reward.paid !== null);
  const earned = (epoch: number) => BigInt(epoch * 1_000_003) * 900n;
  expect(paid.map(({ account: who, amount }) => [who, amount])).toEqual(
    [3, 2, 1].map((epoch) => [account(0), earned(epoch)]),
  );
  expect(new Set(paid.map((reward) => reward.paid?.transaction)).size).toBe(3);
  const owed = early.filter((reward) => reward.paid === null);
  expect(owed.map(({ account: who }) => who)).not.toContain(account(0));
  expect(owed.map(({ account: who }) => who)).toContain(account(1));

  // The first claims have become final meanwhile, the others are not yet.
  await anvil.control().mine(3);
  await watch.look();
  for (const limit of [1, 2, 100]) expect(await walk(limit)).toEqual(early);
  const times = paid.map((reward) => reward.paid?.time ?? 0);
  expect(times[0]).toBeLessThanOrEqual(latest.timestampSeconds * 1000);
  expect((await walk(100, times[1])).filter((reward) => reward.paid !== null)).toEqual(paid.slice(0, 2));

  expect(await rewardsOf(read, { account: account(0), ruleset })).toEqual(paid);
  expect(await rewardsOf(read, { account: account(1), ruleset })).toEqual(
    owed.filter(({ account: who }) => who === account(1)),
  );
});
