import type { TransactionPlan } from "../../chain/distributor-chain.ts";
import { recordIdOf } from "../../chain/record.ts";
import type { Hash } from "../../core/artifacts.ts";
import { heads } from "../../store/keys.ts";
import { getOne } from "../../store/keyspace.ts";
import type { PostingAttempt, PostingJournal } from "../../store/records.ts";
import { putLatest } from "../close/close-epoch.ts";
import { type Posting, type PublishPorts, postedDifferently, writeRecordFile } from "./epoch-record.ts";
import { findPosting } from "./find-posting.ts";
import { readJournal, writeJournal } from "./posting.ts";
import type { Solvency } from "./preflight.ts";

/** What became of an epoch: `dry` may be posted, `pending` is on its way, `posted` stands on chain. */
export type PublishReport = {
  readonly epoch: number;
  readonly state: "dry" | "pending" | "posted";
  readonly recordHash: Hash;
  readonly transaction: Hash | null;
  readonly block: number | null;
  /** When it is, or will be, active: seconds since 1970. */
  readonly activatesAtSeconds: number | null;
  /** Whether no reorganisation of the chain can undo it. */
  readonly final: boolean;
  readonly solvency: readonly Solvency[];
  readonly plan: TransactionPlan | null;
};

/** A report, with nothing where nothing is known. */
export function report(
  posting: Posting,
  known: Pick<PublishReport, "state"> & Partial<PublishReport>,
): PublishReport {
  return {
    epoch: posting.state.epoch,
    recordHash: posting.recordHash,
    transaction: null,
    block: null,
    activatesAtSeconds: null,
    final: false,
    solvency: [],
    plan: null,
    ...known,
  };
}

/** When the epoch stands on chain: writes its files, notes it in the journal, and says so. */
export async function settle(
  ports: PublishPorts,
  posting: Posting,
  attestations: PostingJournal["attestations"] = [],
): Promise<PublishReport | undefined> {
  const { chain } = ports;
  const { epoch, manifestHash } = posting.state;
  const standing = await chain.epoch(epoch);
  if (standing === undefined) return undefined;
  const ours = recordIdOf(posting.recordHash);
  if (standing.recordId !== ours) throw postedDifferently({ epoch, ours, onChain: standing.recordId });
  const { transaction, block, blockHash, activatesAtSeconds } = await findPosting(ports, epoch);
  const finalized = await chain.block("finalized");
  const final =
    finalized !== undefined && finalized.number >= block && (await chain.block(block))?.hash === blockHash;
  const journal = await readJournal(ports, epoch);
  const posted = { transaction, block, blockHash, activatesAtSeconds, final };
  const known = journal?.recordHash === posting.recordHash ? journal : undefined;
  const kept = known?.attestations ?? attestations;
  if (JSON.stringify(known?.posted) !== JSON.stringify(posted)) {
    await writeRecordFile(ports, { ...posting, attestations: kept, posted });
    const head = await getOne(ports.store, heads, "head");
    if (head?.epoch === epoch + 1) await putLatest(ports.artifacts, { epoch, manifestHash, posted: true });
    const attempts = (journal?.attempts ?? []).map((attempt) => settledAttempt(attempt, posted));
    const { recordHash } = posting;
    await writeJournal(ports, epoch, { recordHash, manifestHash, attestations: kept, attempts, posted });
  }
  return report(posting, { state: "posted", transaction, block, activatesAtSeconds, final });
}

// While a reorganisation can still undo the post, every attempt stays open.
function settledAttempt(
  attempt: PostingAttempt,
  posted: NonNullable<PostingJournal["posted"]>,
): PostingAttempt {
  if (!posted.final || attempt.outcome !== null) return attempt;
  return { ...attempt, outcome: attempt.hash === posted.transaction ? "posted" : "dead" };
}
