import type { Address } from "../core/address.ts";
import {
  epochFolder,
  type FileEntry,
  fileEntry,
  jsonBytes,
  type LatestPointer,
  type Manifest,
  manifestHash,
} from "../core/artifacts.ts";
import { type ClosedEpoch, closeEpoch as closeInput, type EpochInput, manifestOf } from "../core/epoch.ts";
import { type EpochRecords, epochFiles } from "../core/epoch-files.ts";
import type { Leaf } from "../core/merkle/leaf.ts";
import { formatTime } from "../core/time.ts";
import { invariant, PayrootError } from "../errors.ts";
import type { ObjectStore } from "../objects/object-store.ts";
import { cumulatives, heads, openSums } from "../store/keys.ts";
import { put, walk } from "../store/keyspace.ts";
import type { LedgerStore } from "../store/ledger-store.ts";
import type { Counters, EpochState, Head } from "../store/records.ts";
import { addCounters, emptyCounters } from "./apply-object.ts";
import { closingWrites } from "./closing-writes.ts";
import { type IngestOptions, type IngestPorts, ingest, readHead } from "./ingest.ts";
import {
  correlateWaiting,
  earliestAccepted,
  type NumberedObject,
  openObjects,
  openRejections,
  type WaitingOutcome,
} from "./open-epoch.ts";

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
export async function finishClose(
  ports: Pick<ClosePorts, "store" | "artifacts">,
): Promise<CloseResult | undefined> {
  const { store, artifacts } = ports;
  const head = await readHead(store);
  if (head.closing === null) return undefined;
  const collected = await collect(store, head);
  const closed = closeInput(collected.input);
  if (closed === undefined) {
    await store.write([put(heads, "head", { ...head, closing: null })], { durable: true });
    return undefined;
  }
  const manifest = await writeArtifacts(artifacts, closed, collected);
  const state: EpochState = {
    epoch: manifest.epoch,
    opensAt: manifest.opensAt,
    closesAt: manifest.closesAt,
    root: manifest.root,
    earningsRoot: manifest.earningsRoot,
    manifestHash: manifestHash(manifest),
    openFrom: head.openFrom,
    nextOrdinal: head.nextOrdinal,
  };
  await store.write(await closingWrites(store, { head, closed, state, waiting: collected.waiting }), {
    durable: true,
  });
  await putLatest(artifacts, { epoch: state.epoch, manifestHash: state.manifestHash, posted: false });
  return { manifest, state };
}

/** When the open epoch opened (ms since 1970); undefined while the first epoch has no accepted event. */
export async function openingTime(store: LedgerStore, head: Head): Promise<number | undefined> {
  if (head.opensAt !== null) return head.opensAt;
  const known = firstTimes.get(store);
  if (known?.sequence === head.sequence) return known.time;
  const time = await earliestAccepted(store);
  firstTimes.set(store, { sequence: head.sequence, time });
  return time;
}

// The earliest event is found by walking all; the answer stands until the ledger moves.
const firstTimes = new WeakMap<LedgerStore, { sequence: number; time: number | undefined }>();

/** Points `latest.json` at an epoch. */
export async function putLatest(artifacts: ObjectStore, latest: LatestPointer): Promise<void> {
  await artifacts.put("latest.json", jsonBytes(latest), { contentType: "application/json" });
}

/** Everything the ledger knows of the epoch that closes. */
type Collected = {
  readonly input: EpochInput;
  readonly objects: readonly NumberedObject[];
  readonly rejections: EpochRecords["rejections"];
  readonly counters: Counters;
  readonly waiting: WaitingOutcome;
};

async function collect(store: LedgerStore, head: Head): Promise<Collected> {
  const { ruleset, closing } = head;
  const opensAt = await openingTime(store, head);
  invariant(
    ruleset !== null && closing !== null && opensAt !== undefined,
    "A close was decided for an empty epoch.",
  );
  const objects = await Array.fromAsync(openObjects(store, head));
  const waiting = await correlateWaiting(store, ruleset);
  const input: EpochInput = {
    epoch: head.epoch,
    chainId: closing.chainId,
    distributor: closing.distributor,
    opensAt,
    closesAt: closing.closesAt,
    previousManifest: head.previousManifest,
    ruleset,
    sums: await openSumList(store),
    pairs: waiting.pairs,
    cumulatives: await cumulativeList(store),
  };
  const counters = objects.reduce<Counters>(addCounters, emptyCounters);
  return { input, objects, rejections: await openRejectionList(store, head, objects), counters, waiting };
}

/** Sums of the open epoch with earned = gross − commission. */
export async function openSumList(store: LedgerStore): Promise<EpochInput["sums"][number][]> {
  const sums: EpochInput["sums"][number][] = [];
  for await (const { key, value } of walk(store, openSums)) {
    sums.push({ ...key, ...value, earnedWei: value.grossWei - value.commissionWei });
  }
  return sums;
}

/** Every account's amount as of the last close. */
export async function cumulativeList(store: LedgerStore): Promise<Leaf[]> {
  const leaves: Leaf[] = [];
  for await (const { key, value } of walk(store, cumulatives)) leaves.push({ ...key, cumulative: value });
  return leaves;
}

async function openRejectionList(
  store: LedgerStore,
  head: Head,
  objects: readonly NumberedObject[],
): Promise<EpochRecords["rejections"]> {
  const byOrdinal = new Map(objects.map((object) => [object.ordinal, object]));
  const list: EpochRecords["rejections"][number][] = [];
  for await (const { ordinal, position, id, reason, detail } of openRejections(store, head)) {
    const object = byOrdinal.get(ordinal);
    invariant(object !== undefined, "A rejection names an object outside its epoch.", { ordinal });
    list.push({ object: object.key, sha256: object.sha256, position, id, reason, detail });
  }
  return list;
}

async function writeArtifacts(
  store: ObjectStore,
  closed: ClosedEpoch,
  collected: Collected,
): Promise<Manifest> {
  const folder = epochFolder(closed.input.epoch);
  const { objects, rejections, waiting, counters } = collected;
  const lines = objects.map(({ key, archiveKey, sha256, bytes, events, accepted, rejected, duplicates }) => {
    return { key, archiveKey, sha256, bytes, events, accepted, rejected, duplicates };
  });
  const files: FileEntry[] = [];
  for (const file of epochFiles(closed, { objects: lines, rejections, waiting: waiting.jobs })) {
    const contentType = file.name.endsWith(".ndjson") ? "application/x-ndjson" : "application/json";
    await store.put(`${folder}${file.name}`, file.bytes, { contentType });
    files.push(fileEntry(file.name, file.bytes));
  }
  const { events, accepted, rejected, duplicates, late } = counters;
  const inputs = {
    objects: objects.length,
    bytes: objects.reduce((total, object) => total + object.bytes, 0),
    ...{ events, accepted, rejected, duplicates, late },
    unmatched: waiting.jobs.length,
  };
  const manifest = manifestOf(closed, { inputs, files });
  await store.put(`${folder}manifest.json`, jsonBytes(manifest), { contentType: "application/json" });
  return manifest;
}

function logIncomplete(unread: readonly { key: string; reason: string }[]): PayrootError {
  return new PayrootError(
    "log-incomplete",
    "The epoch stays open: some objects of the log could not be read.",
    {
      facts: { unread: unread.length, first: unread[0]?.key, reason: unread[0]?.reason },
      next: "make the objects readable, or remove them from the log, then close again",
      retryable: true,
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
