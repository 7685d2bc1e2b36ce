import { erc20Abi, type Hex, hexToBigInt, hexToNumber, type RpcBlock, toHex } from "viem";
import { type Address, zeroAddress } from "../core/address.ts";
import { append } from "../core/append.ts";
import { exitCodes, PayrootError } from "../errors.ts";
import { isDistributor } from "./deploy.ts";
import { distributorReader } from "./distributor.ts";
import { distributorAbi } from "./distributor-artifact.ts";
import type {
  AssetBooks,
  Block,
  BlockTag,
  ChainEpoch,
  DistributorCall,
  DistributorChain,
} from "./distributor-chain.ts";
import { readLogs } from "./logs.ts";
import { openRpc, type Rpc } from "./rpc.ts";
import { isSignature } from "./signature.ts";
import { planTransaction, readReceipt, sendTransaction, signTransaction } from "./transactions.ts";

/** Which distributor, through which RPC, and the limits of what is sent. */
export type ChainOptions = {
  readonly rpcUrl: string;
  readonly chainId: number;
  readonly distributor: Address;
  /** No log stands before this block; 0 when it is not known. */
  readonly deployedAtBlock?: number;
  readonly maxGasPriceWei: bigint;
  readonly gasLimit: bigint;
  /** Blocks of logs asked for at once. */
  readonly logBlocks?: number;
  readonly timeoutMs?: number;
  /** How often a read is asked again. */
  readonly retries?: number;
};

/** The distributor through JSON-RPC. Connects to nothing yet: `verify` does. Throws `rpc-url-invalid`. */
export function openDistributorChain(options: ChainOptions): DistributorChain {
  const { chainId, distributor, deployedAtBlock = 0, logBlocks = 10_000, rpcUrl, ...rest } = options;
  const rpc = openRpc({ url: rpcUrl, ...rest });
  const context = { rpc, chainId, distributor, ...rest };
  const source = { rpc, distributor, mostBlocks: logBlocks };
  return {
    chainId,
    distributor,
    deployedAtBlock,
    verify: () => verify(rpc, { chainId, distributor }),
    block: (tag) => readBlock(rpc, tag),
    ...views(rpc, distributor),
    isSignature: (signed) => isSignature(rpc, signed),
    isOurCode: () => rpc.ask((client) => isDistributor(client, distributor)),
    balanceWei: (address) => rpc.ask((client) => client.getBalance({ address })),
    transactionCount: async (account, at) =>
      hexToNumber(
        await rpc.ask((client) =>
          client.request({ method: "eth_getTransactionCount", params: [account, tagOf(at)] }),
        ),
      ),
    logs: (range) => readLogs(source, range),
    simulate: (call, from) => simulate(rpc, { ...call, from, to: distributor, at: "latest" }),
    plan: (call, plan) => planTransaction(context, call, plan),
    sign: (call, plan, signer) => signTransaction(context, { call, plan, signer }),
    send: (raw) => sendTransaction(context, raw),
    receipt: (transaction) => readReceipt(context, transaction),
    revertReason: async (call, { from, block }) => {
      for (const at of [block - 1, block]) {
        try {
          await simulate(rpc, { ...call, from, to: distributor, at });
        } catch (error) {
          if (error instanceof PayrootError && error.code === "call-reverted") return `${error.facts.reason}`;
        }
      }
      return "unknown";
    },
  };
}

type Views = Pick<
  DistributorChain,
  | "latestEpoch"
  | "head"
  | "activationDelaySeconds"
  | "attestationQuorum"
  | "epoch"
  | "asset"
  | "claimed"
  | "claimedByMany"
  | "recipientOf"
  | "hasRole"
>;

