import { join } from "node:path";
import { Hono } from "hono";
import { listen } from "../api/server.ts";
import type { Config } from "../config.ts";
import { exitCodes, messageOf, PayrootError } from "../errors.ts";
import { formatCount, type Output } from "../format.ts";
import { type AuditPorts, type AuditProgress, type AuditReport, audit } from "../pipeline/audit/audit.ts";
import { firstWatchState, metricsText, type WatchState, watchAudit } from "../pipeline/audit/watch.ts";
import type { WebhookEvent } from "../pipeline/operate/webhook-events.ts";
import type { WebhookFailure } from "../pipeline/operate/webhook-outbox.ts";
import { type Context, command, text, wholeNumber } from "./command.ts";
import { chainIdentity, openStore } from "./open.ts";
import { openChain } from "./open-chain.ts";
import { openCache, openParser } from "./open-scratch.ts";
import { failureLine, openOutbox } from "./open-webhooks.ts";

/** `payroot audit`: every published epoch, derived again and compared. */
export const auditCommand = command({
  name: "audit",
  summary: "derive every published epoch again from the archive, and compare it with files, chain and log",
  options: {
    epoch: wholeNumber("only this epoch"),
    from: text(
      "a mirror with epochs/ and archive/ in it, or, with --archive, epochs/ alone: s3://…, file:///… or http(s)://…",
    ),
    cache: text("directory of what was audited before; otherwise audit in the data directory"),
    watch: { about: "audit again and again, and serve /metrics at HTTP_HOST and HTTP_PORT" },
  },
  async run(context, { epoch, from, cache, watch }): Promise<AuditReport> {
    const { config, out, signal } = context;
    const ports = await openPorts(context, { from, cache });
    const options = { epoch, partitions: config.partitions, signal, onProgress: showProgress(out) };
    if (!watch) return audit(ports, options);
    const metrics = await serveMetrics(context);
    const tellReceivers = await openReceivers(context, ports.cache);
    const report = await watchAudit(ports, {
      ...options,
      intervalMs: config.s3SensorIntervalSeconds * 1000,
      onState: metrics.set,
      onMismatch: (found) => {
        out.note(`epoch ${found.epoch} is at fault: ${firstFault(found)}`);
        tellReceivers(found);
      },
      onFailure: (error) => out.note(`the audit could not be finished: ${messageOf(error)}`),
    });
    if (report === undefined) throw neverFinished();
    return report;
  },
  print: printReport,
  exitCode: ({ ok }) => (ok ? exitCodes.done : exitCodes.discrepancy),
});

async function openPorts(
  context: Context,
  given: { from: string | undefined; cache: string | undefined },
): Promise<AuditPorts> {
  const { config, flags } = context;
  const open = (url: string) => openStore(config, url, { create: false });
  const artifacts = open(given.from ?? config.artifactsUrl);
  // A mirror is audited by itself, whatever archive is usual here; one that was typed is meant for it.
  const own = given.from === undefined || flags.archiveUrl !== undefined;
  const archive = own ? open(config.archiveUrl) : artifacts;
  const log = config.logUrl === undefined ? undefined : open(config.logUrl);
  const chain = await openChain(context);
  const cache = await openCache(context, given.cache ?? join(config.dataDir, "audit"));
  return { artifacts, archive, log, chain, cache, parse: openParser(context) };
}

/** Serves the metrics of a watching audit until the command ends. */
async function serveMetrics(context: Context): Promise<{ readonly set: (state: WatchState) => void }> {
  const { httpHost: host, httpPort: port }: Config = context.config;
  let state = firstWatchState;
  const app = new Hono();
  app.get("/metrics", (answer) =>
    answer.text(metricsText(state), 200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" }),
  );
  const server = await listen(app, { host, port });
  context.defer(server.close);
  context.out.note(`serving ${server.url}/metrics; Ctrl-C stops`);
  return {
    set: (next) => {
      state = next;
    },
  };
}

/** The receivers of webhooks, told of epochs at fault; what they were told is kept beside what was audited. */
async function openReceivers(
  context: Context,
  cache: AuditPorts["cache"],
): Promise<(found: AuditReport["epochs"][number]) => void> {
  const { config, out } = context;
  const onFailure = (failure: WebhookFailure): void => out.note(failureLine(failure));
  const outbox = await openOutbox(context, cache, { firstEpoch: 0, onFailure });
  return ({ epoch, checks }) => {
    const { name = "", expected = "", actual = "" } = checks.find(({ ok }) => !ok) ?? {};
    const facts = { ...chainIdentity(config), epoch, check: name, expected, actual };
    const event: WebhookEvent = { topic: "epoch.mismatch", facts, since: null };
    outbox?.announce(only(event)).catch((error: unknown) => out.note(messageOf(error)));
  };
}

async function* only(event: WebhookEvent): AsyncGenerator<WebhookEvent> {
  yield event;
}

function showProgress(out: Output): (progress: AuditProgress) => void {
  return ({ epoch, last, objects }) =>
    out.progress(`epoch ${epoch} of ${last}: ${formatCount(objects)} objects read`);
}

function firstFault({ checks }: AuditReport["epochs"][number]): string {
  const fault = checks.find(({ ok }) => !ok);
  return fault === undefined
    ? ""
    : `${fault.name}: ${fault.detail ?? `${fault.actual} instead of ${fault.expected}`}`;
}

function printReport({ ok, epochs }: AuditReport, out: Output): void {
  for (const { epoch, checks } of epochs.filter((audited) => !audited.ok)) {
    const wrong = checks.filter((check) => !check.ok);
    out.line(`epoch ${epoch}: ${wrong.length} of ${checks.length} checks do not hold`);
    for (const { name, expected, actual, detail } of wrong) {
      out.line(`  ${name}`);
      out.facts({ "    expected": expected, "    actual": actual, "    detail": detail ?? undefined });
    }
  }
  const known = new Set(epochs.flatMap(({ checks }) => checks.map(({ name }) => name)));
  const counted = `${formatCount(epochs.length)} ${epochs.length === 1 ? "epoch" : "epochs"}`;
  out.line(ok ? `every check holds in ${counted}` : `not every check holds in ${counted}`);
  if (!known.has("posted once")) {
    out.line("no chain is configured: nothing was compared with what is on chain");
  }
  if (!known.has("withheld objects")) {
    out.line("whether objects of the log were withheld was not looked at: that takes a log and every epoch");
  }
}

function neverFinished(): PayrootError {
  return new PayrootError("audit-unfinished", "No audit could be finished before it was stopped.", {
    next: "see why in what was noted above, then run the same command again",
    retryable: true,
  });
}
