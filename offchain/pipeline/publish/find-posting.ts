import type { DistributorChain, PostedLog } from "../../chain/distributor-chain.ts";
import { recordIdOf } from "../../chain/record.ts";
import { PayrootError } from "../../errors.ts";
import { postedEpochs, postings } from "../../store/keys.ts";
import { getOne } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";

/**
 * The log that posted an epoch which stands on chain: from the receipts of our own transactions, or else from the
 * chain's logs. Throws `rpc-lagging` when the RPC knows the epoch but not its log.
 */
export async function findPosting(
  ports: { readonly store?: LedgerStore; readonly chain: DistributorChain },
  epoch: number,
): Promise<PostedLog> {
  const standing = await ports.chain.epoch(epoch);
  if (standing !== undefined) {
    for await (const log of postingsOf(ports, epoch)) {
      const same = recordIdOf(log.recordHash) === standing.recordId;
      if (same && log.activatesAtSeconds === standing.activatesAtSeconds) return log;
    }
  }
  throw rpcLagging({ epoch });
}

/** The error for an RPC that knows less than another answer has shown. */
export function rpcLagging(facts: { epoch?: number; block?: number; latest?: number }): PayrootError {
  return new PayrootError("rpc-lagging", "The chain's RPC lags behind what is already known.", {
    facts,
    next: "run the same command again in a while, or use another RPC",
    retryable: true,
  });
}

const windowBlocks = 100_000;

/** Every posting of an epoch, also of revoked ones, newest windows first; some may come twice. */
export async function* postingsOf(
  { store, chain }: { readonly store?: LedgerStore; readonly chain: DistributorChain },
  epoch: number,
): AsyncGenerator<PostedLog> {
  const journal = store && (await getOne(store, postings, epoch));
  for (const attempt of journal?.attempts.toReversed() ?? []) {
    const receipt = await chain.receipt(attempt.hash);
    yield* (receipt?.logs ?? []).filter((log) => log.kind === "posted");
  }
  const known = store && (await getOne(store, postedEpochs, epoch));
  if (known !== undefined) yield* postedIn(chain, { from: known.block, to: known.block, epoch });
  const latest = (await chain.block("latest"))?.number ?? 0;
  for (let to = latest; to >= chain.deployedAtBlock; to -= windowBlocks) {
    const from = Math.max(chain.deployedAtBlock, to - windowBlocks + 1);
    yield* postedIn(chain, { from, to, epoch });
  }
}

async function* postedIn(
  chain: DistributorChain,
  range: { from: number; to: number; epoch: number },
): AsyncGenerator<PostedLog> {
  for await (const { logs } of chain.logs(range)) yield* logs.filter((log) => log.kind === "posted");
}
