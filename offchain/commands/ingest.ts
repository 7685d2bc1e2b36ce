import { setTimeout as pause } from "node:timers/promises";
import { formatCount } from "../format.ts";
import { finishClose } from "../pipeline/close/close-epoch.ts";
import { correlateWaiting } from "../pipeline/close/open-epoch.ts";
import { addCounters, emptyCounters } from "../pipeline/ingest/apply-object.ts";
import { type IngestReport, ingest, objectsUnread, readHead } from "../pipeline/ingest/ingest.ts";
import { command } from "./command.ts";
import { configuredRuleset, openLedger } from "./open.ts";

/** `payroot ingest`: reads what is new in the log into the ledger. */
export const ingestCommand = command({
  name: "ingest",
  summary: "read what is new in the log into the ledger",
  options: { once: { about: "one pass, then end; otherwise until stopped" } },
  async run(context, { once }) {
    const { config, out, signal } = context;
    const ports = await openLedger(context);
    await finishClose(ports);
    const options = {
      ruleset: configuredRuleset(config),
      partitions: config.partitions,
      signal,
      onProgress: (progress: IngestReport) => out.progress(progressLine(progress)),
    };
    let done = { objects: 0, ...emptyCounters };
    for (;;) {
      const report = await ingest(ports, options);
      if (once && report.unread.length > 0) throw objectsUnread(report);
      done = { objects: done.objects + report.objects, ...addCounters(done, report) };
      if (once) break;
      for (const { key, reason } of report.unread)
        out.note(`unread, tried again next time: ${key}: ${reason}`);
      if (report.objects > 0) out.note(readLine(report));
      await pause(config.s3SensorIntervalSeconds * 1000, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) break;
    }
    const head = await readHead(ports.store);
    const { jobs } = await correlateWaiting(ports.store, head.ruleset ?? options.ruleset);
    const { objects, events, accepted, rejected, duplicates, late } = done;
    return { objects, events, accepted, rejected, duplicates, late, unmatched: jobs.length };
  },
  print: ({ objects, events, unmatched, ...counts }, out) => {
    out.line(readLine({ objects, events }));
    out.facts({ ...counts, "AI jobs without their receipt": unmatched });
  },
});

function progressLine({ listed, objects, events }: IngestReport): string {
  return `listed ${formatCount(listed)} objects, read ${formatCount(objects)} new with ${formatCount(events)} events`;
}

function readLine({ objects, events }: { objects: number; events: number }): string {
  return `read ${formatCount(objects)} new objects with ${formatCount(events)} events`;
}
