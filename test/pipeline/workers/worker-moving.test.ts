import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Block, DistributorChain, DistributorLog } from "../../../offchain/chain/distributor-chain.ts";
import { accrueFee } from "../../../offchain/core/accrual/per-job-fee.ts";
import { type Address, zeroAddress } from "../../../offchain/core/address.ts";
import { createRandom } from "../../../offchain/demo/random.ts";
import { createChainWatch } from "../../../offchain/pipeline/claims/chain-view.ts";
import { claimedTotals, newestOnChain } from "../../../offchain/pipeline/claims/on-chain.ts";
import { readProof } from "../../../offchain/pipeline/claims/proof.ts";
import {
  type ChainOverlay,
  mergedOverlay,
  storedOverlay,
} from "../../../offchain/pipeline/claims/watch-claims.ts";
import { closeEpoch } from "../../../offchain/pipeline/close/close-epoch.ts";
import { correlateWaiting } from "../../../offchain/pipeline/close/open-epoch.ts";
import { ingest, readHead } from "../../../offchain/pipeline/ingest/ingest.ts";
import { createEstimates, readWorker } from "../../../offchain/pipeline/workers/worker.ts";
import { cumulatives, objects, openSums, within } from "../../../offchain/store/keys.ts";
import { getOne, walk } from "../../../offchain/store/keyspace.ts";
import type { LedgerStore } from "../../../offchain/store/ledger-store.ts";
import type { EpochState } from "../../../offchain/store/records.ts";
import { account, aiJob, aiKey, aiReceipt, transcodeJob } from "../../support/events.ts";
import { closeOptions, ruleset, type TestLedger, withTestLedger } from "../../support/ledger.ts";
import { reopen } from "../../support/reopening.ts";

const accounts = [0, 1, 2].map(account);
const asset = zeroAddress;
const hash = `0x${"22".repeat(32)}` as const;

/** A worker as text, found by walking all there is, while nothing moves. */
async function plainWorker(
  { store, artifacts }: Pick<TestLedger, "store" | "artifacts">,
  seen: ChainOverlay | undefined,
  of: Address,
): Promise<string> {
  const head = await readHead(store);
  let accruing = 0n;
  for await (const { value } of walk(store, openSums, { within: within.account(of) })) {
    accruing += value.grossWei - value.commissionWei;
  }
  for (const { job, receipt } of (await correlateWaiting(store, ruleset)).pairs) {
    if (receipt.account === of) accruing += accrueFee(job.feesWei, ruleset).earnedWei;
  }
  const cumulative = (await getOne(store, cumulatives, { account: of, asset })) ?? 0n;
  const known = await storedOverlay(store);
  const overlay = known && mergedOverlay(seen, known.cursor);
  const newest = await newestOnChain(store, overlay);
  const amountIn = async (epoch: EpochState | undefined): Promise<bigint> => {
    const leaves = epoch === undefined ? [] : await readProof(artifacts, { ...epoch, account: of });
    return BigInt(leaves[0]?.cumulative ?? 0n);
  };
  const [posted, active] = [await amountIn(newest.posted), await amountIn(newest.active)];
  const { latest: claimed } = await claimedTotals(store, overlay, { account: of, asset });
  const last = head.nextOrdinal === 0 ? undefined : await getOne(store, objects, head.nextOrdinal - 1);
  const amounts = [accruing, cumulative - posted, posted - active, active - claimed, claimed];
  return [last?.key ?? null, head.epoch - 1, ...amounts].join(" ");
}

/** A chain of which the test says what is in it: a block every ten seconds, some of them final. */
function testChain() {
  const logs: DistributorLog[] = [];
  let latest = 10;
  const block = (number: number): Block => {
    return { number, hash, timestampSeconds: number * 10, baseFeeWei: 1n };
  };
  const place = () => ({ block: latest, blockHash: hash, logIndex: logs.length, transaction: hash });
  const chain = {
    ...{ chainId: 0, distributor: zeroAddress, deployedAtBlock: 1 },
    block: async (tag: "latest" | "finalized" | number) => {
      // Final by sevens, so that looks see new blocks without any becoming final.
      return block(tag === "latest" ? latest : tag === "finalized" ? latest - (latest % 7) : tag);
    },
    async *logs({ from, to }: { from: number; to: number }) {
      for (let at = from; at <= to; at++) {
        yield { from: at, to: at, logs: logs.filter((log) => log.block === at) };
      }
    },
  } as unknown as DistributorChain;
  return {
    chain,
    mine: (blocks: number) => {
      latest += blocks;
    },
    post: ({ epoch, root, manifestHash }: EpochState) => {
      const posted = { kind: "posted", epoch, recordHash: hash, activatesAtSeconds: (latest + 2) * 10 };
      logs.push({ ...posted, record: { root, manifestHash }, ...place() } as DistributorLog);
    },
    claim: (of: Address, epoch: number, cumulative: bigint) => {
      const before = logs.findLast((log) => log.kind === "claimed" && log.account === of);
      const amount = cumulative - (before?.kind === "claimed" ? before.cumulative : 0n);
      if (amount <= 0n) return;
      const claimed = {
        kind: "claimed",
        account: of,
        recipient: of,
        asset,
        epoch,
        amount,
        cumulative,
      } as const;
      logs.push({ ...claimed, ...place() });
    },
  };
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await setImmediate();
}

