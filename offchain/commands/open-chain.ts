import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { openDistributorChain } from "../chain/client.ts";
import { type DeployRequest, deploy, networks } from "../chain/deployer.ts";
import { type Deployment, parseDeployment } from "../chain/deployment.ts";
import type { ClaimedLog, DistributorChain } from "../chain/distributor-chain.ts";
import { openSigner, type Signer } from "../chain/signer.ts";
import { type Config, requireSetting } from "../config.ts";
import { zeroAddress } from "../core/address.ts";
import { exitCodes, invariant, PayrootError } from "../errors.ts";
import { createChainWatch } from "../pipeline/claims/chain-view.ts";
import type { ProofBook } from "../pipeline/claims/proof-book.ts";
import { sponsorStage } from "../pipeline/claims/sponsor-stage.ts";
import type { ClosePorts } from "../pipeline/close/close-epoch.ts";
import { listEpochs } from "../pipeline/close/epochs.ts";
import type { FundingReader } from "../pipeline/close/preview.ts";
import { type ChainFunds, createFundsWatch } from "../pipeline/operate/chain-funds.ts";
import type { Stage } from "../pipeline/operate/daemon.ts";
import { createBelt } from "../pipeline/publish/belt.ts";
import type { PublishPorts } from "../pipeline/publish/epoch-record.ts";
import { type PublishOptions, publishEpoch, resumePublish } from "../pipeline/publish/publish.ts";
import type { PublishReport } from "../pipeline/publish/settle-posting.ts";
import { type ChainView, noChainView } from "../pipeline/workers/worker.ts";
import type { Context } from "./command.ts";
import type { DaemonLog } from "./daemon-log.ts";
import { configuredRuleset } from "./open.ts";
import type { ConfiguredWebhooks } from "./open-webhooks.ts";

/** The configured distributor, checked to be there; undefined where no chain is configured. */
export async function openChain({ config }: Context): Promise<DistributorChain | undefined> {
  if (config.chainId === 0 || config.distributorAddress === zeroAddress) return undefined;
  return connect(config);
}

/** The configured distributor, for commands that cannot do without. Throws `configuration-missing`. */
export async function requireChain({ config }: Context): Promise<DistributorChain> {
  return connect(config);
}

/** The configured distributor, whether it is there or not. Throws `configuration-missing`, `rpc-url-invalid`. */
export function openUnverifiedChain(config: Config): DistributorChain {
  const { chainId, distributorAddress, maxGasPriceWei, gasLimit } = config;
  const rpcUrl = requireSetting(config, "ethRpcEndpoint");
  const limits = { maxGasPriceWei, gasLimit: BigInt(gasLimit) };
  const deployedAtBlock = deploymentBlock(chainId, distributorAddress);
  const place = { rpcUrl, chainId, distributor: distributorAddress, deployedAtBlock };
  return openDistributorChain({ ...place, ...limits });
}

async function connect(config: Config): Promise<DistributorChain> {
  const chain = openUnverifiedChain(config);
  await chain.verify();
  return chain;
}

/** The block of a deployment that `deployments/` knows; 0 for any other, whose logs are read from the beginning. */
function deploymentBlock(chainId: number, distributor: string): number {
  const path = fileURLToPath(new URL(`../../deployments/${chainId}.json`, import.meta.url));
  // A local chain that was begun anew has the same addresses in other blocks, and is short.
  if (chainId === networks.local.chain.id || !existsSync(path)) return 0;
  const known = parseDeployment(readFileSync(path, "utf8"), path);
  return known.distributor.toLowerCase() === distributor.toLowerCase() ? known.block : 0;
}

/** Whoever signs by the configuration, or undefined when nobody does: the one place that knows kinds of signers. */
export async function openConfiguredSigner({ config }: Context): Promise<Signer | undefined> {
  const { ethPrivateKey: key, ethKeystorePassword: password } = config;
  return key === undefined ? undefined : openSigner({ key, password });
}

/** The chain as it is now, for one answer; nothing is on chain where none is configured. */
export async function openChainView(
  context: Context,
  ports: Pick<ClosePorts, "store" | "artifacts">,
): Promise<ChainView> {
  const chain = await openChain(context);
  if (chain === undefined) return noChainView;
  const watch = await createChainWatch({ ...ports, chain });
  await watch.look({ signal: context.signal });
  return watch.view;
}

