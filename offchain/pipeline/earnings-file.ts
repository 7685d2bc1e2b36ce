import type { Address } from "../core/address.ts";
import {
  type EarningLine,
  epochFolder,
  type Manifest,
  manifestHash,
  revokedFolder,
} from "../core/artifacts.ts";
import { sha256Hex } from "../core/hash.ts";
import { exitCodes, PayrootError } from "../errors.ts";
import type { ObjectStore } from "../objects/object-store.ts";

/** `earnings.ndjson` of an epoch, checked against its manifest. Throws `artifact-damaged`. */
export async function readEarnings(artifacts: ObjectStore, manifest: Manifest): Promise<Uint8Array> {
  const name = "earnings.ndjson";
  const key = `${epochFolder(manifest.epoch)}${name}`;
  const revoked = revokedFolder({ epoch: manifest.epoch, manifestHash: manifestHash(manifest) });
  const expected = manifest.files.find((file) => file.name === name)?.sha256 ?? "no such file";
  // The files of a revoked epoch have moved.
  const stored = (await artifacts.get(key)) ?? (await artifacts.get(`${revoked}${name}`));
  const found = stored === undefined ? "no such object" : sha256Hex(stored.bytes);
  if (stored === undefined || found !== expected) throw artifactDamaged({ file: key, expected, found });
  return stored.bytes;
}

/** The lines of `earnings.ndjson`; only those of `account` when it is given. */
export function* earningLines(earnings: Uint8Array, account?: Address): Generator<EarningLine> {
  const bytes = Buffer.from(earnings.buffer, earnings.byteOffset, earnings.length);
  // A line is canonical JSON, so its account comes first: others are passed over without being parsed.
  const wanted = account === undefined ? "{" : `{"account":"${account}",`;
  for (let start = bytes.indexOf(wanted); start >= 0; ) {
    const end = bytes.indexOf("\n", start);
    yield JSON.parse(bytes.toString("utf8", start, end)) as EarningLine;
    start = bytes.indexOf(wanted, end);
  }
}

function artifactDamaged(facts: { file: string; expected: string; found: string }): PayrootError {
  return new PayrootError("artifact-damaged", "A published file is not the one that its manifest names.", {
    facts,
    next: "restore the file in the artifacts store, or take it from a mirror",
    exitCode: exitCodes.discrepancy,
  });
}
