import {
  type Account,
  type Address,
  type Chain,
  getContract,
  type PublicClient,
  type Transport,
  type WalletClient,
} from "viem";
import { distributorAbi } from "./distributor-artifact.ts";

/** Where a distributor is and through what it is read. */
export type DistributorReader = { readonly address: Address; readonly publicClient: PublicClient };

/** The same with a wallet that signs its transactions. */
export type DistributorWriter = DistributorReader & {
  readonly walletClient: WalletClient<Transport, Chain, Account>;
};

/** Every view of the distributor, typed, under `read`; event readers under `getEvents`. */
export function distributorReader({ address, publicClient }: DistributorReader) {
  return getContract({ abi: distributorAbi, address, client: publicClient });
}

/** Every function of the distributor, typed, under `read`, `simulate`, `estimateGas` and `write`. */
export function distributorWriter({ address, publicClient, walletClient }: DistributorWriter) {
  return getContract({
    abi: distributorAbi,
    address,
    client: { public: publicClient, wallet: walletClient },
  });
}
