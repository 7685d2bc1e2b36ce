import { zeroAddress } from "viem";
import type { Address } from "../../offchain/core/address.ts";
import type { Ruleset } from "../../offchain/core/ruleset.ts";
import { closeEpoch } from "../../offchain/pipeline/close/close-epoch.ts";
import { account, transcodeJob, transcodeKey } from "./events.ts";
import { ruleset, type TestLedger } from "./ledger.ts";

/** Closes epoch `epoch` of a ledger for a distributor of the local chain: accounts 0, 1 and 2 earned in it. */
export async function closeForChain(
  ledger: TestLedger,
  about: { readonly epoch: number; readonly distributor: Address; readonly rules?: Partial<Ruleset> },
): Promise<void> {
  const { epoch, distributor, rules = {} } = about;
  const jobs = [0, 1, 2].map((index) => {
    const id = `${epoch}-${index}`;
    return transcodeJob({ id, account: account(index), units: epoch * 1_000_003 + index, second: epoch });
  });
  await ledger.write(transcodeKey(`e${epoch}`), jobs);
  const closed = await closeEpoch(ledger, {
    ruleset: { ...ruleset, ...rules },
    partitions: undefined,
    chainId: 31_337,
    distributor,
    closesAt: Date.UTC(2025, 10, 5 + epoch),
  });
  if (closed?.manifest.epoch !== epoch || closed.manifest.totals[0]?.asset !== zeroAddress) {
    throw new Error("the epoch was not closed as meant");
  }
}
