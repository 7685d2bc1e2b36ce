import type { DistributorChain } from "../../chain/distributor-chain.ts";
import { type Ruleset, rulesetHash } from "../../core/ruleset.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import { heads, objectNumbers, objects, within } from "../../store/keys.ts";
import { getOne, put, walk } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import type { EpochState, Head } from "../../store/records.ts";
import { readHead } from "../ingest/ingest.ts";
import type { ObjectParser } from "../ingest/parser.ts";
import { rejectedPositions, retryObject } from "../ingest/quarantine.ts";
import { differences } from "../rebuild/ledger-difference.ts";
import { forgetArchivedEpoch } from "../rebuild/rebuild-archive.ts";
import { replayEpoch, replayObjects } from "../rebuild/replay.ts";
import { finishClose } from "./close-epoch.ts";
import { listEpochs, readManifest, requireEpoch } from "./epochs.ts";
import { pointBefore, shelveEpoch } from "./shelve.ts";
import { checkTakenBack } from "./taken-back.ts";

/** What reopening works on; `scratch` is an empty ledger that is thrown away afterwards. */
export type ReopenPorts = {
  readonly store: LedgerStore;
  readonly archive: ObjectStore;
  readonly artifacts: ObjectStore;
  readonly scratch: LedgerStore;
  /** Undefined where none is configured: then only epochs that were closed for none can be reopened. */
  readonly chain: DistributorChain | undefined;
  readonly parse?: ObjectParser;
};

/** What reopening did: the epochs that are no more, where their files are now, and what is open instead. */
export type ReopenReport = {
  readonly epoch: number;
  readonly reopened: readonly {
    readonly epoch: number;
    readonly manifestHash: string;
    readonly files: string;
  }[];
  readonly objects: number;
  readonly ruleset: Ruleset | null;
  readonly rulesChanged: boolean;
};

/**
 * Gives the objects of an epoch, and of all after it, back to the open epoch, which takes its number. The ledger ends
 * as if none of them had been closed, by the rules given: it is made again from the archive up to the epoch before,
 * each epoch checked against its manifest, the later objects are read as open ones, and what differs is written in one
 * batch. Throws `epoch-unknown`, `archive-incomplete`, `epoch-not-rederived` and what `checkTakenBack` throws.
 */
export async function reopenEpoch(
  ports: ReopenPorts,
  options: { readonly epoch: number; readonly ruleset: Ruleset; readonly signal?: AbortSignal },
): Promise<ReopenReport> {
  const { store, artifacts, scratch } = ports;
  const { epoch, ruleset, signal } = options;
  await finishClose(ports);
  const reopened = await requireEpoch(store, epoch);
  const taken = (await Array.fromAsync(listEpochs(store))).filter((state) => state.epoch >= epoch);
  for (const state of taken) await checkTakenBack(ports, state);
  const { rulesetHash: rulesBefore } = await readManifest(artifacts, reopened);

  const before = await Array.fromAsync(listEpochs(store, epoch));
  for (const state of before.toReversed()) await replayClosed(ports, state, signal);
  const open = await replayOpen(ports, { from: reopened.openFrom, ruleset, signal });

  const files: ReopenReport["reopened"][number][] = [];
  for (const { epoch, manifestHash } of taken) {
    await forgetArchivedEpoch(ports.archive, epoch);
    const folder = await shelveEpoch(artifacts, { epoch, manifestHash });
    files.unshift({ epoch, manifestHash, files: folder });
  }
  const last = before[0];
  const posted = last !== undefined && (await ports.chain?.epoch(last.epoch)) !== undefined;
  await pointBefore(artifacts, last && { epoch: last.epoch, manifestHash: last.manifestHash, posted });

  // Whoever remembers answers by the ledger's sequence must see that it moved.
  const { sequence } = await readHead(store);
  const head: Head = { ...open, sequence: sequence + 1 };
  const writes = await differences({ from: store, to: scratch });
  await store.write([...writes, put(heads, "head", head)], { durable: true });
  return {
    epoch,
    reopened: files,
    objects: head.nextOrdinal - head.openFrom,
    ruleset: head.ruleset,
    rulesChanged: rulesBefore !== rulesetHash(ruleset),
  };
}

async function replayClosed(
  { scratch, ...ports }: ReopenPorts,
  state: EpochState,
  signal: AbortSignal | undefined,
): Promise<void> {
  const manifest = await readManifest(ports.artifacts, state);
  const named = objectsFrom(ports.store, { from: state.openFrom, to: state.nextOrdinal });
  await replayEpoch({ ...ports, store: scratch }, { manifest, objects: named, signal });
}

/** Reads everything from object `from` on as part of the open epoch. */
async function replayOpen(
  { scratch, ...given }: ReopenPorts,
  { from, ruleset, signal }: { from: number; ruleset: Ruleset; signal: AbortSignal | undefined },
): Promise<Head> {
  const ports = { ...given, store: scratch };
  let head = await readHead(scratch);
  for await (const object of objectsFrom(given.store, { from, to: Number.POSITIVE_INFINITY })) {
    const before = await getOne(scratch, objectNumbers, object);
    if (before === undefined) {
      head = await replayObjects(ports, { ruleset, objects: [object], signal });
    } else if (before < head.openFrom) {
      // It was read again to try its rejections again, as they are tried now by the rules of today.
      const positions = await rejectedPositions(scratch, before);
      head = (await retryObject(ports, { head, ruleset, ordinal: before, positions }))?.head ?? head;
    }
  }
  return head;
}

async function* objectsFrom(store: LedgerStore, range: { from: number; to: number }) {
  for await (const { key, value } of walk(store, objects, { from: within.ordinal(range.from) })) {
    if (key >= range.to) return;
    yield value;
  }
}
