import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Block, DistributorChain, DistributorLog } from "../../offchain/chain/distributor-chain.ts";
import { type Address, zeroAddress } from "../../offchain/core/address.ts";
import type { Ruleset } from "../../offchain/core/ruleset.ts";
import {
  aiJob,
  aiPartition,
  formatEvents,
  objectKey,
  transcodeJob,
  transcodePartitions,
} from "../../offchain/demo/pool-events.ts";
import { createRandom } from "../../offchain/demo/random.ts";
import type { ObjectStore } from "../../offchain/objects/object-store.ts";
import { openObjectStore } from "../../offchain/objects/open.ts";
import type { ClosePorts } from "../../offchain/pipeline/close/close-epoch.ts";
import { openLevelStore } from "../../offchain/store/level.ts";
import type { EpochState } from "../../offchain/store/records.ts";

/** The rules of the pool. */
export const ruleset: Ruleset = {
  scheme: "per-job-fee",
  asset: zeroAddress,
  commissionPpm: 250_000,
  correlationWindowSeconds: 3600,
  maxEventFeeWei: "10000000000000000000",
  maxObjectBytes: 1 << 26,
};

/** The contract that the pool says it has. */
export const identity = { chainId: 31_337, distributor: `0x${"11".repeat(20)}` as Address };

/** When the only closed epoch began, and the events of one object are spread over a minute. */
const start = Date.UTC(2025, 10, 5);
const eventsPerObject = 10_000;

/** The ledger of a folder with the directories of its objects. */
export async function openPool(folder: string): Promise<ClosePorts> {
  const log = await openLog(folder);
  const archive = await openDirectory(folder, "archive");
  const artifacts = await openDirectory(folder, "artifacts");
  return { log, archive, artifacts, store: await openLevelStore(join(folder, "ledger")) };
}

/** The event log of a folder. */
export function openLog(folder: string): Promise<ObjectStore> {
  return openDirectory(folder, "log");
}

async function openDirectory(folder: string, name: string): Promise<ObjectStore> {
  await mkdir(join(folder, name), { recursive: true });
  return openObjectStore(`file://${join(folder, name)}`);
}

/** Writes a transcoding job of each of the accounts, 10,000 to an object, each account in one region; from this minute on. */
export async function writeJobs(
  log: ObjectStore,
  accounts: readonly Address[],
  minute: number,
): Promise<void> {
  const random = createRandom(`jobs ${minute}`);
  for (let from = 0; from < accounts.length; from += eventsPerObject) {
    const number = minute + from / eventsPerObject;
    const first = start + number * 60_000;
    const partition = transcodePartitions[number % transcodePartitions.length] ?? aiPartition;
    const events = accounts.slice(from, from + eventsPerObject).map((account, index) => {
      const time = first + Math.floor((index * 56) / eventsPerObject) * 1000;
      return transcodeJob(random, { time, account }).event;
    });
    await log.put(objectKey(partition, { first, last: first + 59_000 }), formatEvents(partition, events));
  }
}

/** Writes AI jobs of the accounts with their receipts, which wait for the close; all in one object. */
export async function writeAiJobs(
  log: ObjectStore,
  accounts: readonly Address[],
  minute: number,
): Promise<void> {
  const random = createRandom(`ai ${minute}`);
  const first = start + minute * 60_000;
  const events = accounts.flatMap((account, serial) => {
    const { job, receipt } = aiJob(random, { time: first, account, serial });
    return [receipt, job];
  });
  await log.put(objectKey(aiPartition, { first, last: first + 59_000 }), formatEvents(aiPartition, events));
}

/** A chain on which the epoch was posted and is active, and each of the accounts has claimed a wei. */
export function chainWith(epoch: EpochState, claimed: readonly Address[]): DistributorChain {
  const hash = `0x${"22".repeat(32)}` as const;
  const latest: Block = { number: 100, hash, timestampSeconds: start / 1000 + 86_400 * 3, baseFeeWei: 1n };
  const place = (logIndex: number) => ({ block: 50, blockHash: hash, logIndex, transaction: hash });
  const record = { root: epoch.root, manifestHash: epoch.manifestHash };
  const posted = {
    kind: "posted",
    epoch: epoch.epoch,
    recordHash: hash,
    activatesAtSeconds: start / 1000 + 86_400,
    record,
  };
  const logs = [
    { ...posted, ...place(0) },
    ...claimed.map((account, index) => ({
      ...{ kind: "claimed", account, recipient: account, asset: zeroAddress, epoch: epoch.epoch },
      ...{ amount: 1n, cumulative: 1n, ...place(index + 1) },
    })),
  ] as DistributorLog[];
  const chain: Pick<DistributorChain, "chainId" | "distributor" | "deployedAtBlock" | "block" | "logs"> = {
    ...{ ...identity, deployedAtBlock: 1 },
    block: async (tag) => (typeof tag === "number" ? { ...latest, number: tag } : latest),
    async *logs({ from, to }) {
      if (from <= to) yield { from, to, logs: from <= 50 && 50 <= to ? logs : [] };
    },
  };
  // Nothing else of it is asked by what only watches.
  return chain as DistributorChain;
}
