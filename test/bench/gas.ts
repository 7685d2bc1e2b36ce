import { hardhatChain, type LocalChain } from "../support/chain.ts";
import type { GasMeasurement } from "../support/gas.ts";
import { measurePool, measureTransfers } from "../support/gas-plan.ts";
import { deployToken } from "../support/token.ts";
import { machine } from "./report.ts";

const targets: readonly (readonly [name: string, perWorker: number])[] = [
  ["claimBatch of 200, repeat", 21_000],
  ["claim, repeat", 58_000],
  ["postEpoch, quorum 0, repeat", 100_000],
];

/** Gas of everything the distributor does, beside plain transfers in the same run, and what Arbitrum charges bytes for. */
export async function run(): Promise<void> {
  console.log("Gas of the distributor, beside plain transfers one by one");
  console.log(`machine: ${machine()}`);
  console.log("method:  Hardhat's network in process, gas used by receipts, each call from the same state;");
  console.log(
    "         first ever = workers never seen before, repeat = everyone was paid an epoch earlier;",
  );
  console.log("         batches are neighbours in the tree; all = batches of 200 added up;");
  console.log("         compressed = calldata after brotli at level 1, close to what Arbitrum charges for\n");
  const chain = await hardhatChain();
  try {
    const token = await deployToken(chain);
    const header = "gas a worker       gas   bytes a worker   compressed";
    console.log(`${"".padEnd(34)}${header}`);
    for (const one of await measureTransfers(chain, token)) console.log(line(one, false));
    for (const n of [100, 1000, 100_000]) {
      for (const asset of ["ETH", "ERC-20"]) {
        console.log(`\n${asset}, ${n.toLocaleString("en")} workers`);
        const missed: string[] = [];
        const look = async (one: GasMeasurement): Promise<void> => {
          if (asset === "ETH" && !reached(one))
            missed.push(`  ${one.name}: ${await opcodeGroups(chain, one)}`);
        };
        const results = await measurePool(chain, { n, look, ...(asset === "ERC-20" && { token }) });
        for (const one of results) console.log(line(one, asset === "ETH"));
        for (const text of missed) console.log(`  beyond its target, ${text.trim()}`);
      }
    }
  } finally {
    await chain.close();
  }
}

function line(
  { name, workers, gas, calldataBytes, compressedBytes }: GasMeasurement,
  judged: boolean,
): string {
  const whole = name.startsWith("postEpoch");
  const each = (value: number) => (whole ? value : value / workers).toFixed(whole ? 0 : 1);
  const cells = [each(gas).padStart(12), String(gas).padStart(10), each(calldataBytes).padStart(17)];
  const target = targets.find(([of]) => of === name)?.[1];
  const verdict = target === undefined || !judged ? "" : `   target ${target}`;
  return `  ${name.padEnd(32)}${cells.join("")}${each(compressedBytes).padStart(13)}${verdict}`;
}

function reached(one: GasMeasurement): boolean {
  const target = targets.find(([name]) => name === one.name)?.[1];
  // A post is one transaction for all workers.
  const gas = one.name.startsWith("postEpoch") ? one.gas : one.gas / one.workers;
  return target === undefined || gas <= target;
}

const groups: readonly (readonly [group: string, ops: RegExp])[] = [
  ["storage", /^(SLOAD|SSTORE|TLOAD|TSTORE)$/],
  ["call", /^(CALL|STATICCALL|BALANCE|EXTCODESIZE|SELFBALANCE)$/],
  ["log", /^LOG/],
  ["hashing", /^KECCAK256$/],
];

type Step = { readonly op: string; readonly depth: number; readonly gas: number; readonly gasCost: number };

/** Where the gas of a transaction went; what is left when the transaction itself and its calldata are taken off is the rest. */
async function opcodeGroups(chain: LocalChain, { transaction, gas }: GasMeasurement): Promise<string> {
  const trace = (await chain.publicClient.request({
    method: "debug_traceTransaction",
    params: [transaction, { disableMemory: true, disableStack: true, disableStorage: true }],
  } as never)) as { structLogs: Step[] };
  const steps = trace.structLogs.filter(({ depth }) => depth === 1);
  const spent = new Map<string, number>();
  for (const [i, step] of steps.entries()) {
    const group = groups.find(([, ops]) => ops.test(step.op))?.[0] ?? "other opcodes";
    const cost = group === "call" ? step.gas - (steps[i + 1]?.gas ?? step.gas) : step.gasCost;
    spent.set(group, (spent.get(group) ?? 0) + cost);
  }
  const executed = [...spent.values()].reduce((sum, cost) => sum + cost, 0);
  spent.set("transaction and calldata", gas - executed);
  return [...spent].map(([group, cost]) => `${group} ${cost}`).join(" · ");
}
