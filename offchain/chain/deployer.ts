import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Chain, createWalletClient, custom, formatEther } from "viem";
import { toAccount } from "viem/accounts";
import { arbitrum, arbitrumSepolia, hardhat } from "viem/chains";
import { exitCodes, invariant, PayrootError } from "../errors.ts";
import { type DistributorArguments, deployData, deployDistributor, isDistributor } from "./deploy.ts";
import { type Deployment, deploymentOf } from "./deployment.ts";
import { openRpc } from "./rpc.ts";
import type { Signer } from "./signer.ts";

/** Where the distributor can be deployed, and what Hardhat's `verify` calls the place. */
export const networks = {
  local: { chain: hardhat, verify: undefined },
  "arbitrum-sepolia": { chain: arbitrumSepolia, verify: "arbitrumSepolia" },
  "arbitrum-one": { chain: arbitrum, verify: "arbitrumOne" },
} as const satisfies Record<string, { chain: Chain; verify: string | undefined }>;

/** A deployment to make; without `broadcast` it is only simulated. `confirm` is asked before anything is sent. */
export type DeployRequest = {
  readonly network: keyof typeof networks;
  readonly rpcUrl: string;
  readonly signer: Signer;
  readonly arguments: DistributorArguments;
  readonly broadcast: boolean;
  readonly folder: string;
  readonly confirm: () => Promise<boolean>;
  readonly print: (line: string) => void;
};

/** Simulates, asks, deploys, checks the code, writes `{folder}/{chainId}.json`. Undefined when nothing was sent. */
export async function deploy(request: DeployRequest): Promise<Deployment | undefined> {
  const { chain, verify } = networks[request.network];
  const { signer, print } = request;
  const rpc = openRpc({ url: request.rpcUrl });
  const { client: publicClient } = rpc;
  const chainId = await rpc.ask((client) => client.getChainId());
  if (chainId !== chain.id)
    throw otherChain({ network: request.network, given: chainId, expected: chain.id });
  const from = { account: signer.address, data: deployData(request.arguments) };
  const gas = await rpc.ask((client) => client.estimateGas(from));
  const gasPriceWei = await rpc.ask((client) => client.getGasPrice());
  print(`network   ${request.network} (chain ${chainId})`);
  print(`deployer  ${signer.address}`);
  for (const [name, value] of Object.entries(request.arguments)) print(`argument  ${name} = ${value}`);
  print(`cost      about ${formatEther(gas * gasPriceWei)} ETH (${gas} gas)`);
  if (!request.broadcast) {
    print("simulated only: nothing was sent; add --broadcast to deploy");
    return undefined;
  }
  if (!(await request.confirm())) {
    print("not confirmed: nothing was sent");
    return undefined;
  }
  const walletClient = createWalletClient({
    account: accountOf(signer),
    chain,
    transport: custom(publicClient),
  });
  const deployed = await rpc.ask(() => deployDistributor({ publicClient, walletClient }, request.arguments));
  const sound = await isDistributor(publicClient, deployed.address);
  invariant(sound, "The deployed code is not this source's.", { address: deployed.address });
  const deployment = deploymentOf({ chainId, arguments: request.arguments, deployed });
  await mkdir(request.folder, { recursive: true });
  const path = join(request.folder, `${chainId}.json`);
  await writeFile(path, `${JSON.stringify(deployment, null, 2)}\n`);
  print(`deployed  ${deployed.address} in block ${deployed.block}; written to ${path}`);
  if (verify !== undefined) {
    const values = Object.values(request.arguments).join(" ");
    const profile = "--build-profile default";
    print(
      `verify    npx hardhat verify sourcify --network ${verify} ${profile} ${deployed.address} ${values}`,
    );
  }
  return deployment;
}

function accountOf(signer: Signer) {
  const { address, signTransaction, signTypedData } = signer;
  const signMessage = () => Promise.reject(new Error("a deployment signs no messages"));
  return toAccount({ address, signTransaction, signTypedData, signMessage });
}

function otherChain(facts: { network: string; given: number; expected: number }): PayrootError {
  return new PayrootError("wrong-chain", "The RPC serves another chain than the network named.", {
    facts,
    next: "correct ETH_RPC_ENDPOINT or --network",
    exitCode: exitCodes.usage,
  });
}
