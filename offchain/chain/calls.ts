import { encodeFunctionData } from "viem";
import type { Hash } from "../core/artifacts.ts";
import type { Leaf } from "../core/merkle/leaf.ts";
import { type Attestation, encodeAttestations } from "./attestation.ts";
import type { ClaimBatch } from "./batch.ts";
import { distributorAbi } from "./distributor-artifact.ts";
import type { DistributorCall } from "./distributor-chain.ts";
import type { EpochRecord } from "./record.ts";

/** The call that posts an epoch. */
export function postEpochCall(record: EpochRecord, attestations: readonly Attestation[]): DistributorCall {
  const args = [record, encodeAttestations(attestations)] as const;
  return { data: encodeFunctionData({ abi: distributorAbi, functionName: "postEpoch", args }), valueWei: 0n };
}

/** The call that takes back an epoch and all after it; `last` is the record of the epoch before, as posted. */
export function revokeFromCall(epoch: number, last: EpochRecord): DistributorCall {
  const args = [BigInt(epoch), last] as const;
  return {
    data: encodeFunctionData({ abi: distributorAbi, functionName: "revokeFrom", args }),
    valueWei: 0n,
  };
}

/** A claim: one leaf, and its proof against the root of an epoch. */
export type Claim = { readonly epoch: number; readonly leaf: Leaf; readonly proof: readonly Hash[] };

/** The call that pays an account what one leaf entitles it to. */
export function claimCall({ epoch, leaf, proof }: Claim): DistributorCall {
  const args = [BigInt(epoch), leaf, proof] as const;
  return { data: encodeFunctionData({ abi: distributorAbi, functionName: "claim", args }), valueWei: 0n };
}

/** The call that pays every leaf of a batch that can be paid, and skips the others. */
export function claimBatchCall(epoch: number, { leaves, proof, flags }: ClaimBatch): DistributorCall {
  const args = [BigInt(epoch), leaves, proof, flags] as const;
  const data = encodeFunctionData({ abi: distributorAbi, functionName: "claimBatch", args });
  return { data, valueWei: 0n };
}
