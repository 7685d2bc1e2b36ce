// Deploys the distributor: npm run deploy -- --network arbitrum-sepolia --admin 0x… --poster 0x… --guardian 0x… [--broadcast]
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Chain, createPublicClient, createWalletClient, formatEther, http } from "viem";
import { toAccount } from "viem/accounts";
import { arbitrum, arbitrumSepolia, hardhat } from "viem/chains";
import {
  type DistributorArguments,
  deployData,
  deployDistributor,
  isDistributor,
} from "../offchain/chain/deploy.ts";
import { type Deployment, deploymentOf } from "../offchain/chain/deployment.ts";
import { openSigner, type Signer } from "../offchain/chain/signer.ts";
import { loadConfig, requireSetting } from "../offchain/config.ts";
import { parseAddress } from "../offchain/core/address.ts";
import { exitCodes, invariant, messageOf, PayrootError } from "../offchain/errors.ts";

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
  const transport = http(request.rpcUrl);
  const publicClient = createPublicClient({ chain, transport });
  const chainId = await publicClient.getChainId();
  if (chainId !== chain.id)
    throw otherChain({ network: request.network, given: chainId, expected: chain.id });
  const from = { account: signer.address, data: deployData(request.arguments) };
  const [gas, gasPriceWei] = await Promise.all([publicClient.estimateGas(from), publicClient.getGasPrice()]);
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
  const walletClient = createWalletClient({ account: accountOf(signer), chain, transport });
  const deployed = await deployDistributor({ publicClient, walletClient }, request.arguments);
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

async function main(): Promise<void> {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    options: {
      network: { type: "string", default: "local" },
      admin: text,
      poster: text,
      guardian: text,
      "admin-delay-seconds": { type: "string", default: "172800" },
      "activation-delay-seconds": { type: "string", default: "86400" },
      broadcast: { type: "boolean", default: false },
      yes: { type: "boolean", default: false },
    },
  });
  const config = loadConfig();
  await deploy({
    network: networkNamed(values.network),
    rpcUrl: requireSetting(config, "ethRpcEndpoint"),
    signer: await openSigner({
      key: requireSetting(config, "ethPrivateKey"),
      password: config.ethKeystorePassword,
    }),
    arguments: {
      admin: addressOf("admin", values.admin),
      adminDelaySeconds: secondsOf("admin-delay-seconds", values["admin-delay-seconds"]),
      poster: addressOf("poster", values.poster),
      guardian: addressOf("guardian", values.guardian),
      activationDelaySeconds: secondsOf("activation-delay-seconds", values["activation-delay-seconds"]),
    },
    broadcast: values.broadcast,
    folder: fileURLToPath(new URL("../deployments", import.meta.url)),
    confirm: async () => values.yes || (await askOnTerminal()),
    print: (line) => console.log(line),
  });
}

async function askOnTerminal(): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question("Deploy with these arguments? They cannot be changed. Type yes: ");
  terminal.close();
  return answer.trim() === "yes";
}

function networkNamed(name: string): keyof typeof networks {
  for (const known of Object.keys(networks) as (keyof typeof networks)[]) if (known === name) return known;
  throw argumentInvalid("network", { given: name, expected: Object.keys(networks).join(", ") });
}

function addressOf(name: string, given: string | undefined) {
  const parsed = parseAddress(given ?? "");
  if (parsed !== undefined && BigInt(parsed) !== 0n) return parsed;
  throw argumentInvalid(name, { given, expected: "an EIP-55 address, not zero" });
}

function secondsOf(name: string, given: string): number {
  // The constructor takes 32 bits for the one and 48 for the other.
  if (/^\d{1,9}$/.test(given)) return Number(given);
  throw argumentInvalid(name, { given, expected: "whole seconds" });
}

function argumentInvalid(name: string, facts: { given: string | undefined; expected: string }): PayrootError {
  return new PayrootError("argument-invalid", `--${name} does not fit.`, {
    facts,
    exitCode: exitCodes.usage,
  });
}

function otherChain(facts: { network: string; given: number; expected: number }): PayrootError {
  return new PayrootError("wrong-chain", "The RPC serves another chain than the network named.", {
    facts,
    next: "correct ETH_RPC_ENDPOINT or --network",
    exitCode: exitCodes.usage,
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await main();
  } catch (error) {
    console.error(messageOf(error));
    if (error instanceof PayrootError) {
      for (const [name, value] of Object.entries(error.facts)) console.error(`  ${name}: ${value}`);
      if (error.next !== undefined) console.error(`  next: ${error.next}`);
    }
    const unknownOption = error instanceof TypeError && "code" in error;
    process.exitCode =
      error instanceof PayrootError ? error.exitCode : unknownOption ? exitCodes.usage : exitCodes.failed;
  }
}