type Step = "object" | "ai" | "close" | "post" | "claim" | "mine" | "look" | "reopen";

/** Takes the steps one after the other, while workers are read at every write and after every step. */
async function checkSteps(ledger: TestLedger, steps: readonly Step[]): Promise<number> {
  const random = createRandom(steps.join());
  const { chain, mine, post, claim } = testChain();
  const history: string[][] = accounts.map(() => []);
  const reads: Promise<Answer>[] = [];
  const record = async (): Promise<void> => {
    for (const [index, of] of accounts.entries()) {
      history[index]?.push(await plainWorker(ledger, watch.overlay(), of));
    }
  };
  const readAll = (): void => {
    for (const [index, of] of accounts.entries()) {
      const from = (history[index]?.length ?? 0) - 1;
      const read = async (): Promise<Answer> => {
        const { assets, asOf } = await readWorker(
          { store: slow, chain: watch.view, estimates },
          { account: of, ruleset },
        );
        const own = assets.map((one) => [one.accruing, one.closed, one.posted, one.claimable, one.claimed]);
        // What was written a moment ago is told of before it is recorded.
        const to = (history[index]?.length ?? 0) + 1;
        return { index, from, to, told: [asOf.object, asOf.epoch, ...own.flat()].join(" ") };
      };
      reads.push(read());
    }
  };
  const store: LedgerStore = {
    ...ledger.store,
    write: async (...given) => {
      readAll();
      await ledger.store.write(...given);
      await record();
      readAll();
    },
  };
  // Reads that take their time before and after, so that what is told was read at several moments or long ago.
  const wait = () => turns(random.between(0, 3) ** 3 * (random.oneIn(6) ? 60 : 1));
  const slow: LedgerStore = {
    ...store,
    getMany: async (keys) => {
      await wait();
      const values = await store.getMany(keys);
      await wait();
      return values;
    },
  };
  const moving = { ...ledger, store };
  const watch = await createChainWatch({ ...moving, store: slow, chain });
  const estimates = createEstimates(slow);
  const closed: EpochState[] = [];
  let postedCount = 0;
  await record();
  const take: Record<Step, (number: number) => Promise<unknown> | unknown> = {
    object: async (number) => {
      const region = number % 2 === 0 ? "eu-central" : `region-${number}`;
      const key = `${region}/transcode/${region}-transcode-${number}.json`;
      const jobs = accounts
        .slice(number % 3)
        .map((of) => transcodeJob({ id: `${number} ${of}`, region, account: of }));
      await ledger.log.put(key, Buffer.from(JSON.stringify(jobs)));
      await ingest(moving, { ruleset, partitions: undefined });
    },
    ai: async (number) => {
      const requestID = `${number}`;
      const events = [
        aiReceipt({ id: `r${number}`, requestID, account: account(number % 3) }),
        aiJob({ id: `j${number}`, requestID }),
      ];
      await ledger.log.put(aiKey(`${number}`), Buffer.from(JSON.stringify(events)));
      await ingest(moving, { ruleset, partitions: undefined });
    },
    close: async (number) => {
      const result = await closeEpoch(moving, closeOptions(number));
      if (result !== undefined) closed.push(result.state);
    },
    post: () => {
      const next = closed[postedCount];
      if (next === undefined) return;
      post(next);
      postedCount += 1;
    },
    claim: async (number) => {
      const active = await watch.view.newestActive();
      const of = account(number % 3);
      if (active > 0) claim(of, active, (await watch.view.amountsOf(of, asset)).active);
    },
    mine: (number) => mine(1 + (number % 3)),
    look: async () => {
      await watch.look();
      await record();
    },
    reopen: async () => {
      if (closed.length <= postedCount) return;
      const last = closed.pop();
      if (last !== undefined) await reopen(moving, { epoch: last.epoch });
    },
  };
  for (const [number, step] of steps.entries()) {
    await take[step](number);
    if (step === "post" || step === "claim") mine(1);
    readAll();
  }
  const answers = await Promise.all(reads);
  for (const { index, from, to, told } of answers) expect(history[index]?.slice(from, to)).toContain(told);
  return answers.length;
}

/** What a reader was told of which account, and which of the states it was told in. */
type Answer = { readonly index: number; readonly from: number; readonly to: number; readonly told: string };

test("given anything that can happen to ledger and chain, then a worker is always shown as of one moment, to the wei", async () => {
  const step = fc.constantFrom<Step>(
    "object",
    "object",
    "ai",
    "close",
    "close",
    "post",
    "claim",
    "mine",
    "look",
    "look",
    "reopen",
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 24, size: "max" }), async (steps) => {
      expect(await withTestLedger((ledger) => checkSteps(ledger, steps))).toBeGreaterThan(0);
    }),
    { numRuns: 25 },
  );
});

test("given a pool's usual course, then it is shown so, too", async () => {
  const epoch: Step[] = ["object", "ai", "object", "close", "post", "look", "mine", "look", "claim", "look"];
  const steps: Step[] = [
    ...epoch,
    ...epoch,
    "mine",
    "mine",
    "look",
    "object",
    "close",
    "object",
    "reopen",
    "ai",
    "close",
  ];
  expect(await withTestLedger((ledger) => checkSteps(ledger, steps))).toBeGreaterThan(100);
});
