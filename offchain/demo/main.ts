import { setTimeout as pause } from "node:timers/promises";
import { auditCommand } from "../commands/audit.ts";
import type { Context } from "../commands/command.ts";
import { startDaemon } from "../commands/daemon.ts";
import { openDaemonLog } from "../commands/daemon-log.ts";
import { openStore } from "../commands/open.ts";
import { loadConfig, readPresentation } from "../config.ts";
import { formatTime } from "../core/time.ts";
import { exitCodes, PayrootError } from "../errors.ts";
import { createOutput, type Output } from "../format.ts";
import type { Daemon } from "../pipeline/operate/daemon.ts";
import { get, printBalance, readBalance } from "./balance.ts";
import { claimForWorkers } from "./claims.ts";
import type { Dirt } from "./dirt.ts";
import { openLocalPool } from "./local-pool.ts";
import { aiPartition, type PoolObject } from "./pool-events.ts";
import { createProducer } from "./producer.ts";
import { createTraffic, type Traffic } from "./traffic.ts";

// The whole job on embedded parts: what runs here is the production code, on a small S3 server and a local chain. One
// second here is one minute of the pool.

const windowSeconds = 60;
const epochSeconds = 600;
const epochsOnce = 3;

/** Which dirt of real life comes in which window of an epoch. */
const dirtOfWindow: readonly (readonly Dirt[])[] = [
  ["repeat-in-object", "ticket-redeemed"],
  ["repeat-across-objects", "ai-job-before-receipt", "reset-and-connect"],
  ["overwritten-key", "wrong-checksum"],
  ["late-object", "fees-above-2^53"],
  ["truncated-object", "ai-receipt-before-job"],
  ["conflicting-duplicate", "ai-job-without-receipt"],
  ["repaired-object"],
];

type Show = {
  readonly out: Output;
  readonly signal: AbortSignal;
  readonly url: string;
  readonly daemon: Daemon;
  /** Brings an object into the event log: over HTTP or into the bucket. */
  readonly write: (object: PoolObject) => Promise<void>;
  readonly traffic: Traffic;
  readonly clock: { now: number };
  readonly claim: () => Promise<void>;
  /** Derives every epoch again from the archive, as an auditor would; whether everything holds. */
  readonly audit: () => Promise<boolean>;
};

/** Runs the demo; resolves to the code to exit with. */
async function main(argv: readonly string[]): Promise<number> {
  const out = createOutput({ stdout: process.stdout, stderr: process.stderr, ...readPresentation() });
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(exitCodes.temporary);
      stop.abort();
    });
  }
  const closers: (() => Promise<void>)[] = [];
  try {
    const { once } = readArguments(argv);
    // The daemon is not told to stop: what was written is read to the end, so that the balance can be drawn.
    const signal = new AbortController().signal;
    const show = await open({ out, signal, defer: (close) => void closers.push(close) }, stop.signal);
    await play(show, { once });
    return await finish(show);
  } catch (error) {
    return out.error(error);
  } finally {
    for (const close of closers.reverse()) await close().catch((error: unknown) => out.error(error));
  }
}

function readArguments(argv: readonly string[]): { once: boolean } {
  const unknown = argv.find((argument) => argument !== "--once");
  if (unknown !== undefined) {
    throw new PayrootError("usage-invalid", "The demo knows one option only.", {
      facts: { given: unknown, expected: "--once, or nothing" },
      next: "run npm start, or npm start -- --once for three epochs",
      exitCode: exitCodes.usage,
    });
  }
  return { once: argv.includes("--once") };
}

