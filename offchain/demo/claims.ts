import { type Account, createPublicClient, createWalletClient, http } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { anvil } from "viem/chains";
import { claimCall } from "../chain/calls.ts";
import type { Address } from "../core/address.ts";
import type { Hash, ProofEntry } from "../core/artifacts.ts";
import { invariant } from "../errors.ts";
import { formatEth, type Output } from "../format.ts";
import { get } from "./balance.ts";
import type { LocalPool } from "./local-pool.ts";

type WorkerAnswer = { readonly assets: readonly { readonly asset: Address; readonly claimable: string }[] };
type ProofAnswer = { readonly epoch: number | null; readonly leaves: readonly ProofEntry[] };

/** Every third worker leaves its money where it is, to show that nothing is lost by waiting. */
function isPatient(index: number): boolean {
  return index % 3 === 2;
}

/**
 * Claims for the workers who want it, as their own clients would: the proof from the API, the transaction by an account
 * that is not the operator's; the contract sends the money to the worker whoever calls.
 */
export async function claimForWorkers(show: {
  readonly out: Output;
  readonly url: string;
  readonly pool: LocalPool;
  readonly workers: readonly Address[];
}): Promise<void> {
  const { out, url, pool } = show;
  const account = privateKeyToAccount(pool.claimer.privateKey);
  const common = {
    chain: { ...anvil, id: pool.chainId },
    transport: http(pool.rpcUrl),
    pollingInterval: 200,
  };
  const client = createPublicClient(common);
  const wallet = createWalletClient({ ...common, account: account as Account });
  let nonce = await client.getTransactionCount({ address: account.address });
  let total = 0n;
  const hashes: Hash[] = [];
  for (const [index, worker] of show.workers.entries()) {
    if (isPatient(index)) continue;
    const { assets } = await get<WorkerAnswer>(`${url}/v1/workers/${worker}`);
    for (const { asset, claimable } of assets) {
      if (BigInt(claimable) === 0n) continue;
      const { epoch, leaves } = await get<ProofAnswer>(`${url}/v1/workers/${worker}/proof`);
      const leaf = leaves.find((entry) => entry.asset === asset);
      invariant(epoch !== null && leaf !== undefined, "Something is claimable without a proof.", { worker });
      const { data } = claimCall({
        epoch,
        leaf: { account: worker, asset, cumulative: BigInt(leaf.cumulative) },
        proof: leaf.proof,
      });
      hashes.push(
        await wallet.sendTransaction({ to: pool.distributor, data, nonce: nonce++, gas: 300_000n }),
      );
      total += BigInt(claimable);
    }
  }
  if (hashes.length === 0) return;
  for (const hash of hashes) {
    const { status } = await client.waitForTransactionReceipt({ hash });
    invariant(status === "success", "A claim was refused.", { transaction: hash });
  }
  out.line(`claimed ${formatEth(total)} for ${hashes.length} workers`);
}
