import { type Address, encodeFunctionData } from "viem";
import { zeroAddress } from "../../offchain/core/address.ts";
import type { LocalChain } from "./chain.ts";
import { epochTree, type GasMeasurement, measure, openGasPool, workerAddress } from "./gas.ts";
import type { Token } from "./token.ts";

/** What is measured: a pool of `n` workers paid in ETH, or in the token. `look` sees each while it is on the chain. */
export type GasPlan = {
  readonly n: number;
  readonly token?: Token;
  readonly look?: (one: GasMeasurement) => Promise<void>;
};

const batchSizes = [1, 10, 50, 200];

/**
 * Every kind of transaction of a pool, each from the same state: first ever, when nobody was paid before, and repeat,
 * when everyone concerned was. "All" is everyone in batches of 200; beyond 1,000 workers it is not sent.
 */
export async function measurePool(chain: LocalChain, plan: GasPlan): Promise<GasMeasurement[]> {
  const { n, token, look = async () => {} } = plan;
  const pool = await openGasPool(chain, { n, ...(token && { token }) });
  const asset = token?.address ?? zeroAddress;
  const [first, second, third] = [1n, 2n, 3n].map((epoch) => epochTree({ n, asset, epoch }));
  if (first === undefined || second === undefined || third === undefined) throw new Error("no epochs");
  const chunks = Array.from({ length: Math.ceil(n / 200) }, (_, i) => 200 * i);
  const results: GasMeasurement[] = [];
  const apart = async (run: () => Promise<GasMeasurement>) => {
    const id = await chain.testClient.snapshot();
    const one = await run();
    results.push(one);
    await look(one);
    await chain.testClient.revert({ id });
  };
  for (const { tree, phase } of [
    { tree: first, phase: "first ever" },
    { tree: second, phase: "repeat" },
  ]) {
    const order = tree.tree.treeOrder();
    results.push(await pool.post(`postEpoch, quorum 0, ${phase}`, tree));
    await apart(() => pool.claim(`claim, ${phase}`, tree, order[0] ?? 0));
    for (const size of batchSizes.filter((most) => most <= n)) {
      await apart(() => pool.claimBatch(`claimBatch of ${size}, ${phase}`, tree, order.subarray(0, size)));
    }
    if (n <= 1000) {
      const all: GasMeasurement[] = [];
      for (const start of chunks) {
        all.push(await pool.claimBatch(`all workers, ${phase}`, tree, order.subarray(start, start + 200)));
      }
      results.push(sumOf(all));
    } else if (tree === first) {
      // Those whom the next epoch's first batch concerns, so that it repeats.
      const next = second.tree.treeOrder();
      for (const start of [0, 50, 100, 150]) {
        await pool.claimBatch("paid before", tree, next.subarray(start, start + 50));
      }
    }
  }
  await pool.requireAttestations(3);
  results.push(await pool.post("postEpoch, quorum 3, repeat", third, 3));
  return results;
}

/** What paying one by one costs in the same state: to those who have nothing yet, and to those who have. */
export async function measureTransfers(chain: LocalChain, token: Token): Promise<GasMeasurement[]> {
  const to = workerAddress(2 ** 31);
  const results: GasMeasurement[] = [];
  const [wallet] = chain.wallets;
  await wallet.writeContract({ ...token, functionName: "mint", args: [wallet.account.address, 10n ** 18n] });
  const move = (amount: bigint): { to: Address; data: `0x${string}` } => ({
    to: token.address,
    data: encodeFunctionData({ ...token, functionName: "transfer", args: [to, amount] }),
  });
  for (const phase of ["first ever", "repeat"]) {
    const one = { workers: 1 };
    results.push(await measure(chain, { ...one, name: `ETH transfer, ${phase}`, to, valueWei: 10n ** 15n }));
    results.push(await measure(chain, { ...one, name: `ERC-20 transfer, ${phase}`, ...move(10n ** 15n) }));
  }
  return results;
}

function sumOf(all: readonly GasMeasurement[]): GasMeasurement {
  const [first] = all;
  if (first === undefined) throw new Error("nothing to add up");
  const sum = (value: (one: GasMeasurement) => number) => all.reduce((total, one) => total + value(one), 0);
  return {
    ...first,
    workers: sum(({ workers }) => workers),
    gas: sum(({ gas }) => gas),
    calldataBytes: sum(({ calldataBytes }) => calldataBytes),
    compressedBytes: sum(({ compressedBytes }) => compressedBytes),
  };
}
