import { decodeEventLog, type Log, parseEventLogs, type RpcLog, toEventSelector, toHex } from "viem";
import { type Address, parseAddress, zeroAddress } from "../core/address.ts";
import { invariant, PayrootError } from "../errors.ts";
import { distributorAbi } from "./distributor-artifact.ts";
import type { DistributorLog, LogPage, LogPlace, LogRange, SkippedClaim } from "./distributor-chain.ts";
import { explainRevert, noAnswerInTime, type Rpc } from "./rpc.ts";

/** What `readLogs` needs to know beside the range; `mostBlocks` is how many blocks are asked for at once at most. */
export type LogSource = {
  readonly rpc: Rpc;
  readonly distributor: Address;
  readonly mostBlocks: number;
};

/**
 * The distributor's logs in chain order, page by page. When the RPC refuses a range it is halved, down to one block,
 * and grows again slowly after every success, so that neither dense nor empty stretches cost many requests.
 */
export async function* readLogs(source: LogSource, range: LogRange): AsyncGenerator<LogPage> {
  let size = source.mostBlocks;
  for (let from = range.from; from <= range.to; ) {
    const to = Math.min(range.to, from + size - 1);
    const logs = await fetchLogs(source, { ...range, from, to }).catch((error: unknown) => {
      if (to === from || !refusesRange(error)) throw error;
      return undefined;
    });
    if (logs === undefined) {
      size = Math.ceil((to - from + 1) / 2);
      continue;
    }
    yield { from, to, logs };
    from = to + 1;
    size = Math.min(source.mostBlocks, size + Math.ceil(size / 4));
  }
}

/** The logs of the distributor that payroot reads, in chain order; all others are left out. */
export function decodeLogs(logs: readonly Log[], distributor: Address): DistributorLog[] {
  return logs
    .filter((log) => log.address.toLowerCase() === distributor.toLowerCase() && !log.removed)
    .flatMap(decodeLog)
    .sort((a, b) => a.block - b.block || a.logIndex - b.logIndex);
}

/** The claims that the distributor skipped, in the order of their logs. */
export function decodeSkipped(logs: readonly Log[], distributor: Address): SkippedClaim[] {
  const own = logs.filter(({ address }) => address.toLowerCase() === distributor.toLowerCase());
  return parseEventLogs({ abi: distributorAbi, eventName: "ClaimSkipped", logs: own }).map(({ args }) => {
    const { account, asset, reason } = args;
    return { account: addressOf(account), asset: addressOf(asset), reason: explainRevert(reason) };
  });
}

const readEvents = ["EpochPosted", "EpochsRevoked", "Claimed"] as const;
const readTopics = distributorAbi.flatMap((item) =>
  item.type === "event" && readEvents.some((name) => name === item.name) ? [toEventSelector(item)] : [],
);
const postedTopic = distributorAbi.flatMap((item) =>
  item.type === "event" && item.name === "EpochPosted" ? [toEventSelector(item)] : [],
);

async function fetchLogs(source: LogSource, range: LogRange): Promise<DistributorLog[]> {
  const { rpc, distributor } = source;
  const { from, to, epoch } = range;
  const topics = epoch === undefined ? [readTopics] : [postedTopic, toHex(epoch, { size: 32 })];
  const filter = { address: distributor, fromBlock: toHex(from), toBlock: toHex(to), topics };
  const logs = await rpc.ask((client) => client.request({ method: "eth_getLogs", params: [filter] }));
  const decoded = decodeLogs(logs.map(plainLog), distributor);
  for (const { block } of decoded) {
    if (block < from || block > to) throw logsUnasked({ rpc: rpc.origin, block, from, to });
  }
  return decoded;
}

/** A log as JSON-RPC gives it, with its numbers read. */
export function plainLog(log: RpcLog): Log {
  return {
    ...log,
    blockNumber: log.blockNumber === null ? null : BigInt(log.blockNumber),
    logIndex: log.logIndex === null ? null : Number(log.logIndex),
    transactionIndex: log.transactionIndex === null ? null : Number(log.transactionIndex),
    blockTimestamp: undefined,
  };
}

function decodeLog(log: Log): DistributorLog[] {
  if (!readTopics.some((topic) => topic === log.topics[0])) return [];
  const { eventName, args } = decodeEventLog({ abi: distributorAbi, data: log.data, topics: log.topics });
  const place = placeOf(log);
  switch (eventName) {
    case "EpochPosted": {
      const { recordHash, record } = args;
      const activatesAtSeconds = Number(args.activatesAt);
      return [
        { kind: "posted", ...place, epoch: Number(args.epoch), recordHash, activatesAtSeconds, record },
      ];
    }
    case "EpochsRevoked":
      return [{ kind: "revoked", ...place, epoch: Number(args.epoch), last: Number(args.last) }];
    case "Claimed": {
      const { amount, cumulative, recipient } = args;
      const of = { account: addressOf(args.account), asset: addressOf(args.asset), recipient };
      return [{ kind: "claimed", ...place, ...of, epoch: Number(args.epoch), amount, cumulative }];
    }
    default:
      return [];
  }
}

function placeOf({ blockNumber, blockHash, logIndex, transactionHash }: Log): LogPlace {
  invariant(
    blockNumber !== null && blockHash !== null && logIndex !== null && transactionHash !== null,
    "A log of a mined block has no place.",
  );
  return { block: Number(blockNumber), blockHash, logIndex, transaction: transactionHash };
}

function addressOf(text: Address): Address {
  return parseAddress(text) ?? zeroAddress;
}

// There is no code for it: every provider words the refusal of a range in its own way. So every answer that is a
// fault of the request, and not of the network, is met with a smaller range, until one block is refused, too.
function refusesRange(error: unknown): boolean {
  if (!(error instanceof PayrootError)) return false;
  return error.code === "rpc-failed" || error.facts.reason === noAnswerInTime;
}

function logsUnasked(facts: { rpc: string; block: number; from: number; to: number }): PayrootError {
  return new PayrootError("rpc-failed", "The chain's RPC answered with logs of other blocks.", {
    facts,
    next: "use another RPC",
    retryable: true,
  });
}
