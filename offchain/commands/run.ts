import { createApp } from "../api/app.ts";
import { formatCount } from "../format.ts";
import { createDaemon, type Daemon } from "../pipeline/daemon.ts";
import { closeStage, ingestStage } from "../pipeline/stages.ts";
import { createEstimates } from "../pipeline/worker.ts";
import { type Context, command } from "./command.ts";
import { type DaemonLog, openDaemonLog } from "./daemon-log.ts";
import { chainIdentity, configuredRuleset, openLedger } from "./open.ts";
import { openChainStages } from "./open-chain.ts";
import { openConfiguredIntake } from "./open-intake.ts";
import { serveApp } from "./serve.ts";

/** `payroot run`: the daemon. */
export const run = command({
  name: "run",
  summary: "the daemon: ingest, close, publish, watch claims, serve",
  keepsLog: true,
  async run(context) {
    const tell = openDaemonLog(context);
    const { log } = tell;
    const { signal } = context;
    const { daemon, url } = await startDaemon(context, { now: Date.now, tell });
    log.info({ url }, `serving ${url}, see ${url}/ready; Ctrl-C stops`);
    signal.addEventListener("abort", () => log.info("stopping; once more to stop at once"));
    await daemon.run(signal);
    return { stopped: true };
  },
  print: (_value, out) => out.line("stopped; everything read is kept, and the next start goes on from here"),
});

/**
 * Opens everything, checks that it can be reached, and serves the API; the rounds are the caller's to run. `now` is
 * the clock of epoch boundaries (ms since 1970).
 */
export async function startDaemon(
  context: Context,
  { now, tell }: { readonly now: () => number; readonly tell: DaemonLog },
): Promise<{ daemon: Daemon; url: string }> {
  const { config, out, signal } = context;
  const ports = await openLedger(context);
  // What is wrong from the beginning ends the start, with its own exit code; what goes wrong later is waited out.
  await ports.log.listFolders("");
  const ruleset = configuredRuleset(config);
  const reading = { ruleset, partitions: config.partitions, lookBackSeconds: config.lookBackSeconds, signal };
  const { view, stages: chainStages } = await openChainStages(context, ports, tell);
  const { intake, watched } = await openConfiguredIntake(context, ports);
  const ingesting = ingestStage(ports, {
    ...reading,
    onProgress: ({ objects, events }) =>
      out.progress(`read ${formatCount(objects)} objects, ${formatCount(events)} events`),
    onRead: tell.read,
  });
  const daemon = createDaemon(
    [
      watched(ingesting),
      closeStage(ports, {
        ...reading,
        ...chainIdentity(config),
        epochSeconds: config.epochSeconds,
        now,
        onClosed: tell.closed,
      }),
      ...chainStages,
    ],
    {
      intervalMs: config.s3SensorIntervalSeconds * 1000,
      now: Date.now,
      onFailure: tell.behind,
      onRecovery: tell.recovered,
    },
  );
  const app = createApp({
    store: ports.store,
    archive: ports.archive,
    artifacts: ports.artifacts,
    chain: view,
    estimates: createEstimates(ports.store),
    ruleset,
    identity: chainIdentity(config),
    rateLimit: config.httpRateLimit,
    trustedProxies: config.httpTrustedProxies,
    stages: daemon.stages,
    intake,
    onFault: (error, requestId) => tell.failed("a request failed", error, { requestId }),
    onAnswer: tell.answered,
  });
  const { url, fingerprint } = await serveApp(context, app);
  if (fingerprint !== undefined) tell.log.info({ fingerprint }, `certificate ${fingerprint}`);
  return { daemon, url };
}
