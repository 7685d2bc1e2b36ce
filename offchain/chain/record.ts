import { type Address, type Hex, hashStruct, hashTypedData } from "viem";

/** The sum of all leaves of one asset, in its smallest unit. */
export type AssetTotal = { readonly asset: Address; readonly cumulative: bigint };

/** What one epoch declares on chain; the fields and their order are those of `IRewardsDistributor.EpochRecord`. */
export type EpochRecord = {
  readonly epoch: bigint;
  readonly previous: Hex;
  readonly root: Hex;
  readonly earningsRoot: Hex;
  readonly manifestHash: Hex;
  readonly totals: readonly AssetTotal[];
};

/** Which distributor a signature is for. */
export type DistributorRef = { readonly chainId: number; readonly distributor: Address };

/** A permission that an account signs so that anyone may set its recipient; `deadline` in seconds since 1970. */
export type RecipientPermission = {
  readonly account: Address;
  readonly recipient: Address;
  readonly nonce: bigint;
  readonly deadline: bigint;
};

/** `previous` of the first record, and the head of a chain without records. */
export const noRecordHash: Hex = `0x${"00".repeat(32)}`;

/** The EIP-712 types that the distributor signs and hashes with. */
export const distributorTypes = {
  EpochRecord: [
    { name: "epoch", type: "uint256" },
    { name: "previous", type: "bytes32" },
    { name: "root", type: "bytes32" },
    { name: "earningsRoot", type: "bytes32" },
    { name: "manifestHash", type: "bytes32" },
    { name: "totals", type: "AssetTotal[]" },
  ],
  AssetTotal: [
    { name: "asset", type: "address" },
    { name: "cumulative", type: "uint256" },
  ],
  SetRecipient: [
    { name: "account", type: "address" },
    { name: "recipient", type: "address" },
    { name: "nonce", type: "uint256" },
    { name: "deadline", type: "uint256" },
  ],
} as const;

/** The record hash: the EIP-712 struct hash, without domain, that the chain keeps as `head` and in `EpochPosted`. */
export function recordHash(record: EpochRecord): Hex {
  return hashStruct({ types: distributorTypes, primaryType: "EpochRecord", data: messageOf(record) });
}

/** The first 27 bytes of a record hash: what `epochs(n)` keeps of it. */
export function recordIdOf(hash: Hex): Hex {
  return `0x${hash.slice(2, 2 + 54)}`;
}

/** What an attestor signs: pass it to `signTypedData` of a viem account or wallet. */
export function recordTypedData(record: EpochRecord, ref: DistributorRef) {
  return {
    domain: domainOf(ref),
    types: distributorTypes,
    primaryType: "EpochRecord" as const,
    message: messageOf(record),
  };
}

/** The digest behind `recordTypedData`, for ERC-1271 wallets and recovery. */
export function recordDigest(record: EpochRecord, ref: DistributorRef): Hex {
  return hashTypedData(recordTypedData(record, ref));
}

/** What an account signs to let anyone set its recipient. */
export function recipientTypedData(permission: RecipientPermission, ref: DistributorRef) {
  return {
    domain: domainOf(ref),
    types: distributorTypes,
    primaryType: "SetRecipient" as const,
    message: permission,
  };
}

function domainOf({ chainId, distributor }: DistributorRef) {
  return { name: "Payroot", version: "1", chainId, verifyingContract: distributor } as const;
}

function messageOf(record: EpochRecord) {
  return { ...record, totals: record.totals.map(({ asset, cumulative }) => ({ asset, cumulative })) };
}
