import {
  type Hex,
  hexToBigInt,
  hexToNumber,
  keccak256,
  parseTransaction,
  recoverTransactionAddress,
  type TransactionSerializedEIP1559,
  toHex,
} from "viem";
import type { Address } from "../core/address.ts";
import type { Hash } from "../core/artifacts.ts";
import { PayrootError } from "../errors.ts";
import type {
  DistributorCall,
  PlanOptions,
  Receipt,
  SendOutcome,
  SignedTransaction,
  TransactionPlan,
} from "./distributor-chain.ts";
import { decodeLogs, decodeSkipped, plainLog } from "./logs.ts";
import { answeredFault, type Rpc, reasonOf } from "./rpc.ts";
import type { Signer } from "./signer.ts";

/** Where transactions go, and the most that one may use and offer. */
export type TransactionContext = {
  readonly rpc: Rpc;
  readonly chainId: number;
  readonly distributor: Address;
  readonly maxGasPriceWei: bigint;
  readonly gasLimit: bigint;
};

/**
 * Nonce, gas and EIP-1559 fees of a transaction. The fee may double before it is too low, but never passes the limit;
 * one that takes the place of others keeps their nonce and outbids each of them by an eighth, as nodes demand.
 */
export async function planTransaction(
  context: TransactionContext,
  call: DistributorCall,
  { from, replaces = [] }: PlanOptions,
): Promise<TransactionPlan> {
  const { rpc, maxGasPriceWei } = context;
  const gas = await gasFor(context, call, from);
  const baseFeeWei = await readBaseFee(rpc);
  const tipWei = await rpc.ask((client) => client.request({ method: "eth_maxPriorityFeePerGas" }));
  const outbid = (fees: bigint[]): bigint => fees.reduce((most, fee) => max(most, (fee * 9n) / 8n + 1n), 0n);
  const leastFeeWei = max(baseFeeWei, outbid(replaces.map((plan) => plan.maxFeePerGasWei)));
  if (leastFeeWei > maxGasPriceWei) {
    throw gasPriceAboveLimit({ neededWei: leastFeeWei, baseFeeWei, maxGasPriceWei });
  }
  const leastTipWei = outbid(replaces.map((plan) => plan.maxPriorityFeePerGasWei));
  const wantedTipWei = max(min(hexToBigInt(tipWei), maxGasPriceWei - baseFeeWei), leastTipWei);
  const maxFeePerGasWei = min(max(2n * baseFeeWei + wantedTipWei, leastFeeWei), maxGasPriceWei);
  const nonce = replaces[0]?.nonce ?? (await nextNonce(rpc, from));
  return { nonce, gas, maxFeePerGasWei, maxPriorityFeePerGasWei: min(wantedTipWei, maxFeePerGasWei) };
}

/** Signs a call, and checks that the signer signed this very transaction. Throws `signer-misbehaved`. */
export async function signTransaction(
  context: TransactionContext,
  signing: { call: DistributorCall; plan: TransactionPlan; signer: Signer },
): Promise<SignedTransaction> {
  const { call, plan, signer } = signing;
  const wanted = {
    chainId: context.chainId,
    to: context.distributor,
    data: call.data,
    value: call.valueWei,
    nonce: plan.nonce,
    gas: plan.gas,
    maxFeePerGas: plan.maxFeePerGasWei,
    maxPriorityFeePerGas: plan.maxPriorityFeePerGasWei,
  };
  const raw = await signer.signTransaction({ type: "eip1559", ...wanted });
  const signed = parseTransaction(raw as TransactionSerializedEIP1559);
  const by = await recoverTransactionAddress({ serializedTransaction: raw as TransactionSerializedEIP1559 });
  // What the bytes leave out, such as a value of zero, is zero.
  const differs = Object.entries(wanted).find(([name, value]) => {
    const own = signed[name as keyof typeof wanted] ?? 0;
    return String(own).toLowerCase() !== String(value).toLowerCase();
  });
  if (by.toLowerCase() !== signer.address.toLowerCase()) throw signerMisbehaved("signed with another key");
  if (differs !== undefined) throw signerMisbehaved(`changed the ${differs[0]}`);
  return { ...plan, from: signer.address, raw, hash: keccak256(raw) };
}