/** The configured signer, for commands that cannot do without. Throws `configuration-missing`. */
export async function requireSigner(context: Context): Promise<Signer> {
  requireSetting(context.config, "ethPrivateKey");
  const signer = await openConfiguredSigner(context);
  invariant(signer !== undefined, "A configured key gave no signer.");
  return signer;
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

/** The daemon's stages that need the chain, and the chain and the pool's money there as they last saw them. */
export type ChainStages = {
  readonly view: ChainView;
  readonly funds: () => ChainFunds | undefined;
  readonly stages: readonly Stage[];
};

/** Opens the daemon's side of the chain. */
export async function openChainStages(
  context: Context,
  ports: ClosePorts & { readonly proofs: ProofBook },
  { tell, looked }: { readonly tell: DaemonLog } & Pick<ConfiguredWebhooks, "looked">,
): Promise<ChainStages> {
  const { config, signal } = context;
  const chain = await openChain(context);
  if (chain === undefined) return { view: noChainView, funds: () => undefined, stages: [] };
  const signer = config.autoPublish ? await requireSigner(context) : undefined;
  const watch = await createChainWatch({ ...ports, chain });
  const { asset } = configuredRuleset(config);
  const funds = createFundsWatch({ ...ports, chain }, { asset, publisher: signer?.address });
  const publish = publishStage(
    { ...ports, chain },
    {
      ...{ broadcast: config.autoPublish, signer, signal, onPosted: tell.posted },
      check: openBelt(context, ports, { acceptAnomaly: false }),
    },
  );
  const claims: Stage = {
    name: "claims",
    async run() {
      const seen = watch.overlay()?.latest.number ?? 0;
      const overlay = await watch.look({ signal });
      tell.claimed(overlay.logs.filter((log) => log.kind === "claimed" && log.block > seen) as ClaimedLog[]);
      await looked(overlay);
      await funds.look();
    },
  };
  const seen = { view: watch.view, funds: funds.funds };
  if (!config.autoSponsor) return { ...seen, stages: [publish, claims] };
  if (!config.autoPublish) throw sponsorForbidden();
  const sponsoring = sponsorStage(
    { ...ports, chain },
    {
      ...{ signer, signal, minimum: config.paymentThresholdWei },
      intervalSeconds: config.paymentSensorIntervalSeconds,
      onBatch: (batch) => {
        funds.spent(batch);
        tell.sponsored(batch);
      },
    },
  );
  return { ...seen, stages: [publish, sponsoring, claims] };
}

/** What must hold before an epoch is posted, by the configuration. */
export function openBelt(
  { config, signal }: Context,
  ports: ClosePorts,
  { acceptAnomaly }: { acceptAnomaly: boolean },
): NonNullable<PublishOptions["check"]> {
  const { partitions } = config;
  return createBelt(ports, { anomalyFactor: acceptAnomaly ? 0 : config.anomalyFactor, partitions, signal });
}

/** Posts what was closed, oldest first, when it may send; finishes what was begun before. */
function publishStage(
  ports: PublishPorts,
  options: PublishOptions & { readonly onPosted: (report: PublishReport) => void },
): Stage {
  return {
    name: "publish",
    async run() {
      await resumePublish(ports, options);
      if (!options.broadcast) return;
      for (const epoch of await unpostedEpochs(ports)) {
        options.onPosted(await publishEpoch(ports, epoch, options));
      }
    },
  };
}

/** Closed epochs that are not on chain, oldest first. */
async function unpostedEpochs({ store, chain }: PublishPorts): Promise<number[]> {
  const posted = await chain.latestEpoch();
  const epochs: number[] = [];
  for await (const { epoch } of listEpochs(store)) {
    if (epoch <= posted) break;
    epochs.unshift(epoch);
  }
  return epochs;
}

/** A network that a distributor can be deployed to. */
export type Network = keyof typeof networks;

/** Their names. */
export const networkNames = Object.keys(networks) as Network[];

/** Deploys with the configured RPC and key, and writes `deployments/{chainId}.json`; undefined when nothing was sent. */
export async function deployWith(
  context: Context,
  request: Omit<DeployRequest, "rpcUrl" | "signer" | "folder">,
): Promise<Deployment | undefined> {
  const { config } = context;
  const rpcUrl = requireSetting(config, "ethRpcEndpoint");
  const signer = await requireSigner(context);
  const folder = fileURLToPath(new URL("../../deployments", import.meta.url));
  return deploy({ ...request, rpcUrl, signer, folder });
}

function sponsorForbidden(): PayrootError {
  return new PayrootError(
    "configuration-invalid",
    "The daemon may not send the transactions that pay workers.",
    {
      facts: {
        AUTO_SPONSOR: true,
        AUTO_PUBLISH: false,
        expected: "AUTO_SPONSOR only with AUTO_PUBLISH=true",
      },
      next: "correct one of the two",
      exitCode: exitCodes.usage,
    },
  );
}
