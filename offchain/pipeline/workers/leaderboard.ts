import type { Address } from "../../core/address.ts";
import type { EarningLine, Manifest } from "../../core/artifacts.ts";
import type { Ruleset } from "../../core/ruleset.ts";
import { asBuffer, lineAt } from "../claims/ndjson.ts";
import type { PublishedFiles } from "../claims/published-files.ts";
import { readHead } from "../ingest/ingest.ts";
import { createKept, createPause, type Kept } from "../operate/kept.ts";
import { allEarners, type EarningsPorts, openEarners } from "./pool-earnings.ts";
import { type Earner, type TopEarners, topEarners } from "./top-earners.ts";
import { type AsOf, type ChainView, readAsOf } from "./worker.ts";

/** The most that any leaderboard lists. */
export const mostRanked = 1000;

/** Who earned most of `asset`, in its smallest unit: in one epoch, or, where `epoch` is null, in all of them. */
export type Leaderboard = TopEarners & { readonly asset: Address; readonly epoch: number | null };

/** A leaderboard that moves with the ledger. */
export type LiveLeaderboard = Leaderboard & { readonly asOf: AsOf };

/** Leaderboards by money, each made once for each state of what it is made of. */
export type Leaderboards = {
  /** What the open epoch would pay if it closed now. */
  readonly open: Kept<LiveLeaderboard>;
  /** Everything ever earned, the open epoch included. */
  readonly all: Kept<LiveLeaderboard>;
  /** What a closed epoch paid, by its published earnings. Throws `artifact-damaged`. */
  readonly closed: (manifest: Manifest) => Promise<Leaderboard>;
};

/** Makes leaderboards over a ledger and its published files; `configured` are the rules while none are in force. */
export function createLeaderboards(
  ports: EarningsPorts & { readonly chain: Pick<ChainView, "block">; readonly files: PublishedFiles },
  configured: Ruleset,
): Leaderboards {
  const { store } = ports;
  const live = (
    read: (ruleset: Ruleset) => AsyncIterable<Earner>,
    ofEpoch: (epoch: number) => number | null,
  ) =>
    createKept({
      version: async () => (await readHead(store)).sequence,
      read: async (): Promise<LiveLeaderboard> => {
        const head = await readHead(store);
        const asOf = await readAsOf(store, ports.chain);
        const ruleset = head.ruleset ?? configured;
        const top = await topEarners(read(ruleset), mostRanked);
        return { asset: ruleset.asset, epoch: ofEpoch(head.epoch), ...top, asOf };
      },
    });
  return {
    open: live(
      (ruleset) => openEarners(ports, { ruleset }),
      (epoch) => epoch,
    ),
    all: live(
      (ruleset) => allEarners(ports, { ruleset }),
      () => null,
    ),
    closed: createClosedLeaderboards(ports.files),
  };
}

function createClosedLeaderboards(files: PublishedFiles): Leaderboards["closed"] {
  const known = new Map<string, Promise<Leaderboard>>();
  return (manifest) => {
    const name = `${manifest.epoch} ${manifest.earningsRoot}`;
    const board = known.get(name) ?? closedLeaderboard(files, manifest);
    known.delete(name);
    known.set(name, board);
    board.catch(() => known.delete(name));
    if (known.size > mostKnown) known.delete(known.keys().next().value ?? "");
    return board;
  };
}

const mostKnown = 16;

async function closedLeaderboard(files: PublishedFiles, manifest: Manifest): Promise<Leaderboard> {
  const { epoch, ruleset } = manifest;
  const earnings = asBuffer(await files(manifest, "earnings.ndjson"));
  return { asset: ruleset.asset, epoch, ...(await topEarners(closedEarners(earnings, ruleset), mostRanked)) };
}

/** Lines are sorted by account, so the partitions of one stand together. */
async function* closedEarners(earnings: Buffer, { asset }: Ruleset): AsyncGenerator<Earner> {
  const pause = createPause();
  let current: { account: string; earned: bigint } | undefined;
  for (let line = lineAt(earnings, 0); line !== undefined; line = lineAt(earnings, line.next)) {
    const row = JSON.parse(line.text) as EarningLine;
    const account = row.account.toLowerCase();
    if (current !== undefined && current.account !== account) {
      yield current;
      current = undefined;
    }
    current ??= { account, earned: 0n };
    if (row.asset === asset) current.earned += BigInt(row.earned);
    await pause();
  }
  if (current !== undefined) yield current;
}
