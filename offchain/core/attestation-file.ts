import { type Address, parseAddress } from "./address.ts";
import { epochFolder, type Hash } from "./artifacts.ts";
import type { Hex } from "./hex.ts";

/**
 * `attestations/{signer}.json` of an epoch: somebody derived the epoch again and signed its record as EIP-712 typed
 * data. Format `payroot/attestation@1`.
 */
export type AttestationFile = {
  readonly format: "payroot/attestation@1";
  readonly chainId: number;
  readonly distributor: Address;
  readonly epoch: number;
  /** The EIP-712 struct hash of the record that was signed. */
  readonly recordHash: Hash;
  readonly signer: Address;
  readonly signature: Hex;
};

/** The folder of an epoch's attestations in the artifacts store, with its trailing slash. */
export function attestationFolder(epoch: number): string {
  return `${epochFolder(epoch)}attestations/`;
}

/** Reads an attestation file, or undefined when it is none. Says nothing of whether the signature is right. */
export function parseAttestation(bytes: Uint8Array): AttestationFile | undefined {
  let file: Partial<Record<keyof AttestationFile, unknown>> | null;
  try {
    file = JSON.parse(new TextDecoder().decode(bytes)) as typeof file;
  } catch {
    return undefined;
  }
  if (file === null || typeof file !== "object" || file.format !== "payroot/attestation@1") return undefined;
  const { recordHash, signer, signature } = file;
  if (!isHex(recordHash) || !isHex(signature) || typeof signer !== "string") return undefined;
  return parseAddress(signer) === undefined ? undefined : (file as AttestationFile);
}

function isHex(value: unknown): value is Hex {
  return typeof value === "string" && /^0x([0-9a-f]{2})*$/i.test(value);
}
