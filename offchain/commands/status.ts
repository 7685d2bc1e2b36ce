import { formatCount, formatEth } from "../format.ts";
import { readStatus } from "../pipeline/operate/status.ts";
import { command } from "./command.ts";
import { configuredRuleset, openArtifacts, openDataDirectory } from "./open.ts";
import { openChainView } from "./open-chain.ts";

/** `payroot status`: where everything stands. */
export const statusCommand = command({
  name: "status",
  summary: "where everything stands",
  async run(context) {
    const store = await openDataDirectory(context);
    const chain = await openChainView(context, { store, artifacts: openArtifacts(context.config) });
    return readStatus({ store, chain }, configuredRuleset(context.config));
  },
  print: ({ openEpoch, accruing, partitions, lastClosed, asOf }, out) => {
    out.line(
      `epoch ${openEpoch.epoch}, open since ${openEpoch.opensAt ?? "its first event, which has not come yet"}`,
    );
    out.facts({
      objects: formatCount(openEpoch.objects),
      events: formatCount(openEpoch.events),
      gross: formatEth(accruing.gross),
      earned: `${formatEth(accruing.earned)} by ${formatCount(accruing.accounts)} accounts`,
      waiting: `${formatCount(accruing.waitingJobs)} AI jobs without their receipt, ${formatEth(accruing.waiting)}`,
      "last closed": lastClosed === null ? "none yet" : `epoch ${lastClosed.epoch} at ${lastClosed.closesAt}`,
      "newest object": asOf.object ?? "none read",
      block: asOf.block ?? "no chain",
    });
    if (partitions.length === 0) return;
    out.line();
    const right = ["objects", "events", "accepted", "rejected", "duplicates", "late", "workers connected"];
    out.table(
      [
        { title: "partition" },
        ...right.map((title) => ({ title, align: "right" as const })),
        { title: "newest event" },
      ],
      partitions.map((p) => [
        p.partition,
        ...[p.objects, p.events, p.accepted, p.rejected, p.duplicates, p.late, p.connectedWorkers].map(
          formatCount,
        ),
        p.newest ?? "–",
      ]),
    );
  },
});
