import type { ClosePorts } from "../pipeline/close/close-epoch.ts";
import type { Stage } from "../pipeline/operate/daemon.ts";
import { exportStage } from "../pipeline/performance/export-stage.ts";
import { createPerformances, type Performances } from "../pipeline/performance/performances.ts";
import type { ChainView } from "../pipeline/workers/worker.ts";
import type { Context } from "./command.ts";
import { configuredRuleset, openStore } from "./open.ts";

/** How workers do, for the API and the exports; and the stage that exports, where a metrics store is configured. */
export function openPerformance(
  { config }: Context,
  { store }: Pick<ClosePorts, "store">,
  chain: ChainView,
): { performance: Performances; exporting: readonly Stage[] } {
  const ruleset = configuredRuleset(config);
  const performance = createPerformances({ store, chain, ruleset }, { now: Date.now });
  if (config.metricsUrl === undefined) return { performance, exporting: [] };
  const metrics = openStore(config, config.metricsUrl, { create: true });
  const { exportConnections: showConnections, paymentThresholdWei } = config;
  const options = { ruleset, now: Date.now, showConnections, paymentThresholdWei };
  return { performance, exporting: [exportStage({ store, chain, performance, metrics }, options)] };
}
