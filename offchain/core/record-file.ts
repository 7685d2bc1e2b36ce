import type { Address } from "./address.ts";
import type { Hash } from "./artifacts.ts";

/**
 * `record.json`, written after posting: the record as it stands on chain, its EIP-712 struct hash, who attested it, and
 * where it was posted. Amounts in the asset's smallest unit as decimal strings; `activatesAt` RFC 3339. Format
 * `payroot/record@1`.
 */
export type RecordFile = {
  readonly format: "payroot/record@1";
  readonly chainId: number;
  readonly distributor: Address;
  readonly record: {
    readonly epoch: number;
    readonly previous: Hash;
    readonly root: Hash;
    readonly earningsRoot: Hash;
    readonly manifestHash: Hash;
    readonly totals: readonly { readonly asset: Address; readonly cumulative: string }[];
  };
  readonly recordHash: Hash;
  readonly attestations: readonly { readonly signer: Address; readonly signature: Hash }[];
  readonly transaction: Hash;
  readonly block: number;
  readonly activatesAt: string;
};
