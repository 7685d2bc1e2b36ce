import { formatTime } from "../core/time.ts";
import { formatEth } from "../format.ts";
import { finishClose } from "../pipeline/close-epoch.ts";
import { publishEpoch } from "../pipeline/publish.ts";
import { command, wholeNumber } from "./command.ts";
import { openArchive, openArtifacts, openDataDirectory } from "./open.ts";
import { openConfiguredSigner, requireChain } from "./open-chain.ts";

/** `payroot epoch publish N`: puts a closed epoch on chain. */
export const epochPublish = command({
  name: "epoch publish",
  summary: "put a closed epoch on chain; without --broadcast only check that it could be",
  arguments: { epoch: wholeNumber("number of the epoch") },
  options: { broadcast: { about: "sign and send the transaction" } },
  async run(context, { epoch, broadcast }) {
    const signer = await openConfiguredSigner(context);
    const store = await openDataDirectory(context);
    const artifacts = openArtifacts(context.config);
    const archive = openArchive(context.config);
    await finishClose({ store, artifacts, archive });
    const chain = await requireChain(context);
    const { signal } = context;
    return publishEpoch({ store, artifacts, chain }, epoch, { broadcast, signer, signal });
  },
  print: (
    { epoch, state, recordHash, transaction, block, activatesAtSeconds, final, solvency, plan },
    out,
  ) => {
    const headings = {
      dry: `epoch ${epoch} can be posted; nothing was sent: add --broadcast to post it`,
      pending: `the post of epoch ${epoch} is on its way; run the same command again to see it arrive`,
      posted: `epoch ${epoch} is on chain`,
    };
    out.line(headings[state]);
    out.facts({
      "record hash": recordHash,
      transaction: transaction ?? undefined,
      block: block ?? undefined,
      final: state === "posted" ? (final ? "yes" : "not yet") : undefined,
      "active at": activatesAtSeconds === null ? undefined : formatTime(activatesAtSeconds * 1000),
      "gas limit": plan?.gas,
      "costs at most": plan === null ? undefined : formatEth(plan.gas * plan.maxFeePerGasWei),
    });
    for (const { asset, owed, held, missing } of solvency) {
      out.facts({ asset, owes: formatEth(owed), holds: formatEth(held), missing: formatEth(missing) });
    }
  },
});
