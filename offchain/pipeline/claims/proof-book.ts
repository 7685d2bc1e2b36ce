import { setImmediate } from "node:timers/promises";
import type { Address } from "../../core/address.ts";
import { epochFolder, type FileEntry, type ProofEntry, shardOf } from "../../core/artifacts.ts";
import { KnownPaths } from "../../core/merkle/known-paths.ts";
import { proofEntries, proofText, ShardBuilder, type ShardIndex } from "../../core/proof-index.ts";
import { indexShard, proofMismatch } from "../../core/proof-shard.ts";
import { invariant } from "../../errors.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import type { EpochState } from "../../store/records.ts";
import { readManifest } from "../close/epochs.ts";
import { sha256Elsewhere } from "../ingest/ingest.ts";
import { proofMissing } from "./proof.ts";

/** What an epoch says of an account, each leaf proven. */
export type ProvenAccount = {
  /** The leaves with their proofs, as published; none for an account that the epoch does not know. */
  readonly entries: () => readonly ProofEntry[];
  /** The same as canonical JSON, byte for byte as published. */
  readonly text: () => string;
  /** What the account may receive of an asset, ever, in its smallest unit. */
  readonly amountOf: (asset: Address) => bigint;
};

/** The published proofs of closed epochs, each checked once and then looked up. */
export type ProofBook = {
  /**
   * An account in a closed epoch; at once when its file was read before. Throws `manifest-damaged`, `proof-mismatch`,
   * `proof-missing` and what the store throws; what failed is tried again the next time.
   */
  readonly find: (epoch: EpochState, account: Address) => ProvenAccount | Promise<ProvenAccount>;
  /** Reads all files of an epoch, one after the other, so that nobody has to wait for one; throws as `find` does. */
  readonly load: (epoch: EpochState, signal?: AbortSignal) => Promise<void>;
};

/**
 * Opens the book over an artifacts store. A file's SHA-256 is that of the manifest, whose hash the ledger remembers, and
 * each proof is folded to the root when its file is read. What is kept are the accounts, amounts and each node of the
 * tree once: 160 bytes an account. Above `mostBytes`, the epochs that were asked for longest ago are forgotten.
 */
export function createProofBook(
  artifacts: ObjectStore,
  { mostBytes = 1 << 30 }: { mostBytes?: number } = {},
): ProofBook {
  /** By manifest hash, which changes with everything else; what was asked for last stands last. */
  const known = new Map<string, EpochPages>();
  let newest: EpochPages | undefined;
  const forgetOldest = (): void => {
    let bytes = [...known.values()].reduce((sum, pages) => sum + pages.bytes, 0);
    for (const [hash, pages] of known) {
      if (bytes <= mostBytes || pages === newest) return;
      known.delete(hash);
      bytes -= pages.bytes;
    }
  };
  // One file at a time: each is megabytes before it is read.
  let last: Promise<unknown> = Promise.resolve();
  const inTurn: InTurn = (work) => {
    const done = last.then(work).finally(forgetOldest);
    last = done.catch(() => undefined);
    return done;
  };
  const open = (state: EpochState): EpochPages => {
    const { manifestHash } = state;
    if (newest?.state.manifestHash === manifestHash) return newest;
    newest = known.get(manifestHash) ?? new EpochPages(state, { artifacts, inTurn });
    known.delete(manifestHash);
    known.set(manifestHash, newest);
    return newest;
  };
  return {
    find: (state, account) => open(state).find(account),
    load: (state, signal) => open(state).load(signal),
  };
}

type InTurn = <T>(work: () => Promise<T>) => Promise<T>;

/** What a manifest tells of proofs: the files by name, and the tree they are of. */
type Opened = { readonly files: ReadonlyMap<string, FileEntry>; readonly paths: KnownPaths };

/** What is known of the files of proofs of one epoch. */
class EpochPages {
  readonly state: EpochState;
  readonly #ports: { readonly artifacts: ObjectStore; readonly inTurn: InTurn };
  readonly #shards = new Map<string, ShardIndex | Promise<ShardIndex>>();
  #opened: Opened | undefined;
  #bytes = 0;

  constructor(state: EpochState, ports: { readonly artifacts: ObjectStore; readonly inTurn: InTurn }) {
    this.state = state;
    this.#ports = ports;
  }

  get bytes(): number {
    return this.#bytes + (this.#opened?.paths.bytes ?? 0);
  }

  find(account: Address): ProvenAccount | Promise<ProvenAccount> {
    const shard = this.#shard(shardOf(account));
    return shard instanceof Promise
      ? shard.then((index) => this.#tell(index, account))
      : this.#tell(shard, account);
  }

  async load(signal: AbortSignal | undefined): Promise<void> {
    for (let number = 0; number < 256; number++) {
      signal?.throwIfAborted();
      await this.#shard(number.toString(16).padStart(2, "0"));
    }
  }

  #tell(index: ShardIndex, account: Address): ProvenAccount {
    const leaves = index.leaves(account);
    const paths = this.#opened?.paths;
    invariant(paths !== undefined, "A file of proofs was read before its manifest.", {});
    return {
      entries: () => proofEntries(leaves, paths),
      text: () => proofText(leaves, paths),
      amountOf: (asset) => BigInt(leaves.find((leaf) => leaf.asset === asset)?.cumulative ?? 0n),
    };
  }

  #shard(shard: string): ShardIndex | Promise<ShardIndex> {
    const known = this.#shards.get(shard);
    if (known !== undefined) return known;
    const reading = this.#ports
      .inTurn(() => this.#read(shard))
      .then(
        (index) => {
          this.#shards.set(shard, index);
          this.#bytes += index.bytes;
          return index;
        },
        (error: unknown) => {
          this.#shards.delete(shard);
          throw error;
        },
      );
    this.#shards.set(shard, reading);
    return reading;
  }

  async #read(shard: string): Promise<ShardIndex> {
    const { artifacts } = this.#ports;
    const { files, paths } = await this.#open();
    const name = `proofs/${shard}.json`;
    const entry = files.get(name);
    if (entry === undefined) return new ShardBuilder().build();
    const file = `${epochFolder(this.state.epoch)}${name}`;
    const stored = await artifacts.get(file);
    if (stored === undefined) throw proofMissing(file);
    const found = await sha256Elsewhere(stored.bytes);
    if (found !== entry.sha256) {
      throw proofMismatch({ file, expected: `SHA-256 ${entry.sha256}`, found: `SHA-256 ${found}` });
    }
    const { epoch, root } = this.state;
    return inSlices(indexShard(stored.bytes, { file, epoch, root, paths }));
  }

  async #open(): Promise<Opened> {
    if (this.#opened !== undefined) return this.#opened;
    const { files, leaves, root } = await readManifest(this.#ports.artifacts, this.state);
    const byName = new Map(files.map((entry) => [entry.name, entry]));
    this.#opened = { files: byName, paths: new KnownPaths({ root, leaves }) };
    return this.#opened;
  }
}

/** Runs the steps to their end and lets other work go on every millisecond. */
async function inSlices<T>(steps: Generator<void, T>): Promise<T> {
  let began = performance.now();
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done === true) return step.value;
    if (performance.now() - began < 1) continue;
    await setImmediate();
    began = performance.now();
  }
}
