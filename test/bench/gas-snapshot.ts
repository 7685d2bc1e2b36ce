// Measures the gas of the distributor and writes it down: node test/bench/gas-snapshot.ts. A test fails when it grows later.
import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { hardhatChain } from "../support/chain.ts";
import { measurePool } from "../support/gas-plan.ts";
import { deployToken } from "../support/token.ts";

/** Where the figures are: gas by asset and transaction, in a pool of 1,000 workers. */
export const gasSnapshotFile = fileURLToPath(new URL("../golden/gas.json", import.meta.url));

/** Gas by name, such as "ETH: claim, repeat". */
export type GasSnapshot = Readonly<Record<string, number>>;

/** Measures what the snapshot holds. */
export async function measureGas(): Promise<GasSnapshot> {
  const chain = await hardhatChain();
  try {
    const token = await deployToken(chain);
    const figures = [];
    for (const [asset, plan] of [
      ["ETH", { n: 1000 }],
      ["ERC-20", { n: 1000, token }],
    ] as const) {
      for (const { name, gas } of await measurePool(chain, plan)) figures.push([`${asset}: ${name}`, gas]);
    }
    return Object.fromEntries(figures);
  } finally {
    await chain.close();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeFile(gasSnapshotFile, `${JSON.stringify(await measureGas(), null, 2)}\n`);
  console.log(`wrote ${gasSnapshotFile}`);
}
