import { setTimeout as pause } from "node:timers/promises";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { IngestReport } from "../pipeline/ingest/ingest.ts";
import type { ChainFunds } from "../pipeline/operate/chain-funds.ts";
import type { StageReport } from "../pipeline/operate/daemon.ts";
import type { Figures } from "../pipeline/operate/figures.ts";
import type { WebhookCounts } from "../pipeline/operate/webhook-outbox.ts";
import type { AnswerReport } from "./serve.ts";

/** What metrics are made of. Nothing here asks the network: a scrape costs the same whatever else is down. */
export type MetricsSources = {
  readonly figures: () => Promise<Figures>;
  readonly funds: () => ChainFunds | undefined;
  readonly stages: () => readonly StageReport[];
  readonly webhooks: () => readonly WebhookCounts[];
  readonly epochSeconds: number;
  readonly version: string;
  /** The clock, ms since 1970. */
  readonly now: () => number;
};

/** The metrics of a daemon, for Prometheus. */
export type Metrics = {
  readonly contentType: string;
  readonly text: () => Promise<string>;
  readonly answered: (report: AnswerReport) => void;
  readonly passed: (report: IngestReport) => void;
};

/**
 * Metrics of a daemon. What is counted comes from the ledger, so that it is the same after a restart; amounts are floats
 * here, exact to 15 digits, and exact to the last one in `/v1/stats`.
 */
export function createMetrics(sources: MetricsSources): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const requests = new Histogram({
    name: "payroot_http_request_duration_seconds",
    help: "How long answers took to make, by route as OpenAPI writes it.",
    labelNames: ["route", "method", "status"],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
    registers: [registry],
  });
  gaugeIn(registry, "payroot_build_info", "The version that runs; always 1.", ["version", "node"]).set(
    { version: sources.version, node: process.version },
    1,
  );
  gaugeIn(registry, "payroot_epoch_length_seconds", "How long an epoch is to be open.").set(
    sources.epochSeconds,
  );
  const listed = gaugeIn(
    registry,
    "payroot_objects_listed",
    "Objects that the last pass over the log listed.",
  );
  const unread = gaugeIn(registry, "payroot_objects_unread", "Objects that the last pass could not read.");
  const readable = gaugeIn(registry, "payroot_ledger_readable", "Whether the ledger could be read just now.");
  const show = [showLedger(registry), showChain(registry)];
  const showStages = stagesIn(registry);
  const showFunds = fundsIn(registry);
  const showWebhooks = webhooksIn(registry);
  return {
    contentType: registry.contentType,
    answered: ({ route, method, status, seconds }) => {
      const known = knownMethods.has(method) ? method : "other";
      requests.observe({ route, method: known, status: `${Math.floor(status / 100)}xx` }, seconds);
    },
    passed: (report) => {
      listed.set(report.listed);
      unread.set(report.unread.length);
    },
    text: async () => {
      const now = sources.now();
      showStages(sources.stages(), now);
      showFunds(sources.funds());
      showWebhooks(sources.webhooks());
      const reading = sources.figures().then(
        (figures) => {
          for (const one of show) one(figures, now);
          return 1;
        },
        () => 0,
      );
      // A large ledger takes long at first; until then the figures are those of before.
      readable.set(await Promise.race([reading, pause(patienceMs, 1, { ref: false })]));
      return registry.metrics();
    },
  };
}

// Prometheus waits ten seconds.
const patienceMs = 5_000;

const knownMethods = new Set(["GET", "HEAD", "POST", "OPTIONS"]);

type Show = (figures: Figures, now: number) => void;

function gaugeIn<L extends string = never>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly L[] = [],
): Gauge<L> {
  return new Gauge({ name, help, labelNames, registers: [registry] });
}

function counterIn<L extends string = never>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly L[] = [],
): Counter<L> {
  return new Counter({ name, help, labelNames, registers: [registry] });
}

