import type { DistributorChain } from "../../chain/distributor-chain.ts";
import { noRecordHash, recordHash, recordIdOf } from "../../chain/record.ts";
import { type Hash, type Manifest, manifestHash, type ObjectLine } from "../../core/artifacts.ts";
import { exitCodes, PayrootError } from "../../errors.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import { objectNumbers } from "../../store/keys.ts";
import { getOne } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import { readHead } from "../ingest/ingest.ts";
import { recordOf } from "../publish/epoch-record.ts";
import { archivedKey } from "./rebuild-archive.ts";
import { readObjectLines } from "./replay.ts";

/** An epoch as the archive tells of it: nothing of it is true before it was derived again. */
export type ArchivedEpoch = { readonly manifest: Manifest; readonly objects: readonly ObjectLine[] };

/** What the archive tells of an epoch; undefined when it was not closed. Throws `epoch-not-rederived` for half of it. */
export async function readArchivedEpoch(
  archive: ObjectStore,
  epoch: number,
): Promise<ArchivedEpoch | undefined> {
  const stored = await archive.get(archivedKey(epoch, "manifest.json"));
  if (stored === undefined) return undefined;
  const manifest = JSON.parse(new TextDecoder().decode(stored.bytes)) as Manifest;
  const asArtifacts = { ...archive, get: (key: string) => archive.get(`archive/${key}`) };
  return { manifest, objects: await readObjectLines(asArtifacts, manifest) };
}

/** Those objects that the open epoch does not hold yet: what is left of an epoch whose replay was cut short. */
export async function* unreadObjects(
  store: LedgerStore,
  objects: readonly ObjectLine[],
): AsyncGenerator<ObjectLine> {
  const { openFrom } = await readHead(store);
  for (const object of objects) {
    const ordinal = await getOne(store, objectNumbers, object);
    if (ordinal === undefined || ordinal < openFrom) yield object;
  }
}

/** Whether the chain holds an epoch as it was derived; `recordHash` is that of its record. */
export type Confirmation = { readonly posted: boolean; readonly recordHash: Hash };

/**
 * Compares an epoch that was derived again with the record that stands on chain, which says everything by its hash.
 * Throws `epoch-differs-from-chain`.
 */
export async function confirmEpoch(
  chain: DistributorChain | undefined,
  { manifest, previous }: { readonly manifest: Manifest; readonly previous: Hash | undefined },
): Promise<Confirmation> {
  const hash = recordHash(recordOf(manifest, previous ?? noRecordHash));
  const ofChain =
    chain?.chainId === manifest.chainId &&
    chain.distributor.toLowerCase() === manifest.distributor.toLowerCase();
  const standing = ofChain ? await chain.epoch(manifest.epoch) : undefined;
  if (standing !== undefined && standing.recordId !== recordIdOf(hash)) {
    throw differsFromChain({
      epoch: manifest.epoch,
      "derived root": manifest.root,
      "root on chain": standing.root,
      "derived manifest hash": manifestHash(manifest),
      "derived record": recordIdOf(hash),
      "record on chain": standing.recordId,
    });
  }
  return { posted: standing !== undefined, recordHash: hash };
}

function differsFromChain(facts: Record<string, string | number>): PayrootError {
  return new PayrootError(
    "epoch-differs-from-chain",
    "The archive gives another epoch than the one on chain.",
    {
      facts,
      next: "see every difference with: payroot audit",
      exitCode: exitCodes.discrepancy,
    },
  );
}
