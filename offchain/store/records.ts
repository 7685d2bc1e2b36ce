import type { Address } from "../core/address.ts";
import type { Manifest } from "../core/artifacts.ts";
import type { EventPlace } from "../core/connections.ts";
import type { EventRejectionReason } from "../core/event.ts";
import type { ObjectRejection } from "../core/object.ts";
import type { RecordFile } from "../core/record-file.ts";
import type { Ruleset } from "../core/ruleset.ts";

/** Where the ledger stands. Written with every change, so that a reader can tell whether anything moved. */
export type Head = {
  readonly format: 1;
  /** Grows by one with every object read and every close. */
  readonly sequence: number;
  /** The number of the open epoch. */
  readonly epoch: number;
  /** When it opened (ms since 1970): the previous closing time; null in the first epoch. */
  readonly opensAt: number | null;
  /** The rules of the open epoch, fixed by its first object. */
  readonly ruleset: Ruleset | null;
  readonly previousManifest: `0x${string}` | null;
  /** Objects numbered from here on belong to the open epoch. */
  readonly openFrom: number;
  readonly nextOrdinal: number;
  /** A close that was decided and must be finished before anything else. */
  readonly closing: {
    readonly closesAt: number;
    readonly chainId: number;
    readonly distributor: Address;
  } | null;
};

/** Counts of the events of an object: events = accepted + rejected + duplicates. */
export type Counters = {
  readonly events: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly duplicates: number;
  readonly late: number;
  readonly zeroFee: number;
};

/** An object as it was read. */
export type ObjectRecord = Counters & {
  readonly key: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly archiveKey: string;
  readonly partition: string;
  /** Time of its newest well-formed event (ms since 1970), or null when it has none. */
  readonly newest: number | null;
};

/** The version of a listed object when it was last read, and the hash of what was read. */
export type ListedObject = { readonly version: string; readonly sha256: string };

/** What the archive holds under the plain name of an object key. */
export type ArchivedContent = { readonly sha256: string };

/** Why an event or a whole object was rejected. */
export type RecordedRejection = {
  readonly id: string | null;
  readonly reason: EventRejectionReason | ObjectRejection["reason"];
  readonly detail: string;
};

/** What an account gained in a partition in the open epoch, in wei. `events` counts paid jobs with fees above zero. */
export type OpenSum = { readonly events: number; readonly grossWei: bigint; readonly commissionWei: bigint };

/** A closed epoch as the ledger remembers it; everything else is in its artifacts. */
export type EpochState = {
  readonly epoch: number;
  readonly opensAt: string;
  readonly closesAt: string;
  readonly root: `0x${string}`;
  readonly earningsRoot: `0x${string}`;
  readonly manifestHash: `0x${string}`;
  readonly openFrom: number;
  readonly nextOrdinal: number;
  /** What anybody has a leaf of; ledgers of before it was kept do not have it. */
  readonly assets?: readonly Address[];
};

/** A signed transaction that posts an epoch. Amounts as decimal strings in wei, `raw` is what is sent. */
export type PostingAttempt = {
  readonly recordHash: `0x${string}`;
  readonly hash: `0x${string}`;
  readonly raw: `0x${string}`;
  readonly from: Address;
  readonly nonce: number;
  readonly gas: string;
  readonly maxFeePerGasWei: string;
  readonly maxPriorityFeePerGasWei: string;
  /**
   * What became of it: null while it may still be mined; `dead` when its nonce is gone for good and it was not mined;
   * `revoked` when it was mined and the epoch taken back since.
   */
  readonly outcome: null | "posted" | "reverted" | "revoked" | "dead";
};

/** The journal of an epoch's posting, written before each step that cannot be taken back. */
export type PostingJournal = {
  /** The hash of the record that is to be posted. */
  readonly recordHash: `0x${string}`;
  readonly manifestHash: `0x${string}`;
  /** What is posted with it. */
  readonly attestations: readonly { readonly signer: Address; readonly signature: `0x${string}` }[];
  /** Every transaction ever signed for this epoch, oldest first. */
  readonly attempts: readonly PostingAttempt[];
  /** Where the record stands on chain, as last seen; `final` when no reorganisation can undo it. */
  readonly posted: null | {
    readonly transaction: `0x${string}`;
    readonly block: number;
    readonly blockHash: `0x${string}`;
    readonly activatesAtSeconds: number;
    readonly final: boolean;
  };
};

/** An epoch that stands on chain. */
export type PostedEpoch = {
  readonly recordHash: `0x${string}`;
  readonly manifestHash: `0x${string}`;
  readonly root: `0x${string}`;
  readonly activatesAtSeconds: number;
  readonly transaction: `0x${string}`;
  readonly block: number;
};

/** A claim; amounts as decimal strings in the asset's smallest unit. */
export type ReadClaim = {
  readonly account: Address;
  readonly asset: Address;
  readonly recipient: Address;
  readonly epoch: number;
  readonly amount: string;
  readonly cumulative: string;
  readonly transaction: `0x${string}`;
};

/** Up to which final block the logs of which distributor were read; the hash is null before the first range. */
export type ChainCursor = {
  readonly chainId: number;
  readonly distributor: Address;
  readonly block: number;
  readonly blockHash: `0x${string}` | null;
  readonly timestampSeconds: number;
};

/** One comparison of an audit; `detail` says more where there is more to say. */
export type AuditCheck = {
  readonly name: string;
  readonly ok: boolean;
  readonly expected: string;
  readonly actual: string;
  readonly detail: string | null;
};

/** An epoch as it was derived: what its record declares, its rules, and the names of its files. */
export type DerivedSummary = Pick<
  Manifest,
  "epoch" | "chainId" | "distributor" | "ruleset" | "rulesetHash" | "root" | "earningsRoot" | "totals"
> & { readonly manifestHash: `0x${string}`; readonly files: readonly string[] };

/** What an audit found in an epoch's files, for the manifest that it found. */
export type RecordedAudit = {
  readonly manifestHash: `0x${string}`;
  /** Whether the archive held every object as it was published, so that deriving again gives nothing else. */
  readonly complete: boolean;
  readonly derived: DerivedSummary;
  readonly checks: readonly AuditCheck[];
};

/** A log that posted an epoch, or revoked some. Amounts as decimal strings in the asset's smallest unit. */
export type RecordedPosting =
  | { readonly kind: "revoked"; readonly epoch: number; readonly last: number }
  | {
      readonly kind: "posted";
      readonly epoch: number;
      readonly recordHash: `0x${string}`;
      /** The hash of `record`, which should be the one that was posted. */
      readonly ownHash: `0x${string}`;
      readonly transaction: `0x${string}`;
      readonly record: RecordFile["record"];
    };

/** A point where a worker's connection changed. */
export type ConnectionKey = EventPlace & {
  readonly partition: string;
  readonly account: Address;
  readonly connection: string;
};

/** A reset of a partition. */
export type ResetKey = EventPlace & { readonly partition: string };

/** What an account gained of an asset in a partition in a closed epoch. */
export type ClosedSumKey = {
  readonly account: Address;
  readonly epoch: number;
  readonly asset: Address;
  readonly partition: string;
};

/** An AI pair that a close made: the job's time (ms since 1970) and fees, and where its two events stand. */
export type MadePair = {
  readonly partition: string;
  readonly time: number;
  readonly feesWei: string;
  readonly job: { readonly ordinal: number; readonly position: number };
  readonly receipt: { readonly ordinal: number; readonly position: number };
};
