import type { Address } from "../core/address.ts";
import type { Hash } from "../core/artifacts.ts";
import type { Hex } from "../core/hex.ts";
import type { EpochRecord } from "./record.ts";
import type { Signer } from "./signer.ts";

/** Who may do what: post epochs, revoke and pause, attest. */
export type Role = "POSTER" | "GUARDIAN" | "ATTESTOR";

/** A block as far as payroot needs it; time in seconds since 1970. */
export type Block = {
  readonly number: number;
  readonly hash: Hash;
  readonly timestampSeconds: number;
  readonly baseFeeWei: bigint;
};

/** A named block, or one by its number. */
export type BlockTag = "latest" | "finalized" | number;

/** What the contract keeps of a posted epoch. */
export type ChainEpoch = {
  readonly root: Hash;
  readonly activatesAtSeconds: number;
  /** The first 27 bytes of the record hash. */
  readonly recordId: Hex;
};

/** The books of one asset in its smallest unit, and what the contract holds of it. */
export type AssetBooks = {
  readonly allocated: bigint;
  readonly claimed: bigint;
  readonly held: bigint;
  readonly pausedUntilSeconds: number;
};

/** Where a log stands in the chain. */
export type LogPlace = {
  readonly block: number;
  readonly blockHash: Hash;
  readonly logIndex: number;
  readonly transaction: Hash;
};

/** An `EpochPosted` log. */
export type PostedLog = LogPlace & {
  readonly kind: "posted";
  readonly epoch: number;
  readonly recordHash: Hash;
  readonly activatesAtSeconds: number;
  readonly record: EpochRecord;
};

/** An `EpochsRevoked` log: the epochs from `epoch` to `last` stand no more. */
export type RevokedLog = LogPlace & {
  readonly kind: "revoked";
  readonly epoch: number;
  readonly last: number;
};

/** A `Claimed` log; amounts in the asset's smallest unit, `cumulative` is what the account has received in all. */
export type ClaimedLog = LogPlace & {
  readonly kind: "claimed";
  readonly account: Address;
  readonly asset: Address;
  readonly recipient: Address;
  readonly epoch: number;
  readonly amount: bigint;
  readonly cumulative: bigint;
};

/** A claim of a batch that was not paid and changed nothing, with the contract's reason. */
export type SkippedClaim = { readonly account: Address; readonly asset: Address; readonly reason: string };

/** A log of the distributor that moves an epoch or money. */
export type DistributorLog = PostedLog | RevokedLog | ClaimedLog;

/** A call of the distributor, encoded. */
export type DistributorCall = { readonly data: Hex; readonly valueWei: bigint };

/** What a transaction will use, decided before it is signed. */
export type TransactionPlan = {
  readonly nonce: number;
  readonly gas: bigint;
  readonly maxFeePerGasWei: bigint;
  readonly maxPriorityFeePerGasWei: bigint;
};

/** A signed transaction: its bytes and their hash. */
export type SignedTransaction = TransactionPlan & {
  readonly from: Address;
  readonly hash: Hash;
  readonly raw: Hex;
};

/** How the RPC took a transaction. Only `accepted` and `known` say anything; after all others the chain is asked. */
export type SendOutcome = {
  readonly kind: "accepted" | "known" | "nonce-used" | "underpriced" | "refused" | "unanswered";
  readonly reason: string;
};

/** A mined transaction; `logs` and `skipped` are the distributor's. */
export type Receipt = {
  readonly transaction: Hash;
  readonly ok: boolean;
  readonly block: number;
  readonly blockHash: Hash;
  readonly gasUsed: bigint;
  readonly feeWei: bigint;
  readonly logs: readonly DistributorLog[];
  readonly skipped: readonly SkippedClaim[];
};

/**
 * The distributor on its chain. Every failure is a `PayrootError`: `rpc-unreachable` and `rpc-failed` when the RPC is
 * at fault (retryable), `call-reverted` when the contract refused. No error shows more of the RPC's URL than its origin.
 */
export type DistributorChain = {
  readonly chainId: number;
  readonly distributor: Address;
  /** The block the distributor was deployed in, or an earlier one: no log stands before it. */
  readonly deployedAtBlock: number;
  /** That this is the configured chain and the distributor is there. Throws `wrong-chain`, `distributor-missing`. */
  verify(): Promise<void>;
  /** A block, or undefined when the RPC does not know it (yet). */
  block(tag: BlockTag): Promise<Block | undefined>;
  latestEpoch(): Promise<number>;
  /** The record hash of the newest epoch that stands; zero before the first. */
  head(): Promise<Hash>;
  activationDelaySeconds(): Promise<number>;
  attestationQuorum(): Promise<number>;
  /** An epoch that stands at the given block (`latest` when left out), or undefined. */
  epoch(epoch: number, at?: BlockTag): Promise<ChainEpoch | undefined>;
  asset(asset: Address): Promise<AssetBooks>;
  /** What the account has received of the asset so far, in its smallest unit. */
  claimed(of: { account: Address; asset: Address }): Promise<bigint>;
  /** `claimed` of many, in their order. */
  claimedByMany(of: readonly { account: Address; asset: Address }[]): Promise<bigint[]>;
  recipientOf(account: Address): Promise<Address>;
  hasRole(role: Role, account: Address): Promise<boolean>;
  /** Whether the contract would accept a signature of a digest: ECDSA, or ERC-1271 where the signer has code. */
  isSignature(signed: { digest: Hash; signer: Address; signature: Hex }): Promise<boolean>;
  /** Whether the code at the distributor's address is this source's. */
  isOurCode(): Promise<boolean>;
  /** The ETH of any address, in wei. */
  balanceWei(account: Address): Promise<bigint>;
  /** How many transactions of `account` are in the chain at that block: the nonce of its next one. */
  transactionCount(account: Address, at: BlockTag | "pending"): Promise<number>;
  /** Every log from one block to another (none when that is lower), in chain order, in ranges the RPC accepts. */
  logs(range: LogRange): AsyncIterable<LogPage>;
  /** What the call would return. Throws `call-reverted` with the contract's reason. */
  simulate(call: DistributorCall, from: Address): Promise<Hex>;
  /** Nonce, gas and fees of a transaction. Throws `gas-price-above-limit`, `gas-above-limit`, `call-reverted`. */
  plan(call: DistributorCall, options: PlanOptions): Promise<TransactionPlan>;
  /** Signs, and checks what came back. */
  sign(call: DistributorCall, plan: TransactionPlan, signer: Signer): Promise<SignedTransaction>;
  /** Hands the bytes to the RPC once. Never throws for what the RPC says or fails to say. */
  send(raw: Hex): Promise<SendOutcome>;
  /** The receipt of a mined transaction, or undefined. */
  receipt(transaction: Hash): Promise<Receipt | undefined>;
  /** Why a mined transaction was reverted, as far as a repetition at its block tells. */
  revertReason(call: DistributorCall, mined: { from: Address; block: number }): Promise<string>;
};

/** Blocks to read logs of, both included; `epoch` asks for the postings of that epoch only. */
export type LogRange = { readonly from: number; readonly to: number; readonly epoch?: number };

/** The logs of some blocks of a range, both included. */
export type LogPage = {
  readonly from: number;
  readonly to: number;
  readonly logs: readonly DistributorLog[];
};

/** Who sends, and, for a transaction that takes the place of others, those it must outbid with their nonce. */
export type PlanOptions = {
  readonly from: Address;
  readonly replaces?: readonly TransactionPlan[];
};
