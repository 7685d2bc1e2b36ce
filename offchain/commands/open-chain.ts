import { openDistributorChain } from "../chain/client.ts";
import type { DistributorChain } from "../chain/distributor-chain.ts";
import { openSigner, type Signer } from "../chain/signer.ts";
import { type Config, requireSetting } from "../config.ts";
import { zeroAddress } from "../core/address.ts";
import type { ClosePorts } from "../pipeline/close-epoch.ts";
import type { Stage } from "../pipeline/daemon.ts";
import { listEpochs } from "../pipeline/epochs.ts";
import type { FundingReader } from "../pipeline/preview.ts";
import { publishEpoch, resumePublish } from "../pipeline/publish.ts";
import { type ChainView, noChainView } from "../pipeline/worker.ts";
import type { Context } from "./command.ts";

/** The configured distributor, checked to be there; undefined where no chain is configured. */
export async function openChain({ config }: Context): Promise<DistributorChain | undefined> {
  if (config.chainId === 0 || config.distributorAddress === zeroAddress) return undefined;
  return connect(config);
}

/** The configured distributor, for commands that cannot do without. Throws `configuration-missing`. */
export async function requireChain({ config }: Context): Promise<DistributorChain> {
  return connect(config);
}

async function connect(config: Config): Promise<DistributorChain> {
  const { chainId, distributorAddress, maxGasPriceWei, gasLimit } = config;
  const rpcUrl = requireSetting(config, "ethRpcEndpoint");
  const limits = { maxGasPriceWei, gasLimit: BigInt(gasLimit) };
  const chain = openDistributorChain({ rpcUrl, chainId, distributor: distributorAddress, ...limits });
  await chain.verify();
  return chain;
}

/** The configured key, or undefined when there is none. */
export async function openConfiguredSigner({ config }: Context): Promise<Signer | undefined> {
  const { ethPrivateKey: key, ethKeystorePassword: password } = config;
  return key === undefined ? undefined : openSigner({ key, password });
}

/** What the chain says; nothing is on chain where none is configured. */
export async function openChainView(
  context: Context,
  ports: Pick<ClosePorts, "store" | "artifacts">,
): Promise<ChainView> {
  void ports;
  void context;
  return noChainView;
}

/** Reads what the distributor holds of an asset; undefined where no chain is configured. */
export async function openFunding(context: Context): Promise<FundingReader | undefined> {
  const chain = await openChain(context);
  if (chain === undefined) return undefined;
  return async (asset) => {
    const { held, claimed } = await chain.asset(asset);
    return { balance: held, claimed };
  };
}

/** The daemon's stages that need the chain, and what they know. */
export async function openChainStages(
  context: Context,
  ports: ClosePorts,
): Promise<{ view: ChainView; stages: readonly Stage[] }> {
  const { config, out, signal } = context;
  const chain = await openChain(context);
  if (chain === undefined) return { view: noChainView, stages: [] };
  const signer = config.autoPublish ? await openConfiguredSigner(context) : undefined;
  if (config.autoPublish && signer === undefined) requireSetting(config, "ethPrivateKey");
  const publishing = { ...ports, chain };
  const publish: Stage = {
    name: "publish",
    async run() {
      const options = { broadcast: config.autoPublish, signer, signal };
      await resumePublish(publishing, options);
      if (!config.autoPublish) return;
      for (const epoch of await unpostedEpochs(ports, chain)) {
        const { state, transaction } = await publishEpoch(publishing, epoch, options);
        out.note(`epoch ${epoch} is ${state}${transaction === null ? "" : `, transaction ${transaction}`}`);
      }
    },
  };
  return { view: noChainView, stages: [publish] };
}

/** Closed epochs that are not on chain, oldest first. */
async function unpostedEpochs(ports: ClosePorts, chain: DistributorChain): Promise<number[]> {
  const posted = await chain.latestEpoch();
  const epochs: number[] = [];
  for await (const { epoch } of listEpochs(ports.store)) {
    if (epoch <= posted) break;
    epochs.unshift(epoch);
  }
  return epochs;
}
