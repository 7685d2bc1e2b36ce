import { setTimeout as pause } from "node:timers/promises";
import { type AuditOptions, type AuditPorts, type AuditReport, audit } from "./audit.ts";

/** What a watching audit knows, for metrics. */
export type WatchState = {
  /** The epoch up to which every check holds; 0 when there is none. */
  readonly verified: number;
  /** How often an epoch was found at fault that was not known to be; never goes down. */
  readonly mismatches: number;
  /** Published epochs beyond the verified one, as of the last audit. */
  readonly lag: number;
  /** Audits that could not be finished since the last one that was. */
  readonly failures: number;
};

/** A watching audit before its first round. */
export const firstWatchState: WatchState = { verified: 0, mismatches: 0, lag: 0, failures: 0 };

/** What a round of a watching audit tells. */
export type WatchEvents = {
  readonly onState: (state: WatchState) => void;
  /** An epoch is at fault that was not before. */
  readonly onMismatch: (epoch: AuditReport["epochs"][number]) => void;
  /** A round could not be finished; it is tried again in the next. */
  readonly onFailure: (error: unknown) => void;
};

/** Audits over and over until `signal` aborts; returns the last finished report, undefined when there is none. */
export async function watchAudit(
  ports: AuditPorts,
  options: AuditOptions & WatchEvents & { readonly signal: AbortSignal; readonly intervalMs: number },
): Promise<AuditReport | undefined> {
  const { signal, intervalMs } = options;
  let state = firstWatchState;
  let report: AuditReport | undefined;
  let atFault: ReadonlySet<number> = new Set();
  while (!signal.aborted) {
    try {
      report = await audit(ports, options);
      const faulty = report.epochs.filter(({ ok }) => !ok);
      const fresh = faulty.filter(({ epoch }) => !atFault.has(epoch));
      for (const epoch of fresh) options.onMismatch(epoch);
      atFault = new Set(faulty.map(({ epoch }) => epoch));
      state = { ...stateOf(report), mismatches: state.mismatches + fresh.length, failures: 0 };
    } catch (error) {
      if (signal.aborted) break;
      options.onFailure(error);
      state = { ...state, failures: state.failures + 1 };
    }
    options.onState(state);
    await pause(intervalMs, undefined, { signal }).catch(() => undefined);
  }
  return report;
}

function stateOf({ epochs }: AuditReport): Pick<WatchState, "verified" | "lag"> {
  const wrong = epochs.findIndex(({ ok }) => !ok);
  const last = epochs.at(-1)?.epoch ?? 0;
  const verified = wrong === -1 ? last : (epochs[wrong]?.epoch ?? 1) - 1;
  return { verified, lag: last - verified };
}

/** The metrics of a watching audit in the text format of Prometheus. */
export function metricsText({ verified, mismatches, lag, failures }: WatchState): string {
  const metrics = [
    ["payroot_root_verified", "gauge", "The epoch up to which every check of the audit holds.", verified],
    ["payroot_root_mismatch_total", "counter", "Epochs that an audit found at fault.", mismatches],
    ["payroot_audit_lag_epochs", "gauge", "Published epochs beyond the verified one.", lag],
    ["payroot_audit_failures", "gauge", "Audits in a row that could not be finished.", failures],
  ] as const;
  return metrics
    .map(([name, type, help, value]) => `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name} ${value}\n`)
    .join("");
}
