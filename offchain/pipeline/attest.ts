import type { DistributorChain } from "../chain/distributor-chain.ts";
import { type EpochRecord, noRecordHash, recordHash, recordIdOf, recordTypedData } from "../chain/record.ts";
import type { Signer } from "../chain/signer.ts";
import { epochFolder, type Hash, jsonBytes, type Manifest } from "../core/artifacts.ts";
import { type AttestationFile, attestationFolder } from "../core/attestation-file.ts";
import { exitCodes, type Facts, messageOf, PayrootError } from "../errors.ts";
import type { ObjectStore } from "../objects/object-store.ts";
import type { LedgerStore } from "../store/ledger-store.ts";
import { recordOf } from "./epoch-record.ts";
import { readObjectLines, replayEpoch } from "./replay.ts";

/** What attesting works on: published files, the archive and the chain; `scratch` is an empty ledger of our own. */
export type AttestPorts = {
  readonly artifacts: ObjectStore;
  readonly archive: ObjectStore;
  readonly chain: DistributorChain;
  readonly scratch: LedgerStore;
};

/** How an epoch is attested. */
export type AttestOptions = {
  readonly signer: Signer;
  readonly signal?: AbortSignal;
  readonly onEpoch?: (epoch: number) => void;
};

/**
 * Derives every epoch up to this one again from the archive, and signs the record that comes out. Throws
 * `attest-refused` when anything published, or on chain, is not what was derived, and `signer-not-attestor`.
 */
export async function attestEpoch(
  ports: AttestPorts,
  epoch: number,
  options: AttestOptions,
): Promise<AttestationFile> {
  const { chain } = ports;
  const { signer } = options;
  if (!(await chain.hasRole("ATTESTOR", signer.address))) throw signerNotAttestor(signer.address);
  const record = await rederiveRecord(ports, epoch, options);
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

/** The record of an epoch, from archived objects alone. */
async function rederiveRecord(
  ports: AttestPorts,
  epoch: number,
  { signal, onEpoch }: AttestOptions,
): Promise<EpochRecord> {
  const { chainId, distributor } = ports.chain;
  let previous: Hash = noRecordHash;
  for (let number = 1; ; number += 1) {
    onEpoch?.(number);
    const manifest = await derived(ports, number, signal);
    const record = recordOf(manifest, previous);
    if (number < epoch) previous = recordHash(record);
    else if (manifest.chainId !== chainId || manifest.distributor !== distributor) {
      const facts = { epoch, chainId: manifest.chainId, distributor: manifest.distributor };
      throw refused("The epoch is for another distributor than the configured one.", { facts });
    } else return record;
  }
}

async function derived(
  { artifacts, archive, scratch }: AttestPorts,
  epoch: number,
  signal: AbortSignal | undefined,
): Promise<Manifest> {
  try {
    const stored = await artifacts.get(`${epochFolder(epoch)}manifest.json`);
    if (stored === undefined) throw refused("An epoch has no manifest.", { facts: { epoch } });
    const manifest = JSON.parse(new TextDecoder().decode(stored.bytes)) as Manifest;
    const objects = await readObjectLines(artifacts, manifest);
    return (await replayEpoch({ store: scratch, archive }, { manifest, objects, signal })).manifest;
  } catch (error) {
    signal?.throwIfAborted();
    // What may pass is no verdict, and is tried again; everything else means that the epoch cannot be derived.
    if (error instanceof PayrootError && (error.retryable || error.code === "attest-refused")) throw error;
    const facts = error instanceof PayrootError ? error.facts : { epoch };
    throw refused(`The epoch could not be derived: ${messageOf(error)}`, { facts, cause: error });
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
    throw refused("The chain holds another record than the derived one.", { facts });
  }
}

function refused(sentence: string, about: { facts: Facts; cause?: unknown }): PayrootError {
  return new PayrootError("attest-refused", sentence, {
    ...about,
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