/** Starts S3, chain, distributor and daemon, and says where they are. */
async function open(stage: Pick<Context, "out" | "signal" | "defer">, stop: AbortSignal): Promise<Show> {
  const { out } = stage;
  out.line("Payroot demo: one second here is one minute of a pool; epochs of ten minutes");
  const pool = await openLocalPool(stage.defer);
  const { httpPort } = loadConfig();
  const producer = createProducer("ai-gateway");
  const config = loadConfig({
    env: {
      ...pool.env,
      EPOCH_SECONDS: String(epochSeconds),
      HTTP_PORT: String(httpPort),
      // All workers of the demo ask from one address.
      HTTP_RATE_LIMIT: "0",
      INTAKE_KEYS: producer.setting,
      // Fees above 2^53 wei are many times what a worker of the demo usually earns: here they are no anomaly.
      ANOMALY_FACTOR: "0",
    },
  });
  const context: Context = { ...stage, config, flags: {} };
  // The pool's clock begins at a boundary of epochs, a day ago, so that no event is ever of the future.
  const start = Math.floor(Date.now() / 1000 / epochSeconds) * epochSeconds * 1000 - 86_400_000;
  const clock = { now: start };
  const { daemon, url } = await startDaemon(context, {
    now: () => clock.now,
    tell: { ...openDaemonLog(context, "message"), answered: () => undefined },
  });
  const traffic = createTraffic({ seed: "payroot demo", start: new Date(start), workers: 64 });
  out.facts({
    API: `${url}/docs`,
    "event log": `${config.logUrl} at ${pool.s3Endpoint}`,
    chain: pool.rpcUrl,
    distributor: pool.distributor,
    "to stop": "Ctrl-C, which then shows where every wei is",
  });
  out.line();
  const log = openStore(config, String(config.logUrl), { create: false });
  // The AI gateway has no access to the bucket and delivers over HTTP.
  const folder = `${aiPartition.region}/${aiPartition.nodeType}/`;
  const write = ({ key, bytes }: PoolObject): Promise<void> =>
    key.startsWith(folder) ? producer.deliver(url, bytes) : log.put(key, bytes);
  const claim = () => claimForWorkers({ out, url, pool, workers: traffic.workers });
  const audit = async (): Promise<boolean> => {
    const { print, exitCode } = await auditCommand.start(context, {});
    print(out);
    return exitCode === exitCodes.done;
  };
  return { out, signal: stop, url, daemon, write, traffic, clock, claim, audit };
}

/** Windows of work, one a second, and the daemon's rounds; with `once` until three epochs are on chain and claimed. */
async function play(show: Show, { once }: { once: boolean }): Promise<void> {
  const { signal, daemon, write, traffic, clock } = show;
  const windows = (epochsOnce * epochSeconds) / windowSeconds;
  for (let window = 0; !signal.aborted && (!once || window <= windows); window++) {
    const began = performance.now();
    const kinds = window < dirtOfWindow.length || !once ? (dirtOfWindow[window % 10] ?? []) : [];
    for (const object of traffic.window({ seconds: windowSeconds, dirt: kinds })) await write(object);
    clock.now += windowSeconds * 1000;
    await daemon.round();
    failWhenBehind(show);
    if (window % 2 === 1) await show.claim();
    await pause(Math.max(0, 1000 - (performance.now() - began)), undefined, { signal }).catch(
      () => undefined,
    );
  }
}

/** Reads what is left, then shows where every wei is. */
async function finish(show: Show): Promise<number> {
  const { out, url, daemon, traffic, clock } = show;
  await daemon.round();
  await show.claim();
  await daemon.round();
  failWhenBehind(show);
  out.line();
  out.line(`pool time ${formatTime(clock.now)}`);
  const balanced = printBalance(
    await readBalance(url, { workers: traffic.workers, expected: traffic.expected() }),
    out,
  );
  out.line();
  const audited =
    (await get<{ epochs: unknown[] }>(`${url}/v1/epochs`)).epochs.length === 0 || (await show.audit());
  out.line(balanced ? "every wei is accounted for" : "some wei is not accounted for");
  return balanced && audited ? exitCodes.done : exitCodes.discrepancy;
}

function failWhenBehind({ daemon }: Show): void {
  const behind = daemon.stages().find(({ state }) => state === "behind");
  if (behind === undefined) return;
  throw new PayrootError("demo-stage-behind", `The stage "${behind.stage}" failed: ${behind.reason}`, {
    facts: { code: behind.code },
    ...(behind.next === undefined ? {} : { next: behind.next }),
  });
}

process.exitCode = await main(process.argv.slice(2));
