import {
  type Account,
  type Address,
  type Chain,
  encodeDeployData,
  getAddress,
  type Hex,
  type PublicClient,
  type Transport,
  type WalletClient,
} from "viem";
import { PayrootError } from "../errors.ts";
import { codeHash } from "./code-hash.ts";
import {
  distributorAbi,
  distributorBytecode,
  distributorCodeHash,
  distributorImmutables,
} from "./distributor-artifact.ts";

/** The constructor's arguments. Both delays are fixed or slow to change: see `contracts/README.md`. */
export type DistributorArguments = {
  readonly admin: Address;
  /** Before a new admin may accept. */
  readonly adminDelaySeconds: number;
  readonly poster: Address;
  readonly guardian: Address;
  /** Between posting and activation, fixed for ever: the time in which a wrong epoch can be revoked. */
  readonly activationDelaySeconds: number;
};

/** The clients that deploy: the wallet's account pays and signs. */
export type DeployClients = {
  readonly publicClient: PublicClient;
  readonly walletClient: WalletClient<Transport, Chain, Account>;
};

/** A distributor on chain. */
export type Deployed = {
  readonly address: Address;
  readonly transaction: Hex;
  readonly block: bigint;
};

/** Creation code with arguments: what the deploying transaction carries. */
export function deployData(args: DistributorArguments): Hex {
  return encodeDeployData({
    abi: distributorAbi,
    bytecode: distributorBytecode,
    args: [args.admin, args.adminDelaySeconds, args.poster, args.guardian, args.activationDelaySeconds],
  });
}

/** Deploys and waits for the receipt. Throws `deploy-failed` when the transaction reverted. */
export async function deployDistributor(
  { publicClient, walletClient }: DeployClients,
  args: DistributorArguments,
): Promise<Deployed> {
  const transaction = await walletClient.sendTransaction({ data: deployData(args) });
  const receipt = await publicClient.waitForTransactionReceipt({ hash: transaction });
  if (receipt.status !== "success" || !receipt.contractAddress) throw deployFailed(transaction);
  return { address: getAddress(receipt.contractAddress), transaction, block: receipt.blockNumber };
}

/** Whether the code at the address is this source's: equal but for immutables. False, too, where there is no code. */
export async function isDistributor(publicClient: PublicClient, address: Address): Promise<boolean> {
  const code = await publicClient.getCode({ address });
  if (code === undefined) return false;
  return codeHash({ code, immutables: distributorImmutables }) === distributorCodeHash;
}

function deployFailed(transaction: Hex): PayrootError {
  return new PayrootError("deploy-failed", "The deploying transaction reverted.", {
    facts: { transaction },
    next: "check the arguments (no address may be zero) and the gas given",
  });
}
