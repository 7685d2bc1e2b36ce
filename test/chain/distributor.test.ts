import { type Address, BaseError, concat, decodeErrorResult, type Hex, http, parseEther, sha256 } from "viem";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeAttestations } from "../../offchain/chain/attestation.ts";
import { claimBatches } from "../../offchain/chain/batch.ts";
import { deployDistributor } from "../../offchain/chain/deploy.ts";
import { distributorReader, distributorWriter } from "../../offchain/chain/distributor.ts";
import { distributorAbi } from "../../offchain/chain/distributor-artifact.ts";
import {
  type EpochRecord,
  noRecordHash,
  recipientTypedData,
  recordHash,
  recordTypedData,
} from "../../offchain/chain/record.ts";
import { zeroAddress } from "../../offchain/core/address.ts";
import { earningHashes, type Leaf, leafHashes } from "../../offchain/core/merkle/leaf.ts";
import { buildTree } from "../../offchain/core/merkle/tree.ts";
import { startLocalChain } from "../../offchain/demo/local-chain.ts";
import { chainOver, hardhatChain, type LocalChain, type Wallet } from "../support/chain.ts";

async function anvilChain(): Promise<LocalChain> {
  const local = await startLocalChain();
  return chainOver({ transport: http(local.rpcUrl), mode: "anvil", close: () => local.stop() });
}

const noRecord: EpochRecord = {
  epoch: 0n,
  previous: noRecordHash,
  root: noRecordHash,
  earningsRoot: noRecordHash,
  manifestHash: noRecordHash,
  totals: [],
};

/** Thirty accounts that nobody has a key of, and ten that earn more each epoch. */
function leavesOf(epoch: bigint): Leaf[] {
  return Array.from({ length: 30 }, (_, i) => ({
    account: `0x${(0xa000 + i).toString(16).padStart(40, "0")}`,
    asset: zeroAddress,
    cumulative: 1_000_000n * BigInt(i + 1) * epoch,
  }));
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof BaseError)) throw new Error("it was not refused");
  const reverted = error.walk(
    (cause) => cause instanceof Error && "data" in cause && cause.data !== undefined,
  );
  const data = (reverted as { data?: { errorName?: string } } | null)?.data;
  return data?.errorName ?? error.message;
}

