import { setTimeout as pause } from "node:timers/promises";
import { formatTime } from "../../core/time.ts";
import { messageOf, PayrootError } from "../../errors.ts";

/** One part of the daemon's work, done over and over: it does what there is to do, then returns. */
export type Stage = { readonly name: string; readonly run: () => Promise<void> };

/** How a stage stands. `since` is when it came to be so, RFC 3339; `code` and `reason` say why it is behind. */
export type StageReport = {
  readonly stage: string;
  readonly state: "starting" | "ok" | "behind";
  readonly since: string;
  readonly code?: string;
  readonly reason?: string;
  readonly next?: string;
};

/** The daemon's loop and what it knows of itself. */
export type Daemon = {
  /** Ready when every stage is `ok`. */
  readonly ready: () => boolean;
  /** A stage is `ok` that has done its work the last time it was tried, and is not at it again for over a minute. */
  readonly stages: () => readonly StageReport[];
  /** Does one round: every stage once, in order. A stage that fails does not keep the others from running. */
  readonly round: () => Promise<void>;
  /** Rounds until `signal` aborts; the stage in hand is finished as far as it goes, and nothing is begun after it. */
  readonly run: (signal: AbortSignal) => Promise<void>;
};

/** Makes a daemon of stages. Failures are told to `onFailure` when they begin, and shown until they end. */
export function createDaemon(
  stages: readonly Stage[],
  options: {
    readonly intervalMs: number;
    readonly now: () => number;
    readonly onFailure: (stage: string, error: unknown) => void;
    readonly onRecovery: (stage: string) => void;
  },
): Daemon {
  const time = (): string => formatTime(options.now());
  const reports = new Map<string, StageReport>(
    stages.map(({ name }) => [name, { stage: name, state: "starting", since: time() }]),
  );
  const settle = (report: StageReport, error?: unknown): void => {
    const before = reports.get(report.stage);
    const same = before?.state === report.state && before.code === report.code;
    reports.set(report.stage, { ...report, since: same ? before.since : report.since });
    if (same) return;
    if (report.state === "behind") options.onFailure(report.stage, error);
    else if (before?.state === "behind") options.onRecovery(report.stage);
  };
  let running: { readonly name: string; readonly since: number } | undefined;
  // What hangs does not fail: whoever waits for it must hear of it all the same.
  const shown = (report: StageReport): StageReport => {
    if (report.state !== "ok" || running?.name !== report.stage) return report;
    const forMs = options.now() - running.since;
    return forMs < slowAfterMs ? report : { ...report, ...slow(running.since, forMs) };
  };
  const reportsNow = (): StageReport[] => [...reports.values()].map(shown);
  const round = async (signal?: AbortSignal): Promise<void> => {
    for (const { name, run } of stages) {
      if (signal?.aborted) return;
      running = { name, since: options.now() };
      try {
        await run();
        settle({ stage: name, state: "ok", since: time() });
      } catch (error) {
        // What was stopped has not failed.
        if (signal?.aborted) return;
        settle({ stage: name, state: "behind", since: time(), ...reasonOf(error) }, error);
      } finally {
        running = undefined;
      }
    }
  };
  return {
    ready: () => reportsNow().every(({ state }) => state === "ok"),
    stages: reportsNow,
    round: () => round(),
    async run(signal) {
      while (!signal.aborted) {
        await round(signal);
        await pause(options.intervalMs, undefined, { signal }).catch(() => undefined);
      }
    },
  };
}

const slowAfterMs = 60_000;

function slow(since: number, forMs: number): Omit<StageReport, "stage"> {
  return {
    state: "behind",
    since: formatTime(since),
    code: "stage-slow",
    reason: `It has been at work for ${Math.floor(forMs / 1000)} s and is not done.`,
    next: "wait while there is much to do; otherwise see what does not answer with: payroot doctor",
  };
}

function reasonOf(error: unknown): Pick<StageReport, "code" | "reason" | "next"> {
  const known = error instanceof PayrootError ? error : undefined;
  const next = known?.next === undefined ? {} : { next: known.next };
  return { code: known?.code ?? "internal", reason: known?.message ?? messageOf(error), ...next };
}
