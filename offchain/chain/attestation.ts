import { type Address, concat, type Hex } from "viem";

/** A signature of a record; `signature` is 65 bytes of ECDSA or what the signer's ERC-1271 contract accepts. */
export type Attestation = { readonly signer: Address; readonly signature: Hex };

/** Attestations as `postEpoch` takes them: signer then signature, ascending by signer. */
export function encodeAttestations(attestations: readonly Attestation[]): Hex[] {
  return attestations
    .toSorted((a, b) => (BigInt(a.signer) < BigInt(b.signer) ? -1 : 1))
    .map(({ signer, signature }) => concat([signer, signature]));
}
