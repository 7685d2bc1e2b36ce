import type { DistributorChain } from "../../chain/distributor-chain.ts";
import { type EpochRecord, noRecordHash, recordHash } from "../../chain/record.ts";
import { epochFolder, type Hash, jsonBytes, type Manifest, manifestHash } from "../../core/artifacts.ts";
import type { RecordFile } from "../../core/record-file.ts";
import { formatTime } from "../../core/time.ts";
import { exitCodes, PayrootError } from "../../errors.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import { postings } from "../../store/keys.ts";
import { getOne } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import type { EpochState, PostingJournal } from "../../store/records.ts";
import { readManifest, requireEpoch } from "../close/epochs.ts";
import { findPosting } from "./find-posting.ts";

/** What posting works on. */
export type PublishPorts = {
  readonly store: LedgerStore;
  readonly artifacts: ObjectStore;
  readonly chain: DistributorChain;
};

/** A closed epoch with the record that is, or will be, posted for it. */
export type Posting = { readonly state: EpochState; readonly record: EpochRecord; readonly recordHash: Hash };

/**
 * The record of a closed epoch, from its manifest and the record before it. Throws `epoch-unknown`, `manifest-damaged`,
 * `epoch-of-another-chain`, `epoch-out-of-order`.
 */
export async function postingOf(ports: PublishPorts, epoch: number): Promise<Posting> {
  const state = await requireEpoch(ports.store, epoch);
  const manifest = await readManifest(ports.artifacts, state);
  const { chainId, distributor } = ports.chain;
  if (manifest.chainId !== chainId || manifest.distributor.toLowerCase() !== distributor.toLowerCase()) {
    throw ofAnotherChain(manifest, { chainId, distributor });
  }
  const record = recordOf(manifest, await previousHash(ports, epoch));
  return { state, record, recordHash: recordHash(record) };
}

/** The record that declares a manifest. */
export function recordOf(manifest: Manifest, previous: Hash): EpochRecord {
  const { root, earningsRoot, totals } = manifest;
  return {
    epoch: BigInt(manifest.epoch),
    previous,
    root,
    earningsRoot,
    manifestHash: manifestHash(manifest),
    totals: totals.map(({ asset, cumulative }) => ({ asset, cumulative: BigInt(cumulative) })),
  };
}

/** Writes `record.json`: the same bytes however often it is written. */
export async function writeRecordFile(
  ports: PublishPorts,
  posting: Posting & {
    readonly attestations: PostingJournal["attestations"];
    readonly posted: NonNullable<PostingJournal["posted"]>;
  },
): Promise<void> {
  const { record, posted, attestations } = posting;
  const { transaction, block, activatesAtSeconds } = posted;
  const file: RecordFile = {
    format: "payroot/record@1",
    chainId: ports.chain.chainId,
    distributor: ports.chain.distributor,
    record: {
      epoch: Number(record.epoch),
      previous: record.previous,
      root: record.root,
      earningsRoot: record.earningsRoot,
      manifestHash: record.manifestHash,
      totals: record.totals.map(({ asset, cumulative }) => ({ asset, cumulative: cumulative.toString() })),
    },
    recordHash: posting.recordHash,
    attestations: attestations.map(({ signer, signature }) => ({ signer, signature })),
    transaction,
    block,
    activatesAt: formatTime(activatesAtSeconds * 1000),
  };
  const key = `${epochFolder(posting.state.epoch)}record.json`;
  await ports.artifacts.put(key, jsonBytes(file), { contentType: "application/json" });
}

/** The hash of the record before, which must stand on chain and be of our own epoch. */
async function previousHash(ports: PublishPorts, epoch: number): Promise<Hash> {
  if (epoch === 1) return noRecordHash;
  const state = await requireEpoch(ports.store, epoch - 1);
  const journal = await getOne(ports.store, postings, state.epoch);
  if (journal?.posted != null && journal.manifestHash === state.manifestHash) return journal.recordHash;
  if ((await ports.chain.epoch(state.epoch)) === undefined) throw outOfOrder({ epoch, missing: state.epoch });
  const found = await findPosting(ports, state.epoch);
  if (found.record.manifestHash !== state.manifestHash) {
    throw postedDifferently({
      epoch: state.epoch,
      ours: state.manifestHash,
      onChain: found.record.manifestHash,
    });
  }
  return found.recordHash;
}

/** The error for an epoch that stands on chain with another record than ours. */
export function postedDifferently(facts: { epoch: number; ours: string; onChain: string }): PayrootError {
  return new PayrootError(
    "epoch-posted-differently",
    "The chain holds another record of this epoch than ours.",
    {
      facts,
      next: "find out who posted it: the guardian can revoke it until it is active",
      exitCode: exitCodes.discrepancy,
    },
  );
}

function outOfOrder(facts: { epoch: number; missing: number }): PayrootError {
  return new PayrootError(
    "epoch-out-of-order",
    "Epochs are posted in order, and the one before is not on chain.",
    {
      facts,
      next: `publish epoch ${facts.missing} first`,
    },
  );
}

function ofAnotherChain(
  manifest: Manifest,
  configured: { chainId: number; distributor: string },
): PayrootError {
  return new PayrootError("epoch-of-another-chain", "The epoch was closed for another distributor.", {
    facts: {
      epoch: manifest.epoch,
      chainId: manifest.chainId,
      distributor: manifest.distributor,
      "configured chainId": configured.chainId,
      "configured distributor": configured.distributor,
    },
    next: "set CHAIN_ID and DISTRIBUTOR_ADDRESS to those of the epoch, or reopen it and close it again",
    exitCode: exitCodes.usage,
  });
}
