import { signingOutput } from "../chain/output.ts";
import { formatTime } from "../core/time.ts";
import { formatEth, type Output } from "../format.ts";
import { finishClose } from "../pipeline/close/close-epoch.ts";
import { postingCall, publishEpoch } from "../pipeline/publish/publish.ts";
import type { PublishReport } from "../pipeline/publish/settle-posting.ts";
import { command, wholeNumber } from "./command.ts";
import { openLedger } from "./open.ts";
import { openBelt, openConfiguredSigner, requireChain } from "./open-chain.ts";
import { checkOutput, isSigningOutput, outputFormat, printSigning } from "./output.ts";

/** `payroot epoch publish N`: puts a closed epoch on chain. */
export const epochPublish = command({
  name: "epoch publish",
  summary: "put a closed epoch on chain; without --broadcast only check that it could be",
  arguments: { epoch: wholeNumber("number of the epoch") },
  options: {
    broadcast: { about: "sign and send the transaction" },
    acceptAnomaly: { about: "publish although an account earned far more than it usually does" },
    output: outputFormat,
  },
  async run(context, { epoch, broadcast, acceptAnomaly, output }) {
    checkOutput({ broadcast, output });
    const signer = output === undefined ? await openConfiguredSigner(context) : undefined;
    const ledger = await openLedger(context);
    await finishClose(ledger);
    const chain = await requireChain(context);
    const { signal } = context;
    const ports = { ...ledger, chain };
    const check = openBelt(context, ledger, { acceptAnomaly });
    const report = await publishEpoch(ports, epoch, { broadcast, signer, signal, check });
    if (output === undefined || report.state !== "dry") return report;
    const call = await postingCall(ports, epoch);
    return signingOutput([call], { chain, format: output, name: `post epoch ${epoch}`, now: Date.now() });
  },
  print: (value, out) => (isSigningOutput(value) ? printSigning(value, out) : printReport(value, out)),
});

function printReport(report: PublishReport, out: Output): void {
  const { epoch, state, recordHash, transaction, block, activatesAtSeconds, final, solvency, plan } = report;
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
}
