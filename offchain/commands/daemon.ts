import packageJson from "../../package.json" with { type: "json" };
import { createApp } from "../api/app.ts";
import { createMetrics, type Metrics } from "../api/metrics.ts";
import { formatCount } from "../format.ts";
import { readProofsAhead } from "../pipeline/claims/account-proof.ts";
import { createProofBook } from "../pipeline/claims/proof-book.ts";
import type { ClosePorts, CloseResult } from "../pipeline/close/close-epoch.ts";
import { createDaemon, type Daemon, type Stage } from "../pipeline/operate/daemon.ts";
import { createFigures } from "../pipeline/operate/figures.ts";
import { closeStage, ingestStage } from "../pipeline/operate/stages.ts";
import { createEstimates } from "../pipeline/workers/worker.ts";
import type { Context } from "./command.ts";
import type { DaemonLog } from "./daemon-log.ts";
import { chainIdentity, configuredRuleset, openLedger } from "./open.ts";
import { serveBackups } from "./open-backup.ts";
import { openChainStages } from "./open-chain.ts";
import { openPerformance } from "./open-export.ts";
import { openConfiguredIntake } from "./open-intake.ts";
import { openWebhooks } from "./open-webhooks.ts";
import { serveApp } from "./serve.ts";

/** How a daemon is started: `now` is the clock of epoch boundaries (ms since 1970). */
export type DaemonOptions = { readonly now: () => number; readonly tell: DaemonLog };

/** Opens everything, checks that it can be reached, and serves the API; the rounds are the caller's to run. */
export async function startDaemon(
  context: Context,
  { now, tell }: DaemonOptions,
): Promise<{ daemon: Daemon; url: string }> {
  const { config } = context;
  const ports = await openLedger(context);
  // What is wrong from the beginning ends the start, with its own exit code; what goes wrong later is waited out.
  await ports.log.listFolders("");
  const ruleset = configuredRuleset(config);
  await serveBackups(context, ports.store, tell);
  const webhooks = await openWebhooks(context, ports.store, tell);
  const proofs = createProofBook(ports.artifacts);
  const chain = await openChainStages(context, { ...ports, proofs }, { tell, looked: webhooks.looked });
  const { intake, watched } = await openConfiguredIntake(context, ports);
  const metrics = createMetrics({
    figures: createFigures({ store: ports.store, chain: chain.view }, ruleset),
    funds: chain.funds,
    webhooks: webhooks.counts,
    stages: () => daemon.stages(),
    epochSeconds: config.epochSeconds,
    version: packageJson.version,
    now,
  });
  // In the background; what fails is tried again, and told, by whoever asks for it.
  const readAhead = (): void => {
    readProofsAhead({ store: ports.store, chain: chain.view, proofs }, context.signal).catch(() => undefined);
  };
  readAhead();
  const { ingesting, closing } = readingStages(context, ports, { now, tell, metrics, readAhead });
  const { performance, exporting } = openPerformance(context, ports, chain.view);
  const daemon = createDaemon([watched(ingesting), closing, ...chain.stages, ...exporting], {
    intervalMs: config.s3SensorIntervalSeconds * 1000,
    now: Date.now,
    onFailure: tell.behind,
    onRecovery: tell.recovered,
  });
  const app = createApp({
    store: ports.store,
    archive: ports.archive,
    artifacts: ports.artifacts,
    chain: chain.view,
    proofs,
    estimates: createEstimates(ports.store),
    ruleset,
    identity: chainIdentity(config),
    rateLimit: config.httpRateLimit,
    trustedProxies: config.httpTrustedProxies,
    stages: daemon.stages,
    performance,
    intake,
    metrics,
    onFault: (error, requestId) => tell.failed("a request failed", error, { requestId }),
    onAnswer: (report) => {
      metrics.answered(report);
      tell.answered(report);
    },
  });
  const { url, fingerprint } = await serveApp(context, app);
  if (fingerprint !== undefined) tell.log.info({ fingerprint }, `certificate ${fingerprint}`);
  return { daemon, url };
}

/** The stages that need no chain. */
function readingStages(
  { config, out, signal }: Context,
  ports: ClosePorts,
  daemon: DaemonOptions & { readonly metrics: Metrics; readonly readAhead: () => void },
): { ingesting: Stage; closing: Stage } {
  const { now, tell, metrics, readAhead } = daemon;
  const { partitions, lookBackSeconds, epochSeconds } = config;
  const reading = { ruleset: configuredRuleset(config), partitions, lookBackSeconds, signal };
  const ingesting = ingestStage(ports, {
    ...reading,
    onProgress: ({ objects, events }) =>
      out.progress(`read ${formatCount(objects)} objects, ${formatCount(events)} events`),
    onPass: (report) => {
      metrics.passed(report);
      tell.read(report);
    },
  });
  const onClosed = (closed: CloseResult): void => {
    tell.closed(closed);
    readAhead();
  };
  const options = { ...reading, ...chainIdentity(config), epochSeconds, now, onClosed };
  return { ingesting, closing: closeStage(ports, options) };
}
