import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import {
  createPublicClient,
  createTestClient,
  createWalletClient,
  type Hex,
  http,
  parseEther,
  publicActions,
  walletActions,
} from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { anvil } from "viem/chains";
import { afterAll, beforeAll, onTestFinished } from "vitest";
import { type ChainOptions, openDistributorChain } from "../../offchain/chain/client.ts";
import { deployDistributor } from "../../offchain/chain/deploy.ts";
import type { DistributorChain } from "../../offchain/chain/distributor-chain.ts";
import { openSigner, type Signer } from "../../offchain/chain/signer.ts";
import type { Address } from "../../offchain/core/address.ts";
import { Secret } from "../../offchain/core/secret.ts";
import { type LocalChain, startLocalChain } from "../../offchain/demo/local-chain.ts";

/** What tests do to a chain from outside: mine, move the clock, send as anybody. */
export type ChainControl = ReturnType<typeof controlOf>;

/** Anvil for the tests of a file; it ends with them. */
export function useAnvil(): { readonly local: () => LocalChain; readonly control: () => ChainControl } {
  let local: LocalChain | undefined;
  beforeAll(async () => {
    local = await startLocalChain();
  });
  afterAll(() => local?.stop());
  const started = (): LocalChain => local ?? fail("the chain is not there yet");
  return { local: started, control: () => controlOf(started().rpcUrl) };
}

/** A new distributor: account 0 is its admin, 1 its poster, 2 its guardian. */
export type TestDistributor = {
  readonly address: Address;
  readonly deployedAtBlock: number;
  readonly poster: Signer;
  readonly guardian: Signer;
  /** The distributor through the given URL, the chain's own when left out. */
  readonly open: (options?: Partial<ChainOptions>) => DistributorChain;
};

/** Deploys a distributor, with `fundsEth` in it. */
export async function deployTestDistributor(
  { local, control }: ReturnType<typeof useAnvil>,
  options: { readonly activationDelaySeconds?: number; readonly fundsEth?: string } = {},
): Promise<TestDistributor> {
  const { activationDelaySeconds = 60, fundsEth = "1" } = options;
  const [admin, poster, guardian] = await Promise.all([0, 1, 2].map((index) => signerAt(local(), index)));
  if (admin === undefined || poster === undefined || guardian === undefined) fail("too few accounts");
  const account = privateKeyToAccount(local().accounts[0]?.privateKey ?? "0x");
  const transport = http(local().rpcUrl);
  const clients = {
    publicClient: createPublicClient({ chain: anvil, transport, pollingInterval: 10 }),
    walletClient: createWalletClient({ account, chain: anvil, transport }),
  };
  const roles = { admin: admin.address, poster: poster.address, guardian: guardian.address };
  const deployed = await deployDistributor(clients, {
    ...roles,
    adminDelaySeconds: 0,
    activationDelaySeconds,
  });
  const { address } = deployed;
  const deployedAtBlock = Number(deployed.block);
  if (fundsEth !== "0")
    await control().send({ from: admin.address, to: address, value: parseEther(fundsEth) });
  const defaults = { rpcUrl: local().rpcUrl, chainId: 31_337, distributor: address, deployedAtBlock };
  const limits = { maxGasPriceWei: 100_000_000_000n, gasLimit: 15_000_000n, retries: 0 };
  return {
    ...{ address, deployedAtBlock, poster, guardian },
    open: (own = {}) => openDistributorChain({ ...defaults, ...limits, ...own }),
  };
}

/** The signer of an account of the chain. */
export function signerAt({ accounts }: LocalChain, index: number): Promise<Signer> {
  return openSigner({ key: new Secret(accounts[index]?.privateKey ?? "") });
}

/** A JSON-RPC request as a proxy sees it; `forward` asks the chain. */
export type ProxiedRequest = {
  readonly method: string;
  readonly params: readonly unknown[];
  readonly forward: (params?: readonly unknown[]) => Promise<unknown>;
};

/** What a proxy answers with: a result, an error of the RPC's own, or nothing at all. */
export type ProxyAnswer =
  | { readonly result: unknown }
  | { readonly error: { code: number; message: string } }
  | "hang-up";

/** An RPC in front of a chain that does whatever `rule` says; without one it passes everything on. */
export type RpcProxy = {
  readonly url: string;
  rule: Rule | undefined;
  /** The HTTP status of every answer. */
  status: number;
  /** The methods asked for so far. */
  readonly seen: string[];
  /** The header of the last request. */
  authorization: string | undefined;
};

type Rule = (request: ProxiedRequest) => ProxyAnswer | undefined | Promise<ProxyAnswer | undefined>;

/** Starts a proxy that goes away with the test. */
export async function startRpcProxy(target: string): Promise<RpcProxy> {
  const seen: string[] = [];
  const ask = async (method: string, params: readonly unknown[]): Promise<Record<string, unknown>> => {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    const headers = { "content-type": "application/json" };
    return (await fetch(target, { method: "POST", headers, body })).json() as Promise<
      Record<string, unknown>
    >;
  };
  const server = createServer((request, response) => {
    if (request.method === "HEAD") return void response.end();
    void (async () => {
      const { id, method, params = [] } = (await json(request)) as { id: number } & ProxiedRequest;
      seen.push(method);
      proxy.authorization = request.headers.authorization;
      response.statusCode = proxy.status;
      const forward = async (own = params): Promise<unknown> => (await ask(method, own)).result;
      const answer = (await proxy.rule?.({ method, params, forward })) ?? (await ask(method, params));
      if (answer === "hang-up") return request.socket.destroy();
      response.setHeader("content-type", "application/json");
      return response.end(JSON.stringify({ jsonrpc: "2.0", ...answer, id }));
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const place = server.address();
  const port = typeof place === "object" ? place?.port : undefined;
  const url = `http://127.0.0.1:${port}`;
  const proxy: RpcProxy = { url, rule: undefined, status: 200, seen, authorization: undefined };
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return proxy;
}

function controlOf(rpcUrl: string) {
  const client = createTestClient({ mode: "anvil", chain: anvil, transport: http(rpcUrl), cacheTime: 0 })
    .extend(publicActions)
    .extend(walletActions);
  return {
    client,
    /** Mines blocks: two more make what stands now final. */
    mine: (blocks = 1) => client.mine({ blocks }),
    /** Moves the clock on and mines. */
    pass: async (seconds: number) => {
      await client.increaseTime({ seconds });
      await client.mine({ blocks: 1 });
    },
    /** Sends a transaction as any development account, and waits for it. */
    send: async (given: { from: Address; to: Address; value?: bigint; data?: Hex }): Promise<void> => {
      const { from, ...rest } = given;
      const hash = await client.sendTransaction({ account: from, ...rest });
      const { status } = await client.waitForTransactionReceipt({ hash, pollingInterval: 10 });
      if (status !== "success") fail("the transaction was reverted");
    },
  };
}

function fail(reason: string): never {
  throw new Error(reason);
}
