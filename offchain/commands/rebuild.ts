import { exitCodes } from "../errors.ts";
import { formatCount } from "../format.ts";
import { rebuildEpoch } from "../pipeline/rebuild/rebuild-epoch.ts";
import { rebuildLedger } from "../pipeline/rebuild/rebuild-ledger.ts";
import { command, wholeNumber } from "./command.ts";
import { configuredRuleset, openArchive, openArtifacts, openDataDirectory } from "./open.ts";
import { openChain } from "./open-chain.ts";
import { openParser, openScratch } from "./open-scratch.ts";

/** `payroot epoch rebuild N`: the files of an epoch, made again from the archive. */
export const epochRebuild = command({
  name: "epoch rebuild",
  summary: "make an epoch's files again from the archive, compare, and put back what is missing",
  arguments: { epoch: wholeNumber("number of the epoch") },
  async run(context, { epoch }) {
    const { config, out, signal } = context;
    const chain = await openChain(context);
    const stores = { archive: openArchive(config), artifacts: openArtifacts(config) };
    const ports = { ...stores, chain, scratch: await openScratch(context), parse: openParser(context) };
    const onEpoch = (at: number) => out.progress(`deriving epoch ${at} of ${epoch}`);
    return rebuildEpoch(ports, { epoch, signal, onEpoch });
  },
  print: ({ epoch, manifestHash, root, confirmed, files }, out) => {
    const by = confirmed === "chain" ? "the record on chain" : "its archived manifest; no chain was asked";
    out.line(`epoch ${epoch} comes out of the archive as ${by} says`);
    out.facts({ "manifest hash": manifestHash, root });
    for (const { name, state } of files) if (state !== "same") out.line(`${state}  ${name}`);
    const same = files.filter(({ state }) => state === "same").length;
    out.line(`${formatCount(same)} of ${formatCount(files.length)} files were there as they should be`);
    if (files.some(({ state }) => state === "different")) {
      out.line("what is different was left alone: ask a chain, or move it away, and run this again");
    }
  },
  exitCode: ({ files }) =>
    files.some(({ state }) => state === "different") ? exitCodes.discrepancy : exitCodes.done,
});

/** `payroot ledger rebuild`: a lost data directory, made again from the archive and the chain. */
export const ledgerRebuild = command({
  name: "ledger rebuild",
  summary: "make a lost data directory again from the archive and the chain",
  async run(context) {
    const { config, out, signal } = context;
    const chain = await openChain(context);
    const store = await openDataDirectory(context);
    const stores = { store, archive: openArchive(config), artifacts: openArtifacts(config) };
    return rebuildLedger(
      { ...stores, chain, parse: openParser(context) },
      {
        ruleset: configuredRuleset(config),
        signal,
        onProgress: ({ epoch, objects }) =>
          out.progress(`epoch ${epoch}: ${formatCount(objects)} objects read again`),
      },
    );
  },
  print: ({ epochs, posted, openObjects }, out) => {
    out.line(`made ${formatCount(epochs)} closed epochs again, each as its archived manifest says`);
    out.facts({ "epochs on chain": posted, "objects of the open epoch": openObjects });
    out.line("whatever else is in the log is read by: payroot ingest");
  },
});
