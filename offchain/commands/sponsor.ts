import type { SkippedClaim } from "../chain/distributor-chain.ts";
import { type SigningOutput, signingOutput } from "../chain/output.ts";
import { zeroAddress } from "../core/address.ts";
import { formatCount, formatEth, type Output } from "../format.ts";
import { type BatchReport, type SponsorReport, sponsor, sponsorCalls } from "../pipeline/claims/sponsor.ts";
import { command, type Parameter, text } from "./command.ts";
import { openPublished } from "./open.ts";
import { openConfiguredSigner, requireChain } from "./open-chain.ts";
import { checkOutput, isSigningOutput, outputFormat, printSigning } from "./output.ts";

const minimum: Parameter<bigint> = {
  about: "the least to pay a worker, in wei; PAYMENT_THRESHOLD_WEI when left out",
  placeholder: "wei",
  expected: "a whole number of wei, digits only",
  parse: (given) => (/^\d{1,78}$/.test(given) ? BigInt(given) : undefined),
};

const batchSize: Parameter<number> = {
  about: "pay at most this many workers in a transaction; 200 when left out",
  placeholder: "number",
  expected: "a whole number from 1 to 100000",
  parse: (given) => (/^[1-9]\d{0,4}$|^100000$/.test(given) ? Number(given) : undefined),
};

/** `payroot sponsor`: pays everyone who has enough coming, from published files alone; the sender pays the gas. */
export const sponsorCommand = command({
  name: "sponsor",
  summary: "pay all workers what they have coming; without --broadcast only show it",
  options: {
    min: minimum,
    batch: batchSize,
    from: text("where the epochs are published, instead of the configured artifacts"),
    broadcast: { about: "sign and send the transactions" },
    output: outputFormat,
  },
  async run(context, { min, batch, from, broadcast, output }): Promise<SponsorReport | SigningOutput> {
    checkOutput({ broadcast, output });
    const { config, signal, out } = context;
    const ports = { artifacts: openPublished(config, from), chain: await requireChain(context) };
    const size = batch === undefined ? {} : { batch };
    const request = { minimum: min ?? config.paymentThresholdWei, ...size, signal };
    if (output !== undefined) {
      const { epoch, calls } = await sponsorCalls(ports, request);
      const name = `pay workers against epoch ${epoch}`;
      return signingOutput(calls, { chain: ports.chain, format: output, name, now: Date.now() });
    }
    const signer = await openConfiguredSigner(context);
    const onBatch = (done: BatchReport): void => {
      if (broadcast) out.note(batchLine(done));
    };
    return sponsor(ports, { ...request, broadcast, signer, onBatch });
  },
  print: (value, out) => (isSigningOutput(value) ? printSigning(value, out) : printReport(value, out)),
});

/** What a batch did, in a line. */
export function batchLine({ paid, skipped, gas, feePerWorkerWei, transaction }: BatchReport): string {
  const missed = skipped.length === 0 ? "" : `, ${skipped.length} skipped`;
  const each = feePerWorkerWei === null ? "" : `, ${formatEth(feePerWorkerWei)} each`;
  return `paid ${paid.length} workers${missed}, ${formatCount(gas)} gas${each}, transaction ${transaction}`;
}

function printReport(report: SponsorReport, out: Output): void {
  const { epoch, state, assets, batches, refused, received, below, paused } = report;
  const dry = state === "dry";
  const workers = assets.reduce((sum, asset) => sum + asset.workers, 0);
  out.line(headingOf(report, workers));
  for (const { asset, workers, total } of assets) {
    const name = asset === zeroAddress ? "ETH" : asset;
    out.facts({ asset: name, workers, [dry ? "would pay" : "paid"]: formatEth(total) });
  }
  out.facts({
    "against epoch": epoch,
    transactions: batches.length,
    [dry ? "gas at most" : "gas"]: formatCount(report.gas),
    [dry ? "costs at most" : "gas paid"]: formatEth(report.feeWei),
    "per worker": report.feePerWorkerWei === null ? undefined : formatEth(report.feePerWorkerWei),
    "paid before": received,
    "too little due": below,
    "claims stopped": paused === 0 ? undefined : paused,
  });
  printUnpaid([...refused, ...batches.flatMap(({ skipped }) => skipped)], out);
}

function headingOf({ state, batches }: SponsorReport, workers: number): string {
  if (batches.length === 0) return "nobody has enough coming; nothing was sent";
  if (state === "paid") return `paid ${formatCount(workers)} workers`;
  return `${formatCount(workers)} workers can be paid; nothing was sent: add --broadcast to pay them`;
}

function printUnpaid(unpaid: readonly SkippedClaim[], out: Output): void {
  if (unpaid.length === 0) return;
  out.line("not paid:");
  out.table(
    [{ title: "account" }, { title: "reason" }],
    unpaid.map(({ account, reason }) => [account, reason]),
  );
}
