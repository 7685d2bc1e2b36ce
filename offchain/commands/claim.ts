import { formatEth } from "../format.ts";
import { claim } from "../pipeline/claim.ts";
import { account, command, text, wholeNumber } from "./command.ts";
import { openArtifacts, openStore } from "./open.ts";
import { openConfiguredSigner, requireChain } from "./open-chain.ts";

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
  },
  async run(context, { account, epoch, from, broadcast }) {
    const { config, signal } = context;
    const artifacts = from === undefined ? openArtifacts(config) : openStore(config, from, { create: false });
    const chain = await requireChain(context);
    const signer = await openConfiguredSigner(context);
    const wanted = epoch === undefined ? {} : { epoch };
    return claim({ artifacts, chain }, account, { ...wanted, broadcast, signer, signal });
  },
  print: ({ account, epoch, state, assets }, out) => {
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
  },
});
