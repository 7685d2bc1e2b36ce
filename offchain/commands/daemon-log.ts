import type { AnswerReport } from "../api/serve.ts";
import type { ClaimedLog } from "../chain/distributor-chain.ts";
import { secretTexts } from "../config.ts";
import { zeroAddress } from "../core/address.ts";
import { PayrootError } from "../errors.ts";
import { formatCount, formatEth } from "../format.ts";
import { createLog, errorFacts, type Log, type LogStyle } from "../log.ts";
import type { BatchReport } from "../pipeline/claims/sponsor.ts";
import type { CloseResult } from "../pipeline/close/close-epoch.ts";
import type { IngestReport } from "../pipeline/ingest/ingest.ts";
import type { PublishReport } from "../pipeline/publish/settle-posting.ts";
import type { Context } from "./command.ts";

/** What a daemon tells of its work: a sentence for people, and the same as facts for programs. */
export type DaemonLog = {
  readonly log: Log;
  readonly read: (report: IngestReport) => void;
  readonly closed: (closed: CloseResult) => void;
  readonly posted: (report: PublishReport) => void;
  readonly sponsored: (batch: BatchReport) => void;
  readonly claimed: (claims: readonly ClaimedLog[]) => void;
  readonly behind: (stage: string, error: unknown) => void;
  readonly recovered: (stage: string) => void;
  readonly answered: (report: AnswerReport) => void;
  readonly failed: (what: string, error: unknown, facts?: Readonly<Record<string, unknown>>) => void;
};

/** The log of a daemon by its configuration; JSON lines, but where people read them. */
export function openDaemonLog({ config, out }: Context, style?: LogStyle): DaemonLog {
  const options = { level: config.logLevel, secrets: secretTexts(config), ...(style && { style }) };
  const log = createLog(out.log, options);
  const failed: DaemonLog["failed"] = (what, error, facts = {}) => {
    const about = { ...facts, ...errorFacts(error, { stack: log.isLevelEnabled("debug") }) };
    const passing = error instanceof PayrootError && error.retryable;
    log[passing ? "warn" : "error"](about, `${what}: ${describe(error)}`);
  };
  return {
    log,
    read: ({ objects, events, accepted, rejected, duplicates, late }) => {
      if (objects === 0) return;
      const line = `read ${formatCount(objects)} objects: ${formatCount(events)} events, ${formatCount(rejected)} rejected`;
      log.info({ objects, events, accepted, rejected, duplicates, late }, line);
    },
    closed: ({ state: { epoch, closesAt, root, manifestHash } }) =>
      log.info({ epoch, closesAt, root, manifestHash }, `closed epoch ${epoch} at ${closesAt}, root ${root}`),
    posted: ({ epoch, state, transaction }) => {
      const sent = transaction === null ? "" : `, transaction ${transaction}`;
      log.info({ epoch, state, transaction }, `epoch ${epoch} is ${state}${sent}`);
    },
    sponsored: ({ paid, transaction }) =>
      log.info(
        { workers: paid.length, transaction },
        `paid ${paid.length} workers, transaction ${transaction}`,
      ),
    claimed: (claims) => {
      for (const { account, asset, epoch, amount, recipient, transaction } of claims) {
        const about = { account, asset, epoch, amount: amount.toString(), recipient, transaction };
        log.debug(about, `${account} received ${formatAmount(amount, asset)}`);
      }
      for (const asset of new Set(claims.map((claim) => claim.asset))) {
        const own = claims.filter((claim) => claim.asset === asset);
        const amount = own.reduce((sum, claim) => sum + claim.amount, 0n);
        const line = `${formatCount(own.length)} claims of ${formatAmount(amount, asset)}`;
        log.info({ asset, claims: own.length, amount: amount.toString() }, line);
      }
    },
    behind: (stage, error) => failed(`${stage} is behind`, error, { stage }),
    recovered: (stage) => log.info({ stage }, `${stage} has recovered`),
    answered: ({ requestId, method, route, status, seconds }) => {
      const reads = method === "GET" || method === "HEAD";
      if (reads && !log.isLevelEnabled("debug")) return;
      const about = { requestId, method, route, status, ms: Math.round(seconds * 1e5) / 100 };
      log[reads ? "debug" : "info"](about, `${method} ${route} ${status}`);
    },
    failed,
  };
}

function describe(error: unknown): string {
  if (!(error instanceof PayrootError)) return error instanceof Error ? error.message : String(error);
  return `${error.message} [${error.code}]${error.next === undefined ? "" : `; ${error.next}`}`;
}

function formatAmount(amount: bigint, asset: string): string {
  return asset === zeroAddress ? formatEth(amount) : `${amount} of ${asset}`;
}
