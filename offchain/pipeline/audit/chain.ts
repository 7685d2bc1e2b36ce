import type { DistributorChain, DistributorLog } from "../../chain/distributor-chain.ts";
import { type EpochRecord, recordHash as hashOf } from "../../chain/record.ts";
import { PayrootError } from "../../errors.ts";
import { postingLogs } from "../../store/audit-keys.ts";
import { del, put, walk } from "../../store/keyspace.ts";
import type { LedgerStore, StoreWrite } from "../../store/ledger-store.ts";
import type { RecordedPosting } from "../../store/records.ts";
import { type ChainOverlay, storedOverlay, watchClaims } from "../claims/watch-claims.ts";

/** A log that posted an epoch. */
export type Posted = Extract<RecordedPosting, { kind: "posted" }>;

/** What the chain tells: every posting that stands, more than one of an epoch being impossible, and the claims. */
export type ChainAccount = {
  readonly chain: DistributorChain;
  readonly postings: ReadonlyMap<number, readonly Posted[]>;
  /** The newest epoch that a log posted, 0 when there is none. */
  readonly newest: number;
  readonly overlay: ChainOverlay;
};

/** Reads the distributor's logs since the last audit; those that are final are read once. */
export async function readChain(cache: LedgerStore, chain: DistributorChain): Promise<ChainAccount> {
  const final = (await storedOverlay(cache))?.cursor.block ?? -1;
  const stale: StoreWrite[] = [];
  for await (const { key } of walk(cache, postingLogs)) {
    if (key.block > final) stale.push(del(postingLogs, key));
  }
  await cache.write(stale, { durable: false });
  const overlay = await watchClaims({ store: cache, chain: recording(chain, cache) });
  const postings = new Map<number, Posted[]>();
  for await (const { value } of walk(cache, postingLogs)) {
    if (value.kind === "posted") postings.set(value.epoch, [...(postings.get(value.epoch) ?? []), value]);
    else for (let epoch = value.epoch; epoch <= value.last; epoch += 1) postings.delete(epoch);
  }
  return { chain, postings, overlay, newest: Math.max(0, ...postings.keys()) };
}

/** Whether the chain is another one, or another history, than the one that the cache has read. */
export function isOtherChain(error: unknown): boolean {
  return error instanceof PayrootError && ["chain-differs", "chain-history-changed"].includes(error.code);
}

/** The chain, each page of whose logs is noted before it is given, so that the cursor never passes a posting by. */
function recording(chain: DistributorChain, cache: LedgerStore): DistributorChain {
  return {
    ...chain,
    async *logs(range) {
      for await (const page of chain.logs(range)) {
        const writes = page.logs.flatMap((log) => {
          const recorded = recordedOf(log);
          return recorded === undefined ? [] : [put(postingLogs, log, recorded)];
        });
        await cache.write(writes, { durable: false });
        yield page;
      }
    },
  };
}

function recordedOf(log: DistributorLog): RecordedPosting | undefined {
  if (log.kind === "revoked") return { kind: "revoked", epoch: log.epoch, last: log.last };
  if (log.kind !== "posted") return undefined;
  const { epoch, recordHash, transaction, record } = log;
  const plain = plainRecord(record);
  return { kind: "posted", epoch, recordHash, ownHash: hashOf(record), transaction, record: plain };
}

/** A record in plain values. */
export function plainRecord(record: EpochRecord): Posted["record"] {
  const totals = record.totals.map(({ asset, cumulative }) => ({ asset, cumulative: cumulative.toString() }));
  return { ...record, epoch: Number(record.epoch), totals };
}
