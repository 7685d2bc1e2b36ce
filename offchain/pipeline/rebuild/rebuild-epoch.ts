import type { DistributorChain } from "../../chain/distributor-chain.ts";
import { epochFolder, type Hash, jsonBytes, manifestHash } from "../../core/artifacts.ts";
import { type EpochFile, epochFiles } from "../../core/epoch-files.ts";
import type { RecordFile } from "../../core/record-file.ts";
import { PayrootError } from "../../errors.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import { epochStateOf, putArtifact, putLatest } from "../close/close-epoch.ts";
import { closingWrites } from "../close/closing-writes.ts";
import { epochUnknown } from "../close/epochs.ts";
import type { ObjectParser } from "../ingest/parser.ts";
import { writeRecordFile } from "../publish/epoch-record.ts";
import { findPosting } from "../publish/find-posting.ts";
import { archivedKey } from "./rebuild-archive.ts";
import { type Confirmation, confirmEpoch, readArchivedEpoch } from "./rebuild-replay.ts";
import { type RederivedEpoch, rederiveEpoch } from "./replay.ts";

/** What rebuilding an epoch works on; `scratch` is an empty ledger that is thrown away afterwards. */
export type RebuildPorts = {
  readonly scratch: LedgerStore;
  readonly archive: ObjectStore;
  readonly artifacts: ObjectStore;
  readonly chain: DistributorChain | undefined;
  readonly parse?: ObjectParser;
};

/**
 * What became of a file: `same` was there, `written` was missing, `replaced` held something else than what is on chain,
 * `different` holds something else and was left alone because no chain says which is right.
 */
export type RebuiltFile = {
  readonly name: string;
  readonly state: "same" | "written" | "replaced" | "different";
};

/** An epoch made again, confirmed by the chain, or by its archived manifest alone. */
export type RebuildReport = {
  readonly epoch: number;
  readonly manifestHash: Hash;
  readonly root: Hash;
  readonly confirmed: "archive" | "chain";
  readonly files: readonly RebuiltFile[];
};

/**
 * Makes the files of an epoch again from the archive, and puts those that are missing where they were, byte for byte.
 * Every epoch up to it is derived from nothing; each must come out as its archived manifest says, and the chain where
 * there is one. Throws `epoch-unknown`, `epoch-not-archived`, `archive-incomplete`, `epoch-not-rederived`,
 * `epoch-differs-from-chain`; then nothing was written.
 */
export async function rebuildEpoch(
  ports: RebuildPorts,
  options: {
    readonly epoch: number;
    readonly signal?: AbortSignal;
    readonly onEpoch?: (epoch: number) => void;
  },
): Promise<RebuildReport> {
  const { scratch } = ports;
  if (options.epoch < 1) throw epochUnknown(options.epoch);
  let previous: Hash | undefined;
  for (let epoch = 1; epoch < options.epoch; epoch += 1) {
    const { head, manifest, derived, recordHash } = await rederive(ports, { ...options, epoch, previous });
    const close = { head, state: epochStateOf(manifest, head), ...derived };
    await scratch.write(await closingWrites(scratch, close), { durable: false });
    previous = recordHash;
  }
  return restore(ports, await rederive(ports, { ...options, previous }));
}

type Rebuilt = RederivedEpoch & Confirmation;

async function rederive(
  ports: RebuildPorts,
  step: Parameters<typeof rebuildEpoch>[1] & { readonly previous: Hash | undefined },
): Promise<Rebuilt> {
  const { epoch, signal, previous } = step;
  step.onEpoch?.(epoch);
  const archived = await readArchivedEpoch(ports.archive, epoch);
  if (archived === undefined) throw notArchived({ epoch, missing: archivedKey(epoch, "manifest.json") });
  const rederived = await rederiveEpoch({ ...ports, store: ports.scratch }, { ...archived, signal });
  return { ...rederived, ...(await confirmEpoch(ports.chain, { manifest: rederived.manifest, previous })) };
}

async function restore(ports: RebuildPorts, rebuilt: Rebuilt): Promise<RebuildReport> {
  const { artifacts, archive } = ports;
  const { manifest, derived, posted } = rebuilt;
  const { epoch, root } = manifest;
  const hash = manifestHash(manifest);
  const files: RebuiltFile[] = [];
  for (const file of epochFiles(derived.closed, derived.records)) {
    files.push(await restoreFile(artifacts, { ...file, epoch, overwrite: posted }));
  }
  const last = { name: "manifest.json", bytes: jsonBytes(manifest), epoch, overwrite: posted };
  files.push(await restoreFile(artifacts, last));
  if (posted) files.push(await restoreRecord(ports, rebuilt));
  const newest = (await archive.get(archivedKey(epoch + 1, "manifest.json"))) === undefined;
  if (newest && (await artifacts.get("latest.json")) === undefined) {
    await putLatest(artifacts, { epoch, manifestHash: hash, posted });
  }
  return { epoch, manifestHash: hash, root, confirmed: posted ? "chain" : "archive", files };
}

async function restoreFile(
  artifacts: ObjectStore,
  file: EpochFile & { readonly epoch: number; readonly overwrite: boolean },
): Promise<RebuiltFile> {
  const { epoch, name, bytes, overwrite } = file;
  const stored = await artifacts.get(`${epochFolder(epoch)}${name}`);
  if (stored !== undefined && Buffer.compare(stored.bytes, bytes) === 0) return { name, state: "same" };
  if (stored !== undefined && !overwrite) return { name, state: "different" };
  await putArtifact(artifacts, file);
  return { name, state: stored === undefined ? "written" : "replaced" };
}

/** Writes `record.json` again, as far as the chain's logs tell it: attestations are not in them. */
async function restoreRecord(
  ports: RebuildPorts,
  { head, manifest, recordHash }: Rebuilt,
): Promise<RebuiltFile> {
  const { artifacts, chain, scratch } = ports;
  const name = "record.json";
  const stored = await artifacts.get(`${epochFolder(manifest.epoch)}${name}`);
  if (stored !== undefined && recordHashIn(stored.bytes) === recordHash) return { name, state: "same" };
  if (chain === undefined) return { name, state: "different" };
  const publishing = { store: scratch, artifacts, chain };
  const posted = { ...(await findPosting(publishing, manifest.epoch)), final: true };
  const { record } = posted;
  const posting = { state: epochStateOf(manifest, head), record, recordHash, attestations: [], posted };
  await writeRecordFile(publishing, posting);
  return { name, state: stored === undefined ? "written" : "replaced" };
}

function recordHashIn(bytes: Uint8Array): string | undefined {
  try {
    return (JSON.parse(new TextDecoder().decode(bytes)) as RecordFile).recordHash;
  } catch {
    return undefined;
  }
}

function notArchived(facts: { epoch: number; missing: string }): PayrootError {
  return new PayrootError("epoch-not-archived", "The archive does not know of this epoch.", {
    facts,
    next: "give the archive of this pool with --archive; see the closed epochs with: payroot epoch list",
  });
}
