import { formatCount } from "../format.ts";
import { finishClose } from "../pipeline/close/close-epoch.ts";
import { listQuarantine, retryQuarantine } from "../pipeline/ingest/quarantine.ts";
import { command } from "./command.ts";
import { configuredRuleset, openDataDirectory, openLedger } from "./open.ts";

/** `payroot quarantine list`: everything that was rejected, and why. */
export const quarantineList = command({
  name: "quarantine list",
  summary: "rejected objects and events, with reason and place",
  async run(context) {
    return { rejections: await Array.fromAsync(listQuarantine(await openDataDirectory(context))) };
  },
  print: ({ rejections }, out) => {
    if (rejections.length === 0) {
      out.line("nothing is in quarantine");
      return;
    }
    const columns = [
      { title: "object" },
      { title: "position", align: "right" as const },
      { title: "reason" },
      { title: "detail" },
    ];
    const rows = rejections.map(({ object, position, reason, detail }) => [
      object,
      position < 0 ? "all" : String(position),
      reason,
      detail,
    ]);
    out.table(columns, rows);
  },
});

/** `payroot quarantine retry`: reads what was rejected again by the rules of the open epoch. */
export const quarantineRetry = command({
  name: "quarantine retry",
  summary: "read rejected objects again, by the rules of the open epoch",
  async run(context) {
    const ports = await openLedger(context);
    await finishClose(ports);
    return retryQuarantine(ports, configuredRuleset(context.config));
  },
  print: ({ looked, objects, waiting, accepted, rejected }, out) => {
    out.line(`looked at ${formatCount(looked)} objects of closed epochs with rejections`);
    out.facts({
      "objects read again": objects,
      accepted,
      "still rejected": rejected,
      "waiting for this epoch's close": waiting,
    });
  },
});