function views(rpc: Rpc, distributor: Address): Views {
  const contract = distributorReader({ address: distributor, publicClient: rpc.client });
  const { read } = contract;
  return {
    latestEpoch: async () => Number(await rpc.ask(() => read.latestEpoch())),
    head: () => rpc.ask(() => read.head()),
    activationDelaySeconds: async () => Number(await rpc.ask(() => read.activationDelay())),
    attestationQuorum: () => rpc.ask(() => read.attestationQuorum()),
    epoch: async (epoch, at = "latest"): Promise<ChainEpoch | undefined> => {
      const when = typeof at === "number" ? { blockNumber: BigInt(at) } : { blockTag: at };
      const [root, activatesAt, recordId] = await rpc.ask(() => read.epochs([BigInt(epoch)], when));
      return activatesAt === 0 ? undefined : { root, activatesAtSeconds: activatesAt, recordId };
    },
    asset: async (asset): Promise<AssetBooks> => {
      const [[allocated, claimed, pausedUntilSeconds], held] = await Promise.all([
        rpc.ask(() => read.assets([asset])),
        heldBy(rpc, { distributor, asset }),
      ]);
      return { allocated, claimed, held, pausedUntilSeconds };
    },
    claimed: ({ account, asset }) => rpc.ask(() => read.claimed([account, asset])),
    claimedByMany: (of) => claimedByMany(rpc, { distributor, of }),
    recipientOf: (account) => rpc.ask(() => read.recipientOf([account])),
    hasRole: async (name, account) => {
      const role = await rpc.ask(() => read[name]());
      return rpc.ask(() => read.hasRole([role, account]));
    },
  };
}

// As the code of a contract that is never deployed, so that it needs none on the chain; nodes take 49,152 bytes of it.
async function claimedByMany(
  rpc: Rpc,
  { distributor, of }: { distributor: Address; of: readonly { account: Address; asset: Address }[] },
): Promise<bigint[]> {
  const amounts: bigint[] = [];
  for (let start = 0; start < of.length; start += mostReads) {
    const contracts = of.slice(start, start + mostReads).map(
      ({ account, asset }) =>
        ({
          abi: distributorAbi,
          address: distributor,
          functionName: "claimed",
          args: [account, asset],
        }) as const,
    );
    const options = { contracts, deployless: true, batchSize: 0, allowFailure: false } as const;
    append(amounts, await rpc.ask((client) => client.multicall(options)));
  }
  return amounts;
}

const mostReads = 128;

async function heldBy(rpc: Rpc, of: { distributor: Address; asset: Address }): Promise<bigint> {
  const { distributor, asset } = of;
  if (asset === zeroAddress) return rpc.ask((client) => client.getBalance({ address: distributor }));
  const token = { abi: erc20Abi, address: asset, functionName: "balanceOf", args: [distributor] } as const;
  return rpc.ask((client) => client.readContract(token));
}

async function verify(rpc: Rpc, expected: { chainId: number; distributor: Address }): Promise<void> {
  const { chainId, distributor } = expected;
  const given = await rpc.ask((client) => client.getChainId());
  if (given !== chainId) throw wrongChain({ rpc: rpc.origin, given, expected: chainId });
  const code = await rpc.ask((client) => client.getCode({ address: distributor }));
  if (code === undefined) throw distributorMissing({ distributor, chainId });
}

async function readBlock(rpc: Rpc, tag: BlockTag): Promise<Block | undefined> {
  const found: RpcBlock | null = await rpc.ask((client) =>
    client.request({ method: "eth_getBlockByNumber", params: [tagOf(tag), false] }),
  );
  if (found === null || found.hash === null || found.number === null) return undefined;
  return {
    number: hexToNumber(found.number),
    hash: found.hash,
    timestampSeconds: hexToNumber(found.timestamp),
    baseFeeWei: hexToBigInt(found.baseFeePerGas ?? "0x0"),
  };
}

function simulate(
  rpc: Rpc,
  call: DistributorCall & { from: Address; to: Address; at: BlockTag },
): Promise<Hex> {
  const { from, to, data, valueWei, at } = call;
  const params = { from, to, data, value: toHex(valueWei) };
  return rpc.ask((client) => client.request({ method: "eth_call", params: [params, tagOf(at)] }));
}

function tagOf<T extends string>(tag: T | number): T | Hex {
  return typeof tag === "number" ? toHex(tag) : tag;
}

function wrongChain(facts: { rpc: string; given: number; expected: number }): PayrootError {
  return new PayrootError("wrong-chain", "The RPC serves another chain than the configured one.", {
    facts,
    next: "correct ETH_RPC_ENDPOINT or CHAIN_ID",
    exitCode: exitCodes.usage,
  });
}

function distributorMissing(facts: { distributor: Address; chainId: number }): PayrootError {
  return new PayrootError("distributor-missing", "There is no contract at the distributor's address.", {
    facts,
    next: "correct DISTRIBUTOR_ADDRESS or CHAIN_ID, or deploy one with: payroot deploy",
    exitCode: exitCodes.usage,
  });
}
