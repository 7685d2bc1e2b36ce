import type { Address } from "viem";
import type { ClaimedLog, DistributorChain } from "../../offchain/chain/distributor-chain.ts";
import { parseAddress } from "../../offchain/core/address.ts";
import { closeEpoch } from "../../offchain/pipeline/close/close-epoch.ts";
import { publishEpoch } from "../../offchain/pipeline/publish/publish.ts";
import { deployTestDistributor, signerAt, type useAnvil } from "./anvil.ts";
import { transcodeJob, transcodeKey } from "./events.ts";
import { openTestLedger, ruleset } from "./ledger.ts";

/** The worker of that number, 0 to 255. */
export function worker(index: number): Address {
  return parseAddress(`0x${(index + 1).toString(16).padStart(2, "0")}${"c0ffee".repeat(6)}77`) ?? "0x";
}

/** What worker `index` earns an epoch, in wei: (index + 1) × 900,000. */
export function earnedBy(index: number): bigint {
  return BigInt(index + 1) * 900_000n;
}

/** A pool with an active epoch in which `count` workers earned; account 5 of the chain sends. */
export async function openSponsoredPool(anvil: ReturnType<typeof useAnvil>, count: number) {
  const distributor = await deployTestDistributor(anvil);
  const ledger = await openTestLedger();
  const chain = distributor.open();
  let epoch = 0;
  const next = async () => {
    epoch += 1;
    const jobs = Array.from({ length: count }, (_, index) => {
      return transcodeJob({ id: `${epoch} ${index}`, account: worker(index), units: 1000 * (index + 1) });
    });
    // In two partitions, so that an account's money is counted across them.
    const half = Math.ceil(count / 2);
    await ledger.write(transcodeKey(`e${epoch}a`), jobs.slice(0, half));
    await ledger.write(transcodeKey(`e${epoch}b`), jobs.slice(half));
    const place = { chainId: 31_337, distributor: distributor.address };
    const closesAt = Date.UTC(2025, 10, 5 + epoch);
    await closeEpoch(ledger, { ruleset, partitions: undefined, ...place, closesAt });
    const posting = { broadcast: true, signer: distributor.poster, pollMs: 10 };
    await publishEpoch({ ...ledger, chain }, epoch, posting);
    await anvil.control().pass(61);
  };
  await next();
  const signer = await signerAt(anvil.local(), 5);
  const options = { minimum: 1n, broadcast: true, signer, pollMs: 10, waitSeconds: 20 };
  return { ledger, distributor, chain, next, options, ports: { artifacts: ledger.artifacts, chain } };
}

/** A chain whose transactions are what `send` makes of them. */
export function sendingBy(
  chain: DistributorChain,
  send: (raw: `0x${string}`, before: number) => ReturnType<DistributorChain["send"]>,
): DistributorChain {
  let sent = 0;
  return { ...chain, send: (raw) => send(raw, sent++) };
}

/** Every payment of a distributor, in chain order. */
export async function paymentsOf(chain: DistributorChain): Promise<ClaimedLog[]> {
  const latest = await chain.block("latest");
  const pages = await Array.fromAsync(chain.logs({ from: chain.deployedAtBlock, to: latest?.number ?? 0 }));
  return pages.flatMap(({ logs }) => logs.filter((log) => log.kind === "claimed"));
}

/** Code that refuses every payment. */
export const refusingCode = "0x60006000fd";