function showLedger(registry: Registry): Show {
  const by = ["partition"] as const;
  const objects = counterIn(registry, "payroot_objects_total", "Objects read.", by);
  const events = counterIn(registry, "payroot_events_total", "Events read.", by);
  const moves = "A contradiction or a repaired object moves it down, so look at its delta.";
  const counts = (["accepted", "rejected", "duplicates", "late"] as const).map((outcome) => {
    const name = `payroot_events_${outcome}`;
    return [outcome, gaugeIn(registry, name, `Events ${meaning[outcome]}. ${moves}`, by)] as const;
  });
  const rejections = gaugeIn(
    registry,
    "payroot_rejections",
    `Events and objects rejected, by reason. ${moves}`,
    ["reason"],
  );
  const unmatched = gaugeIn(registry, "payroot_jobs_unmatched", "AI jobs that wait for their receipt.");
  const lag = gaugeIn(registry, "payroot_lag_seconds", "Age of the newest event read.", by);
  const age = gaugeIn(registry, "payroot_open_epoch_age_seconds", "How long the open epoch is open.");
  return (figures, now) => {
    for (const metric of [objects, events, lag, ...counts.map(([, gauge]) => gauge)]) metric.reset();
    for (const { partition, newest, ...sums } of figures.partitions) {
      objects.inc({ partition }, sums.objects);
      events.inc({ partition }, sums.events);
      for (const [outcome, gauge] of counts) gauge.set({ partition }, sums[outcome]);
      if (newest !== null) lag.set({ partition }, Math.max(0, now - newest) / 1000);
    }
    rejections.reset();
    for (const [reason, count] of figures.rejections) rejections.set({ reason }, count);
    unmatched.set(figures.unmatched);
    age.set(figures.opensAt === null ? 0 : Math.max(0, now - figures.opensAt) / 1000);
  };
}

const meaning = {
  accepted: "that count",
  rejected: "that were rejected",
  duplicates: "that were known already",
  late: "older than the epoch that counts them",
};

function showChain(registry: Registry): Show {
  const exact = "The exact amount is in /v1/stats.";
  const newest = gaugeIn(registry, "payroot_newest_epoch", "The newest epoch that came so far.", ["state"]);
  const claims = counterIn(registry, "payroot_claims_total", "Claims that are final on chain.");
  const claimed = counterIn(registry, "payroot_claimed_wei_total", `What workers received. ${exact}`, [
    "asset",
  ]);
  const owed = gaugeIn(
    registry,
    "payroot_liability_wei",
    `What closed epochs gave to workers and these have not received. ${exact}`,
    ["asset"],
  );
  return (figures) => {
    newest.set({ state: "closed" }, figures.closed);
    newest.set({ state: "posted" }, figures.onChain.posted);
    newest.set({ state: "active" }, figures.onChain.active);
    for (const metric of [claims, claimed, owed]) metric.reset();
    claims.inc(figures.claims);
    for (const [asset, amount] of figures.onChain.claimed) claimed.inc({ asset }, toFloat(amount));
    for (const [asset, amount] of figures.owed) owed.set({ asset }, toFloat(amount));
  };
}

function stagesIn(registry: Registry): (stages: readonly StageReport[], now: number) => void {
  const up = gaugeIn(
    registry,
    "payroot_stage_up",
    "Whether a stage does its work: 0 when it failed, or has been at it for over a minute.",
    ["stage"],
  );
  const behind = gaugeIn(registry, "payroot_stage_behind_seconds", "For how long a stage has been behind.", [
    "stage",
  ]);
  return (stages, now) => {
    for (const { stage, state, since } of stages) {
      up.set({ stage }, state === "ok" ? 1 : 0);
      behind.set({ stage }, state === "behind" ? Math.max(0, now - Date.parse(since)) / 1000 : 0);
    }
  };
}

function fundsIn(registry: Registry): (funds: ChainFunds | undefined) => void {
  const held = gaugeIn(registry, "payroot_distributor_balance_wei", "What the distributor holds.", ["asset"]);
  const publisher = gaugeIn(registry, "payroot_publisher_balance_wei", "What the signer has for gas.");
  const spent = counterIn(
    registry,
    "payroot_publisher_gas_spent_wei_total",
    "What posting epochs and paying workers has cost.",
  );
  return (funds) => {
    if (funds === undefined) return;
    held.set({ asset: funds.held.asset }, toFloat(funds.held.amount));
    if (funds.publisherWei !== null) publisher.set(toFloat(funds.publisherWei));
    spent.reset();
    spent.inc(toFloat(funds.spentWei));
  };
}

function webhooksIn(registry: Registry): (counts: readonly WebhookCounts[]) => void {
  const help = "Messages by how far they are with a receiver, numbered as configured.";
  const messages = gaugeIn(registry, "payroot_webhooks", help, ["receiver", "state"]);
  return (counts) => {
    for (const { receiver, ...states } of counts) {
      for (const [state, count] of Object.entries(states)) messages.set({ receiver, state }, count);
    }
  };
}

// Prometheus knows floats only; nothing is decided by them.
function toFloat(amount: bigint): number {
  return Number(amount);
}
