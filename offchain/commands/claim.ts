import { type SigningOutput, signingOutput } from "../chain/output.ts";
import { formatEth, type Output } from "../format.ts";
import { type ClaimReport, claim, claimCalls } from "../pipeline/claims/claim.ts";
import { account, command, text, wholeNumber } from "./command.ts";
import { openPublished } from "./open.ts";
import { openConfiguredSigner, requireChain } from "./open-chain.ts";
import { checkOutput, isSigningOutput, outputFormat, printSigning } from "./output.ts";

/** `payroot claim A`: pays a worker what is due, from published files alone. */
export const claimCommand = command({
  name: "claim",
  summary: "claim what a worker has coming; without --broadcast only show it",
  arguments: {
    account: account("the worker's address; anyone may claim for it, the money goes to the worker"),
  },
  options: {
    epoch: wholeNumber("claim against this epoch instead of the newest active one"),
    from: text("where the epochs are published, instead of the configured artifacts"),
    broadcast: { about: "sign and send the transaction" },
    output: outputFormat,
  },
  async run(context, { account, epoch, from, broadcast, output }): Promise<ClaimReport | SigningOutput> {
    checkOutput({ broadcast, output });
    const { config, signal } = context;
    const ports = { artifacts: openPublished(config, from), chain: await requireChain(context) };
    if (output !== undefined) {
      const claimed = await claimCalls(ports, account, epoch);
      const name = `claim for ${account} against epoch ${claimed.epoch}`;
      return signingOutput(claimed.calls, { chain: ports.chain, format: output, name, now: Date.now() });
    }
    const signer = await openConfiguredSigner(context);
    const wanted = epoch === undefined ? {} : { epoch };
    return claim(ports, account, { ...wanted, broadcast, signer, signal });
  },
  print: (value, out) => (isSigningOutput(value) ? printSigning(value, out) : printReport(value, out)),
});

function printReport({ account, epoch, state, assets }: ClaimReport, out: Output): void {
  const paid = state === "paid";
  out.line(
    paid
      ? `claimed for ${account} against epoch ${epoch}`
      : `${account} can claim against epoch ${epoch}; nothing was sent: add --broadcast to claim`,
  );
  for (const { asset, amount, claimedBefore, recipient, transaction, block, feeWei } of assets) {
    out.facts({
      asset: /^0x0{40}$/.test(asset) ? "ETH" : asset,
      [paid ? "paid" : "would pay"]: formatEth(amount),
      "claimed before": formatEth(claimedBefore),
      to: recipient,
      transaction: transaction ?? undefined,
      block: block ?? undefined,
      "gas paid": feeWei === null ? undefined : formatEth(feeWei),
    });
  }
}
