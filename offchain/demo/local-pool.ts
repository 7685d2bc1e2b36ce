import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPublicClient, createWalletClient, http, parseEther } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { anvil } from "viem/chains";
import { deployDistributor } from "../chain/deploy.ts";
import type { Address } from "../core/address.ts";
import { invariant } from "../errors.ts";
import { type LocalAccount, type LocalChain, startLocalChain } from "./local-chain.ts";
import { startS3Server } from "./s3-server.ts";

/** A pool's surroundings on this machine. */
export type LocalPool = {
  readonly s3Endpoint: string;
  readonly rpcUrl: string;
  readonly chainId: number;
  /** Who sends claims: an account that has no part in the pool. */
  readonly claimer: LocalAccount;
  readonly distributor: Address;
  /** What the daemon is configured with. */
  readonly env: Readonly<Record<string, string>>;
};

const buckets = ["payroot-log", "payroot-archive", "payroot-artifacts", "payroot-metrics"];

/** Seconds between posting and activation. */
const activationDelaySeconds = 3;
const fundingEth = "100";

/** Starts an S3 server and a chain, deploys a distributor and funds it. Everything goes away with `defer`. */
export async function openLocalPool(defer: (close: () => Promise<void>) => void): Promise<LocalPool> {
  const folder = await mkdtemp(join(tmpdir(), "payroot-demo-"));
  defer(() => rm(folder, { recursive: true, force: true }));
  const [dataDirectory, s3Directory] = [join(folder, "data"), join(folder, "s3")];
  for (const directory of [dataDirectory, s3Directory]) await mkdir(directory);
  const s3 = await startS3Server({ directory: s3Directory, buckets });
  defer(s3.stop);
  const chain = await startLocalChain({ blockTimeSeconds: 1 });
  defer(chain.stop);
  const [operator, claimer] = chain.accounts;
  invariant(operator !== undefined && claimer !== undefined, "A local chain has two accounts.");
  const distributor = await deployFunded(chain, operator);
  return {
    s3Endpoint: s3.endpoint,
    rpcUrl: chain.rpcUrl,
    chainId: chain.chainId,
    claimer,
    distributor,
    env: {
      DATA_DIR: dataDirectory,
      LOG_URL: "s3://payroot-log",
      ARCHIVE_URL: "s3://payroot-archive",
      ARTIFACTS_URL: "s3://payroot-artifacts",
      METRICS_URL: "s3://payroot-metrics",
      S3_ENDPOINT: s3.endpoint,
      AWS_ACCESS_KEY_ID: s3.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
      CHAIN_ID: String(chain.chainId),
      ETH_RPC_ENDPOINT: chain.rpcUrl,
      ETH_PRIVATE_KEY: operator.privateKey,
      DISTRIBUTOR_ADDRESS: distributor,
      AUTO_PUBLISH: "true",
    },
  };
}

/** One development account is admin, poster and guardian here; in production these are three. */
async function deployFunded(chain: LocalChain, operator: LocalAccount): Promise<Address> {
  const account = privateKeyToAccount(operator.privateKey);
  const transport = http(chain.rpcUrl);
  const common = { chain: { ...anvil, id: chain.chainId }, transport, pollingInterval: 100 };
  const publicClient = createPublicClient(common);
  const walletClient = createWalletClient({ ...common, account });
  const { address } = await deployDistributor(
    { publicClient, walletClient },
    {
      admin: account.address,
      adminDelaySeconds: 0,
      poster: account.address,
      guardian: account.address,
      activationDelaySeconds,
    },
  );
  const hash = await walletClient.sendTransaction({ to: address, value: parseEther(fundingEth) });
  await publicClient.waitForTransactionReceipt({ hash });
  return address;
}
