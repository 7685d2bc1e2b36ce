import { noRecordHash, recordHash } from "../../chain/record.ts";
import type { Address } from "../../core/address.ts";
import type { EarningLine, Hash, Manifest } from "../../core/artifacts.ts";
import { sumEarnings } from "../../core/epoch.ts";
import { earningHash, earningHashes } from "../../core/merkle/leaf.ts";
import { verifyProof } from "../../core/merkle/proof.ts";
import { buildTree } from "../../core/merkle/tree.ts";
import type { RecordFile } from "../../core/record-file.ts";
import { invariant } from "../../errors.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import { postedEpochs } from "../../store/keys.ts";
import { getOne } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import { earningLines, readEarnings } from "../close/earnings-file.ts";
import { readManifest, requireEpoch } from "../close/epochs.ts";
import { postedDifferently, recordOf } from "../publish/epoch-record.ts";
import { closedRows } from "./account-rows.ts";

/**
 * What the distributor's `verifyEarning(record, account, asset, earned, proof)` takes, but for the account; `earned` in
 * the asset's smallest unit. It holds on chain once the epoch is posted.
 */
export type EarningProof = {
  readonly epoch: number;
  readonly asset: Address;
  readonly earned: bigint;
  readonly record: RecordFile["record"];
  readonly recordHash: Hash;
  readonly proof: readonly Hash[];
};

/**
 * A proof for every closed epoch in which the account earned, oldest first, from the published files of one epoch at a
 * time, folded to its `earningsRoot` before it is returned. The records follow from all manifests up to the epoch.
 * Throws `manifest-damaged`, `artifact-damaged`, and `epoch-posted-differently` when the chain holds another record.
 */
export async function* earningProofs(
  ports: { readonly store: LedgerStore; readonly artifacts: ObjectStore },
  account: Address,
): AsyncGenerator<EarningProof> {
  const { store, artifacts } = ports;
  const earnedIn = new Map<number, bigint>();
  for await (const { epoch, earnedWei } of closedRows(store, { account })) {
    earnedIn.set(epoch, (earnedIn.get(epoch) ?? 0n) + earnedWei);
  }
  let previous = noRecordHash;
  for (let epoch = 1; epoch <= Math.max(0, ...earnedIn.keys()); epoch++) {
    const manifest = await readManifest(artifacts, await requireEpoch(store, epoch));
    const record = recordOf(manifest, previous);
    previous = recordHash(record);
    const expected = earnedIn.get(epoch) ?? 0n;
    if (expected === 0n) continue;
    const posted = await getOne(store, postedEpochs, epoch);
    if (posted !== undefined && posted.recordHash !== previous)
      throw postedDifferently({ epoch, ours: previous, onChain: posted.recordHash });
    const proven = provenIn(manifest, await readEarnings(artifacts, manifest), account);
    const found = proven.reduce((sum, { earned }) => sum + earned, 0n);
    invariant(found === expected, "The published earnings are not those of the ledger.", {
      ...{ account, epoch, expected, found },
    });
    const totals = record.totals.map(({ asset, cumulative }) => ({ asset, cumulative: String(cumulative) }));
    for (const one of proven)
      yield { epoch, ...one, record: { ...record, epoch, totals }, recordHash: previous };
  }
}

/** What the account earned of each asset, with its proof. */
function provenIn(
  { epoch, earningsRoot }: Manifest,
  file: Uint8Array,
  account: Address,
): Pick<EarningProof, "asset" | "earned" | "proof">[] {
  const earnings = sumEarnings(earnedOf(earningLines(file)), epoch);
  const tree = buildTree(earningHashes(earnings));
  return earnings.flatMap((earning, index) => {
    if (earning.account !== account) return [];
    const proof = tree.proof(index);
    const holds = verifyProof({ root: earningsRoot, leaf: earningHash(earning), proof });
    invariant(holds, "A proof does not lead to the epoch's earnings root.", { account, epoch, earningsRoot });
    return [{ asset: earning.asset, earned: earning.earned, proof }];
  });
}

function* earnedOf(lines: Iterable<EarningLine>) {
  for (const { account, asset, earned } of lines) yield { account, asset, earnedWei: BigInt(earned) };
}
