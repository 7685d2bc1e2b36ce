import { formatCount } from "../format.ts";
import { reopenEpoch } from "../pipeline/close/reopen.ts";
import { command, wholeNumber } from "./command.ts";
import { configuredRuleset, openLedger } from "./open.ts";
import { openChain } from "./open-chain.ts";
import { openParser, openScratch } from "./open-scratch.ts";

/** `payroot epoch reopen N`: gives the objects of closed epochs back to the open one. */
export const epochReopen = command({
  name: "epoch reopen",
  summary: "give an epoch that is not on chain, and all after it, back to the open epoch",
  arguments: { epoch: wholeNumber("number of the first epoch to reopen") },
  async run(context, { epoch }) {
    const ports = await openLedger(context);
    const chain = await openChain(context);
    const scratch = await openScratch(context);
    const { signal } = context;
    const ruleset = configuredRuleset(context.config);
    return reopenEpoch({ ...ports, chain, scratch, parse: openParser(context) }, { epoch, ruleset, signal });
  },
  print: ({ epoch, reopened, objects, rulesChanged }, out) => {
    out.line(`epoch ${epoch} is open again, with ${formatCount(objects)} objects`);
    if (rulesChanged)
      out.line("its rules are those of the configuration now, which differ from those it had");
    for (const { epoch: number, files } of reopened)
      out.facts({ [`files of epoch ${number} kept at`]: files });
    out.line("look at it with: payroot epoch preview; then close it again with: payroot epoch close");
  },
});
