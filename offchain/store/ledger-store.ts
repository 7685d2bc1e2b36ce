/** One change to the store. A value of undefined deletes the key. */
export type StoreWrite = { readonly key: Uint8Array; readonly value: Uint8Array | undefined };

/** A half-open range of keys: from `from` on, up to but not including `to`. */
export type StoreRange = { readonly from: Uint8Array; readonly to: Uint8Array };

/**
 * What the ledger needs of a database: an ordered map of bytes with atomic batches. One process holds it at a time.
 * Reads see every completed write of this process.
 */
export type LedgerStore = {
  /** The values of `keys` in their order, undefined where there is none, all as of one moment. */
  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]>;
  /** All or nothing of `writes`. With `durable` it is on disk, not only with the operating system, when it resolves. */
  write(writes: readonly StoreWrite[], options: { durable: boolean }): Promise<void>;
  /** The entries of a range in key order, or against it, as of the first step of the walk, in bounded memory. */
  entries(
    range: StoreRange,
    options?: { reverse?: boolean },
  ): AsyncIterable<readonly [Uint8Array, Uint8Array]>;
  /** Lets go of the database. */
  close(): Promise<void>;
};
