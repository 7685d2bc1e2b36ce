import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { jsonBytes } from "../core/artifacts.ts";
import { messageOf, PayrootError } from "../errors.ts";
import { formatCount } from "../format.ts";
import { attestEpoch, putAttestation } from "../pipeline/publish/attest.ts";
import { command, text, wholeNumber } from "./command.ts";
import { openStore } from "./open.ts";
import { requireChain, requireSigner } from "./open-chain.ts";
import { openCache, openParser } from "./open-scratch.ts";

/** `payroot attest N`: signs the record of an epoch that was derived again here. */
export const attestCommand = command({
  name: "attest",
  summary: "derive an epoch again from the archive, and sign its record",
  arguments: { epoch: wholeNumber("number of the epoch") },
  options: { output: text("write the attestation to this file, not into the artifacts store") },
  async run(context, { epoch, output }) {
    const { config, out, signal } = context;
    const signer = await requireSigner(context);
    const chain = await requireChain(context);
    const artifacts = openStore(config, config.artifactsUrl, { create: false });
    const archive = openStore(config, config.archiveUrl, { create: false });
    const cache = await openCache(context, join(config.dataDir, "audit"));
    const file = await attestEpoch({ artifacts, archive, chain, cache, parse: openParser(context) }, epoch, {
      signer,
      signal,
      onProgress: (at) =>
        out.progress(`epoch ${at.epoch} of ${epoch}: ${formatCount(at.objects)} objects read`),
    });
    if (output === undefined) return { ...file, written: await putAttestation(artifacts, file) };
    await writeFile(output, jsonBytes(file)).catch((error: unknown) => {
      throw notWritten(output, error);
    });
    return { ...file, written: output };
  },
  print: ({ epoch, signer, recordHash, written }, out) => {
    out.line(`epoch ${epoch} came out as published, and is attested`);
    out.facts({ signer, "record hash": recordHash, written });
  },
});

function notWritten(file: string, error: unknown): PayrootError {
  return new PayrootError("output-unwritable", "The attestation could not be written.", {
    facts: { file, reason: messageOf(error) },
    next: "give the path of a file in a directory that this user may write to",
    cause: error,
  });
}
