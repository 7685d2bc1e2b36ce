import type { Manifest } from "../core/artifacts.ts";
import { formatTime, parseTime } from "../core/time.ts";
import { formatPpm } from "../core/units.ts";
import { exitCodes, PayrootError } from "../errors.ts";
import { formatCount, formatEth, type Output } from "../format.ts";
import { closeEpoch } from "../pipeline/close/close-epoch.ts";
import { listEpochs, readManifest, requireEpoch } from "../pipeline/close/epochs.ts";
import { command, type Parameter, wholeNumber } from "./command.ts";
import { chainIdentity, configuredRuleset, openArtifacts, openDataDirectory, openLedger } from "./open.ts";
import { openChainView } from "./open-chain.ts";

const time: Parameter<number> = {
  about: "when the epoch closes, instead of now",
  placeholder: "time",
  expected: "a time with a zone as RFC 3339 writes it, such as 2025-11-06T00:00:00Z",
  parse: parseTime,
};

/** `payroot epoch list`: every closed epoch. */
export const epochList = command({
  name: "epoch list",
  summary: "every closed epoch",
  async run(context) {
    const store = await openDataDirectory(context);
    const chain = await openChainView(context, { store, artifacts: openArtifacts(context.config) });
    const epochs = [];
    for await (const { epoch, opensAt, closesAt, root, manifestHash } of listEpochs(store)) {
      epochs.push({ epoch, state: await chain.stageOf(epoch), opensAt, closesAt, root, manifestHash });
    }
    return { epochs };
  },
  print: ({ epochs }, out) => {
    const columns = [
      { title: "epoch", align: "right" as const },
      { title: "state" },
      { title: "closed" },
      { title: "root" },
    ];
    out.table(
      columns,
      epochs.map(({ epoch, state, closesAt, root }) => [String(epoch), state, closesAt, root]),
    );
  },
});

/** `payroot epoch show N`: the manifest of a closed epoch. */
export const epochShow = command({
  name: "epoch show",
  summary: "what a closed epoch paid, and from what",
  arguments: { epoch: wholeNumber("number of the epoch") },
  async run(context, { epoch }) {
    const store = await openDataDirectory(context);
    const state = await requireEpoch(store, epoch);
    const artifacts = openArtifacts(context.config);
    const manifest = await readManifest(artifacts, state);
    const chain = await openChainView(context, { store, artifacts });
    return { ...manifest, manifestHash: state.manifestHash, state: await chain.stageOf(epoch) };
  },
  print: printManifest,
});

/** `payroot epoch close`: reads what is missing, then closes the open epoch. */
export const epochClose = command({
  name: "epoch close",
  summary: "read the whole log, then close the open epoch",
  options: { at: time },
  async run(context, { at }) {
    const { config, out, signal } = context;
    const now = Math.floor(Date.now() / 1000) * 1000;
    if (at !== undefined && at > now) throw closingTimeAhead({ at, now });
    const ports = await openLedger(context);
    const closed = await closeEpoch(ports, {
      ruleset: configuredRuleset(config),
      partitions: config.partitions,
      signal,
      ...chainIdentity(config),
      closesAt: at ?? now,
      onProgress: ({ objects, events }) =>
        out.progress(`read ${formatCount(objects)} new objects, ${formatCount(events)} events`),
    });
    if (closed === undefined) throw nothingEarned();
    const { manifest, state } = closed;
    return { ...manifest, manifestHash: state.manifestHash, state: "closed" as const };
  },
  print: printManifest,
});

/** An epoch's manifest for people. */
function printManifest(shown: Manifest & { manifestHash: string; state: string }, out: Output): void {
  const { epoch, state, opensAt, closesAt, inputs, totals, ruleset } = shown;
  out.line(`epoch ${epoch}, ${state}, ${opensAt} to ${closesAt}`);
  for (const { asset, gross, commission, earned, cumulative, accounts } of totals) {
    out.facts({
      asset: /^0x0{40}$/.test(asset) ? "ETH" : asset,
      gross: formatEth(BigInt(gross)),
      [`commission (${formatPpm(ruleset.commissionPpm)})`]: formatEth(BigInt(commission)),
      earned: formatEth(BigInt(earned)),
      "earned ever": formatEth(BigInt(cumulative)),
      accounts: formatCount(accounts),
    });
  }
  out.facts({
    objects: formatCount(inputs.objects),
    events: `${formatCount(inputs.events)}: ${formatCount(inputs.accepted)} accepted, ${formatCount(inputs.rejected)} rejected, ${formatCount(inputs.duplicates)} duplicates`,
    late: formatCount(inputs.late),
    "AI jobs without their receipt": formatCount(inputs.unmatched),
    root: shown.root,
    "manifest hash": shown.manifestHash,
  });
}

function nothingEarned(): PayrootError {
  return new PayrootError(
    "nothing-earned",
    "Nobody earned anything since the last close, so the epoch stays open.",
    {
      facts: { time: formatTime(Math.floor(Date.now() / 1000) * 1000) },
      next: "see what was read with: payroot status",
    },
  );
}

function closingTimeAhead({ at, now }: { at: number; now: number }): PayrootError {
  return new PayrootError("closing-time-invalid", "An epoch cannot close at a time that is yet to come.", {
    facts: { given: formatTime(at), now: formatTime(now) },
    next: "give a time that has passed, or leave --at out to close now",
    exitCode: exitCodes.usage,
  });
}
