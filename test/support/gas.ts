import { brotliCompressSync, constants } from "node:zlib";
import { type Address, encodeFunctionData, type Hex, hexToBytes, keccak256, numberToHex } from "viem";
import { encodeAttestations } from "../../offchain/chain/attestation.ts";
import { claimBatches } from "../../offchain/chain/batch.ts";
import { deployDistributor } from "../../offchain/chain/deploy.ts";
import { distributorAbi } from "../../offchain/chain/distributor-artifact.ts";
import { type EpochRecord, recordTypedData } from "../../offchain/chain/record.ts";
import { zeroAddress } from "../../offchain/core/address.ts";
import { type Leaf, leafHashes } from "../../offchain/core/merkle/leaf.ts";
import { buildTree, type MerkleTree } from "../../offchain/core/merkle/tree.ts";
import type { LocalChain } from "./chain.ts";
import type { Token } from "./token.ts";

/** One transaction: what it did, for how many workers, what it took. */
export type GasMeasurement = {
  readonly name: string;
  readonly workers: number;
  readonly gas: number;
  readonly calldataBytes: number;
  /** Of the calldata, brotli-compressed as Arbitrum's sequencer does before it charges for it. */
  readonly compressedBytes: number;
  readonly transaction: Hex;
};

/** A transaction must stay below what EIP-7825 allows. */
const gasLimit = 16_777_216n;
const shareWei = 1_234_567_890_123_456n;

/** Distinct addresses with 20 busy bytes. */
export function workerAddress(i: number): Address {
  return `0x${keccak256(numberToHex(i, { size: 32 })).slice(26)}`;
}

/** Sends `data` and reports what it took. Throws when it reverted. */
export async function measure(
  chain: LocalChain,
  call: { name: string; workers: number; to: Address; data?: Hex; valueWei?: bigint },
): Promise<GasMeasurement> {
  const [wallet] = chain.wallets;
  const { to, data = "0x", valueWei = 0n, name, workers } = call;
  const hash = await wallet.sendTransaction({ to, data, value: valueWei, gas: gasLimit });
  const receipt = await chain.publicClient.getTransactionReceipt({ hash });
  if (receipt.status !== "success") throw new Error(`${name} reverted`);
  const bytes = hexToBytes(data);
  return {
    name,
    workers,
    gas: Number(receipt.gasUsed),
    calldataBytes: bytes.length,
    compressedBytes: brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }).length,
    transaction: hash,
  };
}

/** The tree of an epoch in which each of `n` workers earned another share. */
export type EpochTree = {
  readonly epoch: bigint;
  readonly leaves: readonly Leaf[];
  readonly tree: MerkleTree;
};

/** The tree of an epoch; the same for the same arguments. */
export function epochTree(of: { n: number; asset: Address; epoch: bigint }): EpochTree {
  const cumulative = of.epoch * shareWei;
  const leaf = (_: unknown, i: number) => ({ account: workerAddress(i), asset: of.asset, cumulative });
  const leaves = Array.from({ length: of.n }, leaf);
  return { epoch: of.epoch, leaves, tree: buildTree(leafHashes(leaves)) };
}

/** A funded distributor, and the calls that are measured. Wallet 0 holds every role, the next ones attest. */
export type GasPool = {
  post(name: string, tree: EpochTree, quorum?: number): Promise<GasMeasurement>;
  claim(name: string, tree: EpochTree, index: number): Promise<GasMeasurement>;
  claimBatch(name: string, tree: EpochTree, wanted: Iterable<number>): Promise<GasMeasurement>;
  requireAttestations(quorum: number): Promise<void>;
};

/** Deploys a distributor and funds it with enough of the asset for ten epochs; a token's `mint` is open to all. */
export async function openGasPool(chain: LocalChain, of: { n: number; token?: Token }): Promise<GasPool> {
  const [wallet] = chain.wallets;
  const me = wallet.account.address;
  const { address: distributor } = await deployDistributor(
    { publicClient: chain.publicClient, walletClient: wallet },
    { admin: me, adminDelaySeconds: 0, poster: me, guardian: me, activationDelaySeconds: 0 },
  );
  const fundsWei = 10n * BigInt(of.n) * shareWei;
  if (of.token === undefined) await wallet.sendTransaction({ to: distributor, value: fundsWei });
  else await wallet.writeContract({ ...of.token, functionName: "mint", args: [distributor, fundsWei] });
  const chainId = await chain.publicClient.getChainId();
  const attestors = chain.wallets.slice(1);
  const call = { address: distributor, abi: distributorAbi } as const;
  return {
    post: async (name, { epoch, leaves, tree }, quorum = 0) => {
      const record: EpochRecord = {
        epoch,
        previous: await chain.publicClient.readContract({ ...call, functionName: "head" }),
        root: tree.root,
        earningsRoot: keccak256(tree.root),
        manifestHash: keccak256(keccak256(tree.root)),
        totals: [
          {
            asset: of.token?.address ?? zeroAddress,
            cumulative: leaves.reduce((sum, leaf) => sum + leaf.cumulative, 0n),
          },
        ],
      };
      const typed = recordTypedData(record, { chainId, distributor });
      const signed = attestors.slice(0, quorum).map(async (attestor) => ({
        signer: attestor.account.address,
        signature: await attestor.signTypedData(typed),
      }));
      const args = [record, encodeAttestations(await Promise.all(signed))] as const;
      const data = encodeFunctionData({ abi: distributorAbi, functionName: "postEpoch", args });
      return measure(chain, { name, workers: leaves.length, to: distributor, data });
    },
    claim: (name, { epoch, leaves, tree }, index) => {
      const leaf = leaves[index];
      if (leaf === undefined) throw new Error("no such worker");
      const args = [epoch, leaf, tree.proof(index)] as const;
      const data = encodeFunctionData({ abi: distributorAbi, functionName: "claim", args });
      return measure(chain, { name, workers: 1, to: distributor, data });
    },
    claimBatch: (name, { epoch, leaves, tree }, wanted) => {
      const [batch] = claimBatches({ tree, leaves, wanted, size: leaves.length });
      if (batch === undefined) throw new Error("no workers");
      const args = [epoch, batch.leaves, batch.proof, batch.flags] as const;
      const data = encodeFunctionData({ abi: distributorAbi, functionName: "claimBatch", args });
      return measure(chain, { name, workers: batch.leaves.length, to: distributor, data });
    },
    requireAttestations: async (quorum) => {
      const role = await chain.publicClient.readContract({ ...call, functionName: "ATTESTOR" });
      for (const { account } of attestors.slice(0, quorum)) {
        await wallet.writeContract({ ...call, functionName: "grantRole", args: [role, account.address] });
      }
      await wallet.writeContract({ ...call, functionName: "setAttestationQuorum", args: [quorum] });
    },
  };
}
