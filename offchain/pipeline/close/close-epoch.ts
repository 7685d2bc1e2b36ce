import type { Address } from "../../core/address.ts";
import {
  epochFolder,
  type FileEntry,
  fileEntry,
  jsonBytes,
  type LatestPointer,
  type Manifest,
  manifestHash,
} from "../../core/artifacts.ts";
import { manifestOf } from "../../core/epoch.ts";
import { type EpochFile, epochFiles } from "../../core/epoch-files.ts";
import { formatTime } from "../../core/time.ts";
import { PayrootError } from "../../errors.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import { heads } from "../../store/keys.ts";
import { put } from "../../store/keyspace.ts";
import type { EpochState, Head } from "../../store/records.ts";
import {
  type IngestOptions,
  type IngestPorts,
  ingest,
  outlookOf,
  readHead,
  type Unread,
} from "../ingest/ingest.ts";
import { archiveEpochFile } from "../rebuild/rebuild-archive.ts";
import { closingWrites } from "./closing-writes.ts";
import { type DerivedEpoch, deriveEpoch, openingTime } from "./derive-epoch.ts";

/** What closing works on. */
export type ClosePorts = IngestPorts & { readonly artifacts: ObjectStore };

/** The chain that the epoch is for: 0 and the zero address when none is configured. */
export type ChainIdentity = { readonly chainId: number; readonly distributor: Address };

/** A closed epoch: its manifest, the manifest's hash, and its remembered state. */
export type CloseResult = { readonly manifest: Manifest; readonly state: EpochState };

/**
 * Closes the open epoch at `closesAt` (ms since 1970). First the gate: the whole log is listed and everything new is
 * read. Then the decision is made durable, so that a close that is cut short is finished exactly as it began.
 * Returns undefined when nobody earned. Throws `log-incomplete`, `closing-time-invalid`.
 */
export async function closeEpoch(
  ports: ClosePorts,
  options: IngestOptions & ChainIdentity & { readonly closesAt: number },
): Promise<CloseResult | undefined> {
  const resumed = await finishClose(ports);
  if (resumed !== undefined) return resumed;
  const { lookBackSeconds: _, ...everything } = options;
  const pass = await ingest(ports, everything);
  if (pass.unread.length > 0) throw logIncomplete(pass.unread);
  const head = await readHead(ports.store);
  const opensAt = await openingTime(ports.store, head);
  if (opensAt === undefined) return undefined;
  if (options.closesAt <= opensAt) throw closingTimeInvalid({ closesAt: options.closesAt, opensAt });
  if (head.nextOrdinal === head.openFrom) return undefined;
  const closing = { closesAt: options.closesAt, chainId: options.chainId, distributor: options.distributor };
  await ports.store.write([put(heads, "head", { ...head, closing })], { durable: true });
  return finishClose(ports);
}

/** Finishes a close that was decided and then cut short; undefined when there is none, or nobody earned. */
export async function finishClose(ports: Omit<ClosePorts, "log">): Promise<CloseResult | undefined> {
  const { store, artifacts } = ports;
  const head = await readHead(store);
  if (head.closing === null) return undefined;
  const derived = await deriveEpoch(store, head);
  if (derived === undefined) {
    await store.write([put(heads, "head", { ...head, closing: null })], { durable: true });
    return undefined;
  }
  const manifest = await writeFiles(ports, derived);
  const state = epochStateOf(manifest, head);
  // Before the ledger moves on: after it, nothing would put right a pointer that failed to be written.
  await putLatest(artifacts, { epoch: state.epoch, manifestHash: state.manifestHash, posted: false });
  await store.write(await closingWrites(store, { head, state, ...derived }), { durable: true });
  return { manifest, state };
}

/** What the ledger remembers of an epoch that closes from `head` with this manifest. */
export function epochStateOf(manifest: Manifest, head: Head): EpochState {
  const { epoch, opensAt, closesAt, root, earningsRoot } = manifest;
  const { openFrom, nextOrdinal } = head;
  return {
    epoch,
    opensAt,
    closesAt,
    root,
    earningsRoot,
    manifestHash: manifestHash(manifest),
    openFrom,
    nextOrdinal,
    assets: manifest.totals.map(({ asset }) => asset),
  };
}

/** Points `latest.json` at an epoch. */
export async function putLatest(artifacts: ObjectStore, latest: LatestPointer): Promise<void> {
  await artifacts.put("latest.json", jsonBytes(latest), { contentType: "application/json" });
}

async function writeFiles(
  { artifacts, archive }: Pick<ClosePorts, "artifacts" | "archive">,
  { closed, records, inputs }: DerivedEpoch,
): Promise<Manifest> {
  const { epoch } = closed.input;
  const files: FileEntry[] = [];
  const write = async ({ name, bytes }: EpochFile): Promise<void> => {
    await putArtifact(artifacts, { epoch, name, bytes });
    await archiveEpochFile(archive, { epoch, name, bytes });
  };
  for (const file of epochFiles(closed, records)) {
    await write(file);
    files.push(fileEntry(file.name, file.bytes));
  }
  const manifest = manifestOf(closed, { inputs, files });
  await write({ name: "manifest.json", bytes: jsonBytes(manifest) });
  return manifest;
}

/** Puts a file of an epoch into the artifacts store. */
export async function putArtifact(
  artifacts: ObjectStore,
  { epoch, name, bytes }: EpochFile & { readonly epoch: number },
): Promise<void> {
  const contentType = name.endsWith(".ndjson") ? "application/x-ndjson" : "application/json";
  await artifacts.put(`${epochFolder(epoch)}${name}`, bytes, { contentType });
}

function logIncomplete(unread: readonly Unread[]): PayrootError {
  const [first] = unread;
  return new PayrootError(
    "log-incomplete",
    "The epoch stays open: some objects of the log could not be read and archived.",
    {
      facts: { unread: unread.length, first: first?.key, reason: first?.reason },
      next: `${first?.next}, or remove it from the log; then close again`,
      ...outlookOf(unread),
    },
  );
}

function closingTimeInvalid(times: { closesAt: number; opensAt: number }): PayrootError {
  return new PayrootError("closing-time-invalid", "An epoch must close after it opened.", {
    facts: { given: formatTime(times.closesAt), opened: formatTime(times.opensAt) },
    next: "give a later time with --at",
    exitCode: 2,
  });
}
