import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Address } from "../core/address.ts";
import { mapOrdered } from "../objects/concurrent.ts";
import type { ObjectStore } from "../objects/object-store.ts";
import {
  aiJob,
  aiPartition,
  connectionEvent,
  deriveWorkers,
  formatEvents,
  objectKey,
  type PoolEvent,
  type PoolObject,
  randomConnection,
  transcodeJob,
  transcodePartitions,
} from "./pool-events.ts";
import { createRandom, type Random } from "./random.ts";

/** How much backlog is made, and from which seed; the same options give the same bytes. */
export type BacklogOptions = {
  readonly seed: string;
  readonly objects: number;
  readonly eventsPerObject: number;
  /** EIP-55 addresses, or how many to derive from the seed; default 60. */
  readonly workers?: number | readonly Address[];
  /** When the first object begins; default 2025-11-05T00:00:00Z. */
  readonly start?: Date;
};

/** What a backlog came to: its size, and the gross of each account in wei. */
export type Backlog = {
  readonly objects: number;
  readonly events: number;
  readonly bytes: number;
  readonly grossWei: ReadonlyMap<Address, bigint>;
};

/**
 * Writes a clean backlog, one object in memory after the other: every tenth object is of AI jobs with their receipts,
 * the others of transcoding jobs, one event in twenty of them a connection that comes or goes. The target is a store,
 * or the path of a directory, which is then written without waiting for the disk.
 */
export async function writeBacklog(
  target: Pick<ObjectStore, "put"> | string,
  options: BacklogOptions,
): Promise<Backlog> {
  const put =
    typeof target === "string"
      ? filePut(target)
      : (object: PoolObject) => target.put(object.key, object.bytes);
  const totals = { objects: 0, events: 0, bytes: 0, grossWei: new Map<Address, bigint>() };
  for await (const object of mapOrdered(
    makeObjects(options, totals.grossWei),
    { concurrency: 8 },
    async (made) => {
      await put(made);
      return made;
    },
  )) {
    totals.objects += 1;
    totals.events += options.eventsPerObject;
    totals.bytes += object.bytes.length;
  }
  return totals;
}

function filePut(root: string): (object: PoolObject) => Promise<void> {
  const made = new Set<string>();
  return async ({ key, bytes }) => {
    const path = join(root, key);
    const folder = dirname(path);
    if (!made.has(folder)) await mkdir(folder, { recursive: true });
    made.add(folder);
    await writeFile(path, bytes);
  };
}

/** The workers, the connection of each, and what each has earned so far. */
type Pool = {
  readonly random: Random;
  readonly accounts: readonly Address[];
  readonly connections: readonly string[];
  readonly grossWei: Map<Address, bigint>;
  aiJobs: number;
};

function* makeObjects(
  options: BacklogOptions,
  grossWei: Map<Address, bigint>,
): Generator<PoolObject, void, undefined> {
  const { seed, workers = 60, start = new Date("2025-11-05T00:00:00Z") } = options;
  const random = createRandom(`backlog ${seed}`);
  const accounts = typeof workers === "number" ? deriveWorkers(seed, workers) : workers;
  const connections = accounts.map(() => randomConnection(random));
  const pool: Pool = { random, accounts, connections, grossWei, aiJobs: 0 };
  for (let n = 0; n < options.objects; n += 1) {
    const isAi = n % 10 === 9;
    const partition = isAi
      ? aiPartition
      : (transcodePartitions[n % transcodePartitions.length] ?? aiPartition);
    const first = start.getTime() + n * 60_000;
    const timeOf = (event: number) => first + Math.floor((event * 56) / options.eventsPerObject) * 1000;
    const events = isAi ? aiEvents(pool, options, timeOf) : transcodeEvents(pool, options, timeOf);
    yield {
      key: objectKey(partition, { first, last: first + 59_000 }),
      bytes: formatEvents(partition, events),
    };
  }
}

type TimeOf = (event: number) => number;

function transcodeEvents(pool: Pool, { eventsPerObject }: BacklogOptions, timeOf: TimeOf): PoolEvent[] {
  const { random } = pool;
  const events: PoolEvent[] = [];
  while (events.length < eventsPerObject) {
    const time = timeOf(events.length);
    const worker = random.between(0, pool.accounts.length - 1);
    const account = pool.accounts[worker] as Address;
    if (random.oneIn(20)) {
      const connection = pool.connections[worker] ?? "";
      events.push(connectionEvent(random, { time, account, connection, isConnected: random.oneIn(2) }));
    } else {
      const { event, feesWei } = transcodeJob(random, { time, account });
      events.push(event);
      pay(pool, account, feesWei);
    }
  }
  return events;
}

function aiEvents(pool: Pool, { eventsPerObject }: BacklogOptions, timeOf: TimeOf): PoolEvent[] {
  const { random } = pool;
  const events: PoolEvent[] = [];
  while (events.length + 2 <= eventsPerObject) {
    const account = random.pick(pool.accounts);
    pool.aiJobs += 1;
    const { receipt, job, feesWei } = aiJob(random, {
      time: timeOf(events.length),
      account,
      serial: pool.aiJobs,
    });
    events.push(receipt, job);
    pay(pool, account, feesWei);
  }
  if (events.length < eventsPerObject) {
    const worker = { account: random.pick(pool.accounts), connection: randomConnection(random) };
    events.push(connectionEvent(random, { ...worker, time: timeOf(events.length), isConnected: true }));
  }
  return events;
}

function pay(pool: Pool, account: Address, feesWei: bigint): void {
  pool.grossWei.set(account, (pool.grossWei.get(account) ?? 0n) + feesWei);
}
