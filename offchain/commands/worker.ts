import { formatEth } from "../format.ts";
import { createEstimates, readWorker } from "../pipeline/workers/worker.ts";
import { account, command } from "./command.ts";
import { configuredRuleset, openArtifacts, openDataDirectory } from "./open.ts";
import { openChainView } from "./open-chain.ts";

/** `payroot worker show A`: the five amounts of an account. */
export const workerShow = command({
  name: "worker show",
  summary: "what a worker has: accruing, closed, posted, claimable, claimed",
  arguments: { account: account("the worker's address") },
  async run(context, { account }) {
    const store = await openDataDirectory(context);
    const chain = await openChainView(context, { store, artifacts: openArtifacts(context.config) });
    const ports = { store, chain, estimates: createEstimates(store) };
    return readWorker(ports, { account, ruleset: configuredRuleset(context.config) });
  },
  print: ({ account, assets, asOf }, out) => {
    out.line(account);
    for (const { asset, ...amounts } of assets) {
      out.line(/^0x0{40}$/.test(asset) ? "ETH" : asset);
      out.table(
        [{ title: "state" }, { title: "amount", align: "point" }],
        Object.entries(amounts).map(([state, amount]) => [state, formatEth(amount)]),
      );
    }
    out.facts({
      "as of object": asOf.object ?? "none read",
      "as of epoch": asOf.epoch,
      "as of block": asOf.block ?? "no chain",
    });
  },
});
