import type { Attestation } from "../../chain/attestation.ts";
import { recordDigest } from "../../chain/record.ts";
import { attestationFolder, parseAttestation } from "../../core/attestation-file.ts";
import type { Posting, PublishPorts } from "./epoch-record.ts";

/** Attestations that the contract would accept, as many as it asks for, and the files that are none, with the reason. */
export type CollectedAttestations = {
  readonly attestations: readonly Attestation[];
  readonly ignored: readonly { readonly file: string; readonly reason: string }[];
  readonly quorum: number;
};

/**
 * Collects the attestations of an epoch from the artifacts store. Each signature and role is checked first, since one
 * bad attestation would make the whole post fail; signers ascend.
 */
export async function collectAttestations(
  ports: Pick<PublishPorts, "artifacts" | "chain">,
  posting: Posting,
): Promise<CollectedAttestations> {
  const quorum = await ports.chain.attestationQuorum();
  const found = new Map<string, Attestation>();
  const ignored: { file: string; reason: string }[] = [];
  if (quorum === 0) return { attestations: [], ignored, quorum };
  for await (const page of ports.artifacts.list({ prefix: attestationFolder(posting.state.epoch) })) {
    for (const { key } of page) {
      const checked = await checkFile(ports, { posting, key });
      if (typeof checked === "string") ignored.push({ file: key, reason: checked });
      else found.set(checked.signer.toLowerCase(), checked);
    }
  }
  const ascending = [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, attestation]) => attestation);
  return { attestations: ascending.slice(0, quorum), ignored, quorum };
}

/** The attestation of a file, or why it counts for nothing. */
async function checkFile(
  { artifacts, chain }: Pick<PublishPorts, "artifacts" | "chain">,
  { posting, key }: { posting: Posting; key: string },
): Promise<Attestation | string> {
  const stored = await artifacts.get(key);
  const file = stored && parseAttestation(stored.bytes);
  if (file === undefined) return "no attestation";
  const { recordHash, signer, signature } = file;
  if (recordHash !== posting.recordHash) return `signs another record, ${recordHash}`;
  const { chainId, distributor } = chain;
  const digest = recordDigest(posting.record, { chainId, distributor });
  if (!(await chain.isSignature({ digest, signer, signature }))) return `is not signed by ${signer}`;
  if (!(await chain.hasRole("ATTESTOR", signer))) return `${signer} has not the role ATTESTOR`;
  return { signer, signature };
}
