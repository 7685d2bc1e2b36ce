import { epochFolder, type Manifest, revokedFolder } from "../../core/artifacts.ts";
import { keccak256Hex } from "../../core/hash.ts";
import { PayrootError } from "../../errors.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import { epochs } from "../../store/keys.ts";
import { getOne, walk } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import type { EpochState } from "../../store/records.ts";

/** Closed epochs, newest first, from `before` down; all without it. */
export async function* listEpochs(store: LedgerStore, before?: number): AsyncGenerator<EpochState> {
  for await (const { value } of walk(store, epochs, { reverse: true })) {
    if (before === undefined || value.epoch < before) yield value;
  }
}

/** A closed epoch. Throws `epoch-unknown`. */
export async function requireEpoch(store: LedgerStore, epoch: number): Promise<EpochState> {
  // A number beyond what the ledger can count to was never closed either.
  const state = epoch > 0xffff_ffff ? undefined : await getOne(store, epochs, epoch);
  if (state === undefined) throw epochUnknown(epoch);
  return state;
}

/** The manifest of a closed epoch. Throws `manifest-damaged`. */
export async function readManifest(artifacts: ObjectStore, state: EpochState): Promise<Manifest> {
  return JSON.parse(new TextDecoder().decode(await readManifestBytes(artifacts, state))) as Manifest;
}

/**
 * `manifest.json` of a closed epoch as published, checked against the hash that the ledger remembers; also of one that
 * was revoked, whose files have moved. Throws `manifest-damaged`.
 */
export async function readManifestBytes(artifacts: ObjectStore, state: EpochState): Promise<Uint8Array> {
  const expected = state.manifestHash;
  const key = `${epochFolder(state.epoch)}manifest.json`;
  let found: string | undefined;
  for (const name of [key, `${revokedFolder(state)}manifest.json`]) {
    const stored = await artifacts.get(name);
    const hash = stored === undefined ? undefined : keccak256Hex(stored.bytes);
    found ??= hash;
    if (stored !== undefined && hash === expected) return stored.bytes;
  }
  throw manifestDamaged({ key, expected, found });
}

/** The error for an epoch that was never closed. */
export function epochUnknown(epoch: number): PayrootError {
  return new PayrootError("epoch-unknown", "No such epoch was closed.", {
    facts: { epoch },
    next: "see the closed epochs with: payroot epoch list",
  });
}

function manifestDamaged(facts: { key: string; expected: string; found: string | undefined }): PayrootError {
  return new PayrootError(
    "manifest-damaged",
    "The manifest in the artifacts store is not the one that was written.",
    {
      facts: { ...facts, found: facts.found ?? "no such object" },
      next: "restore the file in the artifacts store",
    },
  );
}
