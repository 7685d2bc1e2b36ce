import type { Explanation } from "../core/explanation.ts";
import { formatCount, formatEth, type Output } from "../format.ts";
import { createProofBook } from "../pipeline/claims/proof-book.ts";
import { explain } from "../pipeline/workers/explain.ts";
import { createEstimates } from "../pipeline/workers/worker.ts";
import { account, command, wholeNumber } from "./command.ts";
import { configuredRuleset, openArchive, openArtifacts, openDataDirectory } from "./open.ts";

/** `payroot explain A`: every event behind an amount. */
export const explainCommand = command({
  name: "explain",
  summary: "every event behind a worker's amount, and every one left out, with reason and place",
  arguments: { account: account("the worker's address") },
  options: { epoch: wholeNumber("number of the epoch; the open one when left out") },
  async run(context, { account, epoch }) {
    const { config } = context;
    const store = await openDataDirectory(context);
    const stores = { archive: openArchive(config), artifacts: openArtifacts(config) };
    const proofs = createProofBook(stores.artifacts);
    const ports = { store, ...stores, proofs, estimates: createEstimates(store) };
    return explain(ports, { account, epoch, ruleset: configuredRuleset(config) });
  },
  print: printExplanation,
});

function printExplanation({ account, epoch, assets, events, excluded }: Explanation, out: Output): void {
  out.line(`${account} in epoch ${epoch}`);
  for (const { asset, ...amounts } of assets) {
    out.line(/^0x0{40}$/.test(asset) ? "ETH" : asset);
    const rows = Object.entries(amounts).map(([name, amount]) => [name, formatEth(amount)]);
    out.table([{ title: "amount" }, { title: "", align: "point" }], rows);
  }
  out.line(counted(events.length, "paid event"));
  if (events.length > 0) {
    const amounts = ["gross", "commission", "earned"].map((title) => ({ title, align: "point" as const }));
    out.table(
      [{ title: "time" }, ...amounts, { title: "late" }, { title: "event" }, ...place],
      events.map((event) => {
        const { DT, gross, commission, earned, late, id, object, position } = event;
        const sums = [gross, commission, earned].map(formatEth);
        return [DT, ...sums, late ? "late" : "", id, object, String(position)];
      }),
    );
  }
  out.line(counted(excluded.length, "excluded event"));
  if (excluded.length > 0) {
    out.table(
      [{ title: "reason" }, { title: "event" }, ...place],
      excluded.map(({ reason, id, object, position }) => [reason, id ?? "–", object, String(position)]),
    );
  }
}

function counted(count: number, what: string): string {
  return `${formatCount(count)} ${what}${count === 1 ? "" : "s"}`;
}

const place = [{ title: "object" }, { title: "position", align: "right" as const }];
