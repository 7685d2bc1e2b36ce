import { signingOutput } from "../chain/output.ts";
import { formatDuration, formatEth, type Output } from "../format.ts";
import { type RevokeReport, revocationOf, revokeEpochs } from "../pipeline/publish/revoke.ts";
import { command, wholeNumber } from "./command.ts";
import { openArtifacts } from "./open.ts";
import { openConfiguredSigner, requireChain } from "./open-chain.ts";
import { checkOutput, isSigningOutput, outputFormat, printSigning } from "./output.ts";

/** `payroot epoch revoke N`: the guardian takes back an epoch that is not active yet. Needs no data directory. */
export const epochRevoke = command({
  name: "epoch revoke",
  summary: "take back an epoch that is not active, and all after it: the guardian's transaction",
  arguments: { epoch: wholeNumber("number of the epoch") },
  options: { broadcast: { about: "sign and send the transaction" }, output: outputFormat },
  async run(context, { epoch, broadcast, output }) {
    checkOutput({ broadcast, output });
    const chain = await requireChain(context);
    if (output !== undefined) {
      const { call } = await revocationOf(chain, epoch);
      return signingOutput([call], { chain, format: output, name: `revoke epoch ${epoch}`, now: Date.now() });
    }
    const signer = await openConfiguredSigner(context);
    const ports = { chain, artifacts: openArtifacts(context.config) };
    return revokeEpochs(ports, epoch, { broadcast, signer, signal: context.signal });
  },
  print: (value, out) => (isSigningOutput(value) ? printSigning(value, out) : printReport(value, out)),
});

function printReport(report: RevokeReport, out: Output): void {
  const { epoch, last, state, secondsLeft, transaction, block, plan, moved } = report;
  const which = epoch === last ? `epoch ${epoch}` : `epochs ${epoch} to ${last}`;
  if (state === "dry") out.line(`${which} can be revoked; nothing was sent: add --broadcast to revoke`);
  else out.line(`revoked ${which}; to correct it, run: payroot epoch reopen ${epoch}`);
  out.facts({
    "time left": secondsLeft === null ? undefined : formatDuration(secondsLeft),
    transaction: transaction ?? undefined,
    block: block ?? undefined,
    "costs at most": plan === null ? undefined : formatEth(plan.gas * plan.maxFeePerGasWei),
  });
  for (const folder of moved) out.facts({ "files kept at": folder });
}