/** Hands the bytes to the RPC once, and says how it took them. */
export async function sendTransaction({ rpc }: TransactionContext, raw: Hex): Promise<SendOutcome> {
  try {
    await rpc.once.sendRawTransaction({ serializedTransaction: raw });
    return { kind: "accepted", reason: "" };
  } catch (error) {
    const reason = reasonOf(error);
    if (answeredFault(error) === undefined) return { kind: "unanswered", reason };
    const kind = answers.find(([pattern]) => pattern.test(reason))?.[1] ?? "refused";
    return { kind, reason };
  }
}

/** The receipt of a mined transaction with the distributor's logs, or undefined. */
export async function readReceipt(
  { rpc, distributor }: TransactionContext,
  transaction: Hash,
): Promise<Receipt | undefined> {
  const found = await rpc.ask((client) =>
    client.request({ method: "eth_getTransactionReceipt", params: [transaction] }),
  );
  if (found === null || found.blockHash === null) return undefined;
  const gasUsed = hexToBigInt(found.gasUsed);
  const logs = found.logs.map(plainLog);
  return {
    transaction,
    ok: found.status === "0x1",
    block: hexToNumber(found.blockNumber),
    blockHash: found.blockHash,
    gasUsed,
    feeWei: gasUsed * hexToBigInt(found.effectiveGasPrice),
    logs: decodeLogs(logs, distributor),
    skipped: decodeSkipped(logs, distributor),
  };
}

// How nodes word what they do with a transaction (go-ethereum core/txpool/errors.go, Nitro, Anvil). The last one is
// Arbitrum's sequencer giving up: it has not accepted the transaction then.
const answers: readonly (readonly [RegExp, SendOutcome["kind"]])[] = [
  [/already known|already imported|known transaction|already exists/i, "known"],
  [/nonce too low|nonce is too low|nonce has already been used/i, "nonce-used"],
  [/underpriced|less than block base fee|fee cap less|max fee per gas less|fee too low/i, "underpriced"],
  [/context deadline exceeded|timeout|timed out/i, "unanswered"],
];

async function gasFor(context: TransactionContext, call: DistributorCall, from: Address): Promise<bigint> {
  const { rpc, distributor, gasLimit } = context;
  const params = { from, to: distributor, data: call.data, value: toHex(call.valueWei) };
  const estimate = hexToBigInt(
    await rpc.ask((client) => client.request({ method: "eth_estimateGas", params: [params] })),
  );
  if (estimate > gasLimit) throw gasAboveLimit({ estimate, gasLimit });
  return min((estimate * 6n) / 5n, gasLimit);
}

async function readBaseFee(rpc: Rpc): Promise<bigint> {
  const block = await rpc.ask((client) =>
    client.request({ method: "eth_getBlockByNumber", params: ["latest", false] }),
  );
  return hexToBigInt(block?.baseFeePerGas ?? "0x0");
}

// Where there is no mempool, as on Arbitrum, both are the same; elsewhere own transactions on their way count.
async function nextNonce(rpc: Rpc, address: Address): Promise<number> {
  const [latest, pending] = await rpc.ask((client) =>
    Promise.all([
      client.getTransactionCount({ address, blockTag: "latest" }),
      client.getTransactionCount({ address, blockTag: "pending" }),
    ]),
  );
  return Math.max(latest, pending);
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

function gasPriceAboveLimit(facts: {
  neededWei: bigint;
  baseFeeWei: bigint;
  maxGasPriceWei: bigint;
}): PayrootError {
  return new PayrootError("gas-price-above-limit", "Gas costs more than the configured limit.", {
    facts,
    next: "wait until it is cheaper, or raise MAX_GAS_PRICE_WEI",
    retryable: true,
  });
}

function gasAboveLimit(facts: { estimate: bigint; gasLimit: bigint }): PayrootError {
  return new PayrootError("gas-above-limit", "The transaction needs more gas than the configured limit.", {
    facts,
    next: "raise GAS_LIMIT",
  });
}

function signerMisbehaved(problem: string): PayrootError {
  return new PayrootError("signer-misbehaved", `The signer ${problem}; nothing was sent.`, {
    next: "check the signer before anything else is signed with it",
  });
}
