import { setTimeout as pause } from "node:timers/promises";
import { formatCount } from "../format.ts";
import { finishClose } from "../pipeline/close-epoch.ts";
import { type IngestReport, ingest } from "../pipeline/ingest.ts";
import { correlateWaiting } from "../pipeline/open-epoch.ts";
import { readHead } from "../pipeline/ingest.ts";
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
    const ruleset = configuredRuleset(config);
    const partitions = config.partitions;
    for (;;) {
      const report = await ingest(ports, {
        ruleset,
        partitions,
        signal,
        onProgress: (progress) => out.progress(progressLine(progress)),
      });
      out.progress("");
      const head = await readHead(ports.store);
      const { jobs } = await correlateWaiting(ports.store, head.ruleset ?? ruleset);
      const { objects, events, accepted, rejected, duplicates, late, unread } = report;
      for (const { key, reason } of unread) out.note(`unread, tried again next time: ${key}: ${reason}`);
      const result = { objects, events, accepted, rejected, duplicates, late, unmatched: jobs.length, unread: unread.length };
      if (once || signal.aborted) return result;
      if (objects > 0) out.note(`read ${formatCount(objects)} objects, ${formatCount(events)} events`);
      await pause(config.s3SensorIntervalSeconds * 1000, undefined, { signal });
    }
  },
  print: (result, out) => {
    const { objects, events, accepted, rejected, duplicates, late, unmatched, unread } = result;
    out.line(`read ${formatCount(objects)} new objects with ${formatCount(events)} events`);
    out.facts({ accepted, rejected, duplicates, late, "AI jobs without their receipt": unmatched, "unread objects": unread });
  },
  exitCode: (result) => (result.unread > 0 ? 75 : 0),
});

function progressLine({ listed, objects, events }: IngestReport): string {
  return `listed ${formatCount(listed)} objects, read ${formatCount(objects)} new with ${formatCount(events)} events`;
}
