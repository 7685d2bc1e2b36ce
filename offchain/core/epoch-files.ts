import type { Address } from "./address.ts";
import {
  type EarningLine,
  jsonBytes,
  leafLine,
  ndjsonBytes,
  type ObjectLine,
  type ProofEntry,
  type ProofShard,
  type RejectionLine,
  shardOf,
  type UnmatchedLine,
} from "./artifacts.ts";
import type { AiJob } from "./correlation.ts";
import type { ClosedEpoch, EarningRow } from "./epoch.ts";
import { formatTime } from "./time.ts";

/** What an epoch's files tell beside its money. */
export type EpochRecords = {
  readonly objects: readonly ObjectLine[];
  readonly rejections: readonly (RejectionLine & { readonly sha256: string })[];
  readonly waiting: readonly AiJob[];
};

/** A file of an epoch's artifacts. */
export type EpochFile = { readonly name: string; readonly bytes: Uint8Array };

/** The files of a closed epoch that its manifest names, one after the other so that they need not be held together. */
export function* epochFiles(closed: ClosedEpoch, records: EpochRecords): Generator<EpochFile> {
  yield { name: "objects.ndjson", bytes: ndjsonBytes(objectLines(records.objects)) };
  yield { name: "rejections.ndjson", bytes: ndjsonBytes(rejectionLines(records.rejections)) };
  yield { name: "unmatched.ndjson", bytes: ndjsonBytes(unmatchedLines(records.waiting)) };
  yield { name: "earnings.ndjson", bytes: ndjsonBytes(closed.rows.map(earningLine)) };
  yield { name: "leaves.ndjson", bytes: ndjsonBytes(closed.leaves.map(leafLine)) };
  yield* proofFiles(closed);
}

/** One file of proofs for each shard that has accounts. Leaves are sorted by account, so shards come in order. */
function* proofFiles(closed: ClosedEpoch): Generator<EpochFile> {
  const { leaves, tree } = closed;
  for (let start = 0; start < leaves.length; ) {
    const shard = shardOf(accountAt(closed, start));
    const accounts: Record<Address, ProofEntry[]> = {};
    let index = start;
    for (; index < leaves.length && shardOf(accountAt(closed, index)) === shard; index++) {
      const { account, asset, cumulative } = leaves[index] ?? unreachable();
      const entries = accounts[account] ?? [];
      entries.push({ asset, cumulative: cumulative.toString(), proof: tree.proof(index) });
      accounts[account] = entries;
    }
    const content: ProofShard = {
      format: "payroot/proofs@1",
      epoch: closed.input.epoch,
      root: tree.root,
      accounts,
    };
    yield { name: `proofs/${shard}.json`, bytes: jsonBytes(content) };
    start = index;
  }
}

function accountAt({ leaves }: ClosedEpoch, index: number): Address {
  return (leaves[index] ?? unreachable()).account;
}

function unreachable(): never {
  throw new RangeError("index out of range");
}

function objectLines(objects: readonly ObjectLine[]): ObjectLine[] {
  return [...objects].sort((a, b) => order(a.key, b.key) || order(a.sha256, b.sha256));
}

function rejectionLines(rejections: EpochRecords["rejections"]): RejectionLine[] {
  return [...rejections]
    .sort((a, b) => order(a.object, b.object) || a.position - b.position || order(a.sha256, b.sha256))
    .map(({ sha256: _, ...line }) => line);
}

function unmatchedLines(jobs: readonly AiJob[]): UnmatchedLine[] {
  return [...jobs]
    .sort((a, b) => order(a.id, b.id))
    .map(({ id, partition, requestID, time, feesWei }) => ({
      id,
      partition,
      requestID,
      DT: formatTime(time),
      fees: feesWei.toString(),
    }));
}

/** A row as its line of `earnings.ndjson`. */
export function earningLine(row: EarningRow): EarningLine {
  const { account, asset, partition, events } = row;
  return {
    account,
    asset,
    partition,
    events,
    gross: row.grossWei.toString(),
    commission: row.commissionWei.toString(),
    earned: row.earnedWei.toString(),
  };
}

function order(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
