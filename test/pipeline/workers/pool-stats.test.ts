import { expect, test } from "vitest";
import { zeroAddress } from "../../../offchain/core/address.ts";
import { createChainWatch } from "../../../offchain/pipeline/claims/chain-view.ts";
import { claim } from "../../../offchain/pipeline/claims/claim.ts";
import { publishEpoch } from "../../../offchain/pipeline/publish/publish.ts";
import { createPoolStats } from "../../../offchain/pipeline/workers/pool-stats.ts";
import { createEstimates, readWorker } from "../../../offchain/pipeline/workers/worker.ts";
import { deployTestDistributor, signerAt, useAnvil } from "../../support/anvil.ts";
import { account, transcodeJob, transcodeKey } from "../../support/events.ts";
import { openTestLedger, ruleset } from "../../support/ledger.ts";
import { closeForChain } from "../../support/published-epochs.ts";

const anvil = useAnvil();
const states = ["earned", "accruing", "closed", "posted", "claimable", "claimed"] as const;

test("given epochs closed, posted, active and claimed, the pool has what its workers have together, as the chain moves", async () => {
  const distributor = await deployTestDistributor(anvil);
  const ledger = await openTestLedger();
  const ports = { ...ledger, chain: distributor.open() };
  const sending = { broadcast: true, pollMs: 5 } as const;
  for (const epoch of [1, 2, 3]) await closeForChain(ledger, { epoch, distributor: distributor.address });
  await ledger.write(transcodeKey("open"), [transcodeJob({ id: "open", account: account(2) })]);
  await ledger.ingest();
  const watch = await createChainWatch(ports);
  const reading = { ...ledger, chain: watch.view, estimates: createEstimates(ledger.store) };
  const stats = createPoolStats(reading, ruleset);
  const check = async (epochs: { posted: number; active: number }): Promise<bigint> => {
    await watch.look();
    const { assets, ...shown } = await stats();
    expect(shown).toMatchObject({ epochs: { closed: 3, open: 4, ...epochs }, workers: { open: 1 } });
    const [pool] = assets;
    const workers = await Promise.all(
      [0, 1, 2, 3].map((index) => readWorker(reading, { account: account(index), ruleset })),
    );
    for (const state of states) {
      const sum = workers.reduce((total, { assets: [own] }) => total + (own?.[state] ?? 0n), 0n);
      expect([state, pool?.[state]]).toEqual([state, sum]);
    }
    expect(pool).toMatchObject({
      asset: zeroAddress,
      gross: (pool?.earned ?? 0n) + (pool?.commission ?? 0n),
    });
    return pool?.claimed ?? 0n;
  };

  expect(await check({ posted: 0, active: 0 })).toBe(0n);
  await publishEpoch(ports, 1, { ...sending, signer: distributor.poster });
  expect(await check({ posted: 1, active: 0 })).toBe(0n);
  await anvil.control().pass(61);
  await publishEpoch(ports, 2, { ...sending, signer: distributor.poster });
  const signer = await signerAt(anvil.local(), 5);
  await claim(ports, account(0), { ...sending, signer });
  const first = await check({ posted: 2, active: 1 });
  expect(first).toBeGreaterThan(0n);
  await anvil.control().mine(3);
  expect(await check({ posted: 2, active: 1 })).toBe(first);
  await anvil.control().pass(61);
  await claim(ports, account(0), { ...sending, signer });
  expect(await check({ posted: 2, active: 2 })).toBeGreaterThan(first);
});