describe.each([
  { evm: "Hardhat's network", open: hardhatChain },
  { evm: "Anvil", open: anvilChain },
])("on $evm", ({ open }) => {
  let chain: LocalChain;
  let address: Address;
  let chainId: number;
  beforeAll(async () => {
    chain = await open();
    const [admin, poster, guardian] = chain.wallets;
    chainId = await chain.publicClient.getChainId();
    const clients = { publicClient: chain.publicClient, walletClient: admin };
    ({ address } = await deployDistributor(clients, {
      admin: admin.account.address,
      adminDelaySeconds: 0,
      poster: poster.account.address,
      guardian: guardian.account.address,
      activationDelaySeconds: 600,
    }));
  });
  afterAll(() => chain.close());

  const by = (wallet: Wallet) =>
    distributorWriter({ address, publicClient: chain.publicClient, walletClient: wallet });
  const from = (wallet: Wallet) => ({ account: wallet.account.address });
  const read = () => distributorReader({ address, publicClient: chain.publicClient });
  const later = async (seconds: number) => {
    await chain.testClient.increaseTime({ seconds });
    await chain.testClient.mine({ blocks: 1 });
  };
  const mined = async (sent: Promise<Hex>) =>
    chain.publicClient.waitForTransactionReceipt({ hash: await sent });

  async function recordFor(epoch: bigint, totalWei?: bigint): Promise<EpochRecord> {
    const leaves = leavesOf(epoch);
    const earnings = leavesOf(1n).map(({ account, asset, cumulative }) => ({
      epoch: Number(epoch),
      account,
      asset,
      earned: cumulative,
    }));
    return {
      epoch,
      previous: await read().read.head(),
      root: buildTree(leafHashes(leaves)).root,
      earningsRoot: buildTree(earningHashes(earnings)).root,
      manifestHash: sha256("0x1234"),
      totals: [
        {
          asset: zeroAddress,
          cumulative: totalWei ?? leaves.reduce((sum, leaf) => sum + leaf.cumulative, 0n),
        },
      ],
    };
  }

  test("the whole life of a pool: fund, attest, post, revoke, post again, claim, batch, pause, withdraw", async () => {
    const [admin, poster, guardian, sponsor, worker] = chain.wallets;
    await mined(admin.sendTransaction({ to: address, value: parseEther("1"), gas: 30_000n }));
    const attestors = [sponsor, worker];
    for (const attestor of attestors) {
      await mined(by(admin).write.grantRole([await read().read.ATTESTOR(), attestor.account.address]));
    }
    await mined(by(admin).write.setAttestationQuorum([2]));
    const attest = async (record: EpochRecord) => {
      const data = recordTypedData(record, { chainId, distributor: address });
      const signed = attestors.map(async (attestor) => ({
        signer: attestor.account.address,
        signature: await attestor.signTypedData(data),
      }));
      return encodeAttestations(await Promise.all(signed));
    };
    const wrong = await recordFor(1n, 5n * 10n ** 17n);
    const right = await recordFor(1n);
    expect(await refusal(by(poster).simulate.postEpoch([right, []], from(poster)))).toBe("QuorumNotReached");
    expect(await refusal(by(poster).simulate.postEpoch([right, await attest(wrong)], from(poster)))).toBe(
      "InvalidSignature",
    );
    await mined(by(poster).write.postEpoch([wrong, await attest(wrong)]));
    expect(await read().read.head()).toBe(recordHash(wrong));
    await mined(by(guardian).write.revokeFrom([1n, noRecord]));
    await mined(by(poster).write.postEpoch([right, await attest(right)]));
    expect(await refusal(by(poster).simulate.postEpoch([right, await attest(right)], from(poster)))).toBe(
      "UnexpectedEpoch",
    );

    const leaves = leavesOf(1n);
    const tree = buildTree(leafHashes(leaves));
    const first = leaves[0];
    if (first === undefined) throw new Error("no leaves");
    const claim = [1n, first, tree.proof(0)] as const;
    expect(await refusal(by(sponsor).simulate.claim(claim))).toBe("EpochNotActive");
    await later(600);
    await mined(by(sponsor).write.claim(claim));
    expect(await refusal(by(sponsor).simulate.claim(claim))).toBe("NothingToClaim");
    const batches = claimBatches({ tree, leaves, wanted: leaves.map((_, i) => i), size: 12 });
    for (const { leaves: chosen, proof, flags } of batches) {
      await mined(by(sponsor).write.claimBatch([1n, chosen, proof, flags]));
    }
    for (const { account, cumulative } of leaves) {
      expect(await chain.publicClient.getBalance({ address: account })).toBe(cumulative);
    }
    const skipped = await read().getEvents.ClaimSkipped({}, { fromBlock: 0n });
    const reasons = skipped.map(({ args }) =>
      decodeErrorResult({ abi: distributorAbi, data: args.reason ?? "0x" }),
    );
    expect(reasons.map(({ errorName }) => errorName)).toEqual(["NothingToClaim"]);

    const second = await recordFor(2n);
    await mined(by(poster).write.postEpoch([second, await attest(second)]));
    await later(600);
    await mined(by(guardian).write.pause([zeroAddress]));
    const next = leavesOf(2n);
    const nextTree = buildTree(leafHashes(next));
    const again = [2n, next[3] ?? first, nextTree.proof(3)] as const;
    expect(await refusal(by(sponsor).simulate.claim(again))).toBe("AssetPaused");
    await later(7 * 86_400);
    await mined(by(sponsor).write.claim(again));

    const surplusWei = await read().read.surplusOf([zeroAddress]);
    const to = worker.account.address;
    const tooMuch = [zeroAddress, to, surplusWei + 1n] as const;
    expect(await refusal(by(admin).simulate.withdrawSurplus(tooMuch, from(admin)))).toBe("SurplusExceeded");
    await mined(by(admin).write.withdrawSurplus([zeroAddress, to, surplusWei]));
    expect(await read().read.surplusOf([zeroAddress])).toBe(0n);
    const [allocated, claimed] = await read().read.assets([zeroAddress]);
    expect(await chain.publicClient.getBalance({ address })).toBe(allocated - claimed);
  });

  test("a worker's signature sets its recipient, once, through anyone", async () => {
    const [, , , sponsor, , worker] = chain.wallets;
    if (worker === undefined) throw new Error("too few wallets");
    const account = worker.account.address;
    const recipient = "0x000000000000000000000000000000000000bEEF";
    const now = (await chain.publicClient.getBlock()).timestamp;
    const permission = { account, recipient, nonce: 0n, deadline: now + 3600n } as const;
    const signature = await worker.signTypedData(
      recipientTypedData(permission, { chainId, distributor: address }),
    );
    const args = [account, recipient, permission.deadline, signature] as const;
    const torn = [account, recipient, permission.deadline, concat([signature, "0x00"])] as const;
    expect(await refusal(by(sponsor).simulate.setRecipientWithSig(torn))).toBe("InvalidSignature");
    await mined(by(sponsor).write.setRecipientWithSig(args));
    expect(await read().read.recipientOf([account])).toBe(recipient);
    expect(await refusal(by(sponsor).simulate.setRecipientWithSig(args))).toBe("InvalidSignature");
  });

  test("a plain transfer with the old stipend of 2,300 gas is taken", async () => {
    const [admin] = chain.wallets;
    const receipt = await mined(admin.sendTransaction({ to: address, value: 1n, gas: 23_300n }));
    expect(receipt.status).toBe("success");
  });
});
