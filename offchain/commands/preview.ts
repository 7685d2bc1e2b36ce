import { formatCount, formatEth, type Output } from "../format.ts";
import { finishClose } from "../pipeline/close/close-epoch.ts";
import { type Preview, previewEpoch } from "../pipeline/close/preview.ts";
import { timesMedian } from "../pipeline/publish/anomaly.ts";
import { command } from "./command.ts";
import { configuredRuleset, openLedger } from "./open.ts";
import { openFunding } from "./open-chain.ts";

/** `payroot epoch preview`: what closing now would do. */
export const epochPreview = command({
  name: "epoch preview",
  summary: "what closing now would pay: totals, movers, jumps, solvency, runway",
  async run(context) {
    const ports = await openLedger(context);
    await finishClose(ports);
    const funding = await openFunding(context);
    return previewEpoch({ ...ports, funding }, configuredRuleset(context.config));
  },
  print: (preview, out) => {
    const { epoch, opensAt, totals, newAccounts } = preview;
    out.line(`epoch ${epoch}, open since ${opensAt ?? "its first event, which has not come yet"}`);
    out.facts({
      gross: formatEth(totals.gross),
      commission: formatEth(totals.commission),
      earned: formatEth(totals.earned),
      accounts: formatCount(totals.accounts),
      "new accounts": formatCount(newAccounts.length),
      "AI jobs without their receipt": `${formatCount(totals.waitingJobs)}, ${formatEth(totals.waiting)} waiting`,
    });
    printRejections(preview, out);
    printAccounts(preview, out);
    printFunds(preview, out);
  },
});

function printRejections({ rejections }: Preview, out: Output): void {
  if (rejections.length === 0) {
    out.facts({ rejected: "nothing" });
    return;
  }
  out.line();
  out.table(
    [
      { title: "rejected" },
      { title: "count", align: "right" },
      { title: "fees named", align: "point" },
      { title: "without", align: "right" },
    ],
    rejections.map(({ reason, count, fees, unknown }) => [
      ...[reason, formatCount(count), formatEth(fees)],
      unknown === 0 ? "" : formatCount(unknown),
    ]),
  );
}

function printAccounts({ movers, jumps }: Preview, out: Output): void {
  const amounts = (titles: readonly string[]) => titles.map((title) => ({ title, align: "point" as const }));
  if (movers.length > 0) {
    out.line();
    out.table(
      [{ title: "top movers" }, ...amounts(["before", "now", "change"])],
      movers.map(({ account, before, now, change }) => [account, ...[before, now, change].map(formatEth)]),
    );
  }
  if (jumps.length > 0) {
    out.line();
    out.table(
      [{ title: "largest jumps" }, ...amounts(["median", "now", "times"]), { title: "median of" }],
      jumps.map((jump) => [
        ...[jump.account, formatEth(jump.median), formatEth(jump.earned), timesMedian(jump)],
        jump.of === "own" ? "its own epochs" : "all accounts, as it is new",
      ]),
    );
  }
}

function printFunds({ solvency, runway }: Preview, out: Output): void {
  if (solvency === null || runway === null) return;
  out.line();
  const { epochs, mean, of } = runway;
  out.facts({
    "distributor holds": formatEth(solvency.balance),
    "owes after this epoch": formatEth(solvency.owed),
    missing: formatEth(solvency.missing),
    surplus: formatEth(runway.surplus),
    runway:
      epochs === null
        ? "unknown: no epoch was closed yet"
        : `${formatCount(epochs)} more epochs like the last ${of}, which earned ${formatEth(mean)} each`,
  });
}
