import type { DistributorChain } from "../../chain/distributor-chain.ts";
import {
  type EpochRecord,
  noRecordHash,
  recordHash,
  recordIdOf,
  recordTypedData,
} from "../../chain/record.ts";
import type { Signer } from "../../chain/signer.ts";
import { type Hash, jsonBytes } from "../../core/artifacts.ts";
import { type AttestationFile, attestationFolder } from "../../core/attestation-file.ts";
import { exitCodes, type Facts, invariant, PayrootError } from "../../errors.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import { type AuditedEpoch, type AuditOptions, type AuditPorts, audit } from "../audit/audit.ts";
import { recordedAudit } from "../audit/cache.ts";
import { derivedRecord as recordOfDerived } from "../audit/record.ts";
import { epochUnknown } from "../close/epochs.ts";

/** What attesting works on: published files, the archive, the chain, and the attestor's own cache of audits. */
export type AttestPorts = Omit<AuditPorts, "chain" | "log"> & { readonly chain: DistributorChain };

/** How an epoch is attested. */
export type AttestOptions = Pick<AuditOptions, "signal" | "onProgress"> & { readonly signer: Signer };

/**
 * Derives every epoch up to this one again from the archive, as an audit does, and signs the record that comes out:
 * never one that was only read. Throws `attest-refused` when anything published, or on chain, is not what was derived,
 * `signer-not-attestor`, and what `audit` throws.
 */
export async function attestEpoch(
  ports: AttestPorts,
  epoch: number,
  options: AttestOptions,
): Promise<AttestationFile> {
  const { chain } = ports;
  const { signer, signal, onProgress } = options;
  if (!(await chain.hasRole("ATTESTOR", signer.address))) throw signerNotAttestor(signer.address);
  const { cache, artifacts, archive, parse } = ports;
  const { epochs } = await audit({ cache, artifacts, archive, parse }, { signal, onProgress });
  checkAudited(epochs, epoch);
  const record = await derivedRecord(ports, epoch);
  await compareWithChain(chain, record);
  const { chainId, distributor } = chain;
  const signature = await signer.signTypedData(recordTypedData(record, { chainId, distributor }));
  const about = { format: "payroot/attestation@1" as const, chainId, distributor, epoch };
  return { ...about, recordHash: recordHash(record), signer: signer.address, signature };
}

/** Publishes an attestation beside its epoch. Returns its key. */
export async function putAttestation(artifacts: ObjectStore, file: AttestationFile): Promise<string> {
  const key = `${attestationFolder(file.epoch)}${file.signer}.json`;
  await artifacts.put(key, jsonBytes(file), { contentType: "application/json" });
  return key;
}

/** That every check up to an epoch holds; none of them looks at the chain, where the epoch need not be yet. */
function checkAudited(epochs: readonly AuditedEpoch[], epoch: number): void {
  for (const { epoch: number, checks } of epochs) {
    const fault = number <= epoch ? checks.find(({ ok }) => !ok) : undefined;
    if (fault === undefined) continue;
    const { name: check, expected, actual, detail } = fault;
    const facts = { epoch: number, check, expected, actual, detail: detail ?? undefined };
    throw refused("A published epoch is not what its objects give.", facts);
  }
  if (!epochs.some((audited) => audited.epoch === epoch)) throw epochUnknown(epoch);
}

/** The record of an epoch as the audits up to it derived it. */
async function derivedRecord({ cache, chain }: AttestPorts, epoch: number): Promise<EpochRecord> {
  const { chainId, distributor } = chain;
  let previous: Hash = noRecordHash;
  for (let number = 1; ; number += 1) {
    const derived = (await recordedAudit(cache, number))?.derived;
    invariant(derived !== undefined, "An audit left out an epoch.", { epoch: number });
    const record = recordOfDerived(derived, previous);
    if (number < epoch) previous = recordHash(record);
    else if (derived.chainId !== chainId || derived.distributor !== distributor) {
      const facts = { epoch, chainId: derived.chainId, distributor: derived.distributor };
      throw refused("The epoch is for another distributor than the configured one.", facts);
    } else return record;
  }
}

/** That the chain holds the very records before this one. */
async function compareWithChain(chain: DistributorChain, record: EpochRecord): Promise<void> {
  const epoch = Number(record.epoch);
  const own = { [epoch - 1]: record.previous, [epoch]: recordHash(record) };
  for (const [number, hash] of Object.entries(own)) {
    const standing = number === "0" ? undefined : await chain.epoch(Number(number));
    const expected = recordIdOf(hash);
    if (standing === undefined || standing.recordId === expected) continue;
    const facts = { epoch: number, derived: expected, "on chain": standing.recordId };
    throw refused("The chain holds another record than the derived one.", facts);
  }
}

function refused(sentence: string, facts: Facts): PayrootError {
  return new PayrootError("attest-refused", sentence, {
    facts,
    next: "do not sign; see every difference with: payroot audit",
    exitCode: exitCodes.discrepancy,
  });
}

function signerNotAttestor(signer: string): PayrootError {
  return new PayrootError("signer-not-attestor", "The signer may not attest epochs.", {
    facts: { signer, "role needed": "ATTESTOR" },
    next: "sign with an attestor's key, or have the distributor's admin grant the role",
    exitCode: exitCodes.usage,
  });
}
