import {
  BaseError,
  createPublicClient,
  decodeErrorResult,
  type Hex,
  http,
  isHex,
  type PublicClient,
  RpcRequestError,
  TimeoutError,
} from "viem";
import { exitCodes, messageOf, PayrootError } from "../errors.ts";
import { distributorAbi } from "./distributor-artifact.ts";

/** A JSON-RPC endpoint: clients that ask again and that ask once, and what may be shown of its URL. */
export type Rpc = {
  /** For reads: asks again, with growing pauses, when the network or the server fails. */
  readonly client: PublicClient;
  /** For what must not be repeated by itself. */
  readonly once: PublicClient;
  /** Scheme, host and port only: paths and credentials are often keys. */
  readonly origin: string;
  /** Runs a request and turns what it throws into `rpc-unreachable`, `rpc-failed` or `call-reverted`. */
  readonly ask: <T>(request: (client: PublicClient) => Promise<T>) => Promise<T>;
};

/** How an endpoint is reached; times in milliseconds. */
export type RpcOptions = { readonly url: string; readonly timeoutMs?: number; readonly retries?: number };

/** Clients for a JSON-RPC endpoint. Throws `rpc-url-invalid`; connects to nothing. */
export function openRpc({ url, timeoutMs = 15_000, retries = 3 }: RpcOptions): Rpc {
  const place = URL.canParse(url) ? new URL(url) : undefined;
  if (place === undefined || !/^https?:$/.test(place.protocol)) throw urlInvalid();
  // fetch refuses a URL with credentials, so they travel as the header they stand for.
  const { username, password } = place;
  place.username = "";
  place.password = "";
  const words = [username, password].map(decodeURIComponent).join(":");
  const authorization = `Basic ${Buffer.from(words).toString("base64")}`;
  const fetchOptions = username === "" && password === "" ? {} : { headers: { authorization } };
  const open = (retryCount: number): PublicClient =>
    createPublicClient({
      cacheTime: 0,
      transport: http(place.href, { timeout: timeoutMs, retryCount, fetchOptions }),
    });
  const client = open(retries);
  return {
    client,
    once: open(0),
    origin: place.origin,
    ask: async (request) => {
      try {
        return await request(client);
      } catch (error) {
        throw rpcFault(error, place.origin);
      }
    },
  };
}

/** What the JSON-RPC server answered, when the fault is an answer of its own. */
export function answeredFault(error: unknown): RpcRequestError | undefined {
  const found = error instanceof BaseError ? error.walk((cause) => cause instanceof RpcRequestError) : null;
  return found instanceof RpcRequestError ? found : undefined;
}

/** The reason of a request that ran into its time limit. */
export const noAnswerInTime = "no answer in time";

/** A short reason without URLs, which may hold keys. */
export function reasonOf(error: unknown): string {
  if (answeredFault(error) !== undefined) return withoutUrls(answeredFault(error)?.details ?? "");
  if (error instanceof BaseError) {
    if (error.walk((cause) => cause instanceof TimeoutError) !== null) return noAnswerInTime;
    const status = statusOf(error.walk((cause) => statusOf(cause) !== undefined));
    if (status !== undefined) return `HTTP status ${status}`;
    return withoutUrls(systemCode(error) ?? error.details ?? error.shortMessage);
  }
  return withoutUrls(messageOf(error));
}

/** The contract's reason in revert data: the name of its error with arguments, or the text of a plain revert. */
export function explainRevert(data: Hex): string {
  try {
    const { errorName, args = [] } = decodeErrorResult({ abi: distributorAbi, data });
    return String(errorName) === "Error" ? String(args[0]) : `${errorName}(${args.map(String).join(", ")})`;
  } catch {
    return data === "0x" ? "no reason given" : data.slice(0, 74);
  }
}

function rpcFault(error: unknown, rpc: string): unknown {
  if (error instanceof PayrootError) return error;
  if (!(error instanceof BaseError)) return error;
  const data = revertData(error);
  if (data !== undefined) return callReverted(data);
  const facts = { rpc, reason: reasonOf(error) };
  const status = statusOf(error.walk((cause) => statusOf(cause) !== undefined)) ?? 0;
  const refused = status >= 400 && status < 500 && status !== 408 && status !== 429;
  if (refused || answeredFault(error) !== undefined) return rpcFailed(facts);
  return rpcUnreachable(facts);
}

function revertData(error: BaseError): Hex | undefined {
  const answer = answeredFault(error);
  if (answer === undefined) return undefined;
  const { data } = answer as { data?: unknown };
  if (isHex(data)) return data;
  const nested = (data as { data?: unknown } | undefined)?.data;
  if (isHex(nested)) return nested;
  return answer.code === 3 || /execution reverted/i.test(answer.details) ? "0x" : undefined;
}

function statusOf(cause: unknown): number | undefined {
  const status = (cause as { status?: unknown } | null | undefined)?.status;
  return typeof status === "number" ? status : undefined;
}

function systemCode(error: unknown): string | undefined {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const { code } = at as { code?: unknown };
    if (typeof code === "string") return code;
  }
  return undefined;
}

function withoutUrls(text: string): string {
  return text.replace(/\b\w+:\/\/\S+/g, "…").slice(0, 300);
}

function urlInvalid(): PayrootError {
  return new PayrootError("rpc-url-invalid", "The address of the chain's RPC is none.", {
    facts: { given: "[secret]", expected: "an http:// or https:// URL" },
    next: "correct ETH_RPC_ENDPOINT",
    exitCode: exitCodes.usage,
  });
}

function rpcUnreachable(facts: { rpc: string; reason: string }): PayrootError {
  return new PayrootError("rpc-unreachable", "The chain's RPC did not answer.", {
    facts,
    next: "check ETH_RPC_ENDPOINT and the network, then run the same command again",
    retryable: true,
  });
}

function rpcFailed(facts: { rpc: string; reason: string }): PayrootError {
  return new PayrootError("rpc-failed", "The chain's RPC refused a request.", {
    facts,
    next: "run the same command again; if it goes on, ask the RPC's operator or use another one",
    retryable: true,
  });
}

function callReverted(data: Hex): PayrootError {
  return new PayrootError("call-reverted", "The distributor refuses the call.", {
    facts: { reason: explainRevert(data) },
    next: "correct what the reason names",
  });
}
