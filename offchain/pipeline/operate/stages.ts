import {
  type ChainIdentity,
  type ClosePorts,
  type CloseResult,
  closeEpoch,
  finishClose,
} from "../close/close-epoch.ts";
import { openingTime } from "../close/derive-epoch.ts";
import { type IngestOptions, type IngestReport, ingest, objectsUnread, readHead } from "../ingest/ingest.ts";
import type { Stage } from "./daemon.ts";

/** Reads what is new in the log. The first pass of a process lists everything, later ones look back a while. */
export function ingestStage(
  ports: ClosePorts,
  options: IngestOptions & { readonly onPass: (report: IngestReport) => void },
): Stage {
  let listedAll = false;
  const { lookBackSeconds, ...everything } = options;
  return {
    name: "ingest",
    async run() {
      await finishClose(ports);
      const report = await ingest(ports, listedAll && lookBackSeconds !== undefined ? options : everything);
      listedAll = true;
      options.onPass(report);
      if (report.unread.length > 0) throw objectsUnread(report);
    },
  };
}

/** Closes the open epoch when a boundary has passed and somebody earned. */
export function closeStage(
  ports: ClosePorts,
  options: IngestOptions &
    ChainIdentity & {
      readonly epochSeconds: number;
      readonly now: () => number;
      readonly onClosed: (closed: CloseResult) => void;
    },
): Stage {
  // Each boundary is settled once: trying again in every round would list the whole log for nothing.
  let settledUntil = 0;
  return {
    name: "close",
    async run() {
      const boundary = lastBoundary(options.now(), options.epochSeconds);
      if (boundary <= settledUntil) return;
      const head = await readHead(ports.store);
      const opensAt = await openingTime(ports.store, head);
      if (opensAt !== undefined && boundary > opensAt) {
        const closed = await closeEpoch(ports, { ...options, closesAt: boundary });
        if (closed !== undefined) options.onClosed(closed);
      }
      settledUntil = boundary;
    },
  };
}

/** The newest UTC boundary of epochs at or before `now`; both in ms since 1970. */
export function lastBoundary(now: number, epochSeconds: number): number {
  const length = epochSeconds * 1000;
  return Math.floor(now / length) * length;
}
