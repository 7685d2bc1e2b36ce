import { randomBytes } from "node:crypto";
import type { HttpBindings } from "@hono/node-server";
import type { Context } from "hono";
import { PayrootError } from "../errors.ts";
import { isFault, problemAnswer } from "./problem.ts";
import { clientOf, createRateLimiter, rateLimited, rateLimitHeaders } from "./rate-limit.ts";
import { type Answer, type Asked, respond } from "./respond.ts";

/** What serving is told from outside. */
export type ServingOptions = {
  /** Units a minute of one client; 0, as when left out, is no limit. */
  readonly rateLimit?: number;
  /** How many proxies stand in front, whose X-Forwarded-For is believed; none when left out. */
  readonly trustedProxies?: number;
  /** Told of failures that are ours. */
  readonly onFault: (error: unknown, requestId: string) => void;
  /** Told of every answer once it is made, for metrics and logs: on every request's way, so it must be cheap. */
  readonly onAnswer?: ((report: AnswerReport) => void) | undefined;
};

/** One answer; `route` is the path as OpenAPI writes it, `unknown` for one that is nowhere. */
export type AnswerReport = {
  readonly method: string;
  readonly route: string;
  readonly status: number;
  readonly seconds: number;
  readonly requestId: string;
};

/** What the server tells of a connection; nothing when there is none. */
export type Env = { Bindings: Partial<HttpBindings> };

/** What the handler of a request may know of it, and the headers it may add to. */
export type Exchange = Asked & { readonly id: string; readonly headers: Record<string, string> };

/**
 * Runs a request to its answer, whatever happens: `cost` in units of the rate limit, 0 is never limited; one that fails
 * with a code of `countedCodes` costs a unit more and, when none is left, is told that instead.
 */
export type Serve = (
  context: Context<Env>,
  about: { readonly route: string; readonly cost: number; readonly countedCodes?: readonly string[] },
  work: (exchange: Exchange) => Promise<Answer>,
) => Promise<Response>;

const longestUrl = 8192;

/** What every request goes through: its id, its limits, its errors, and who is told of it. */
export function createServe(options: ServingOptions): Serve {
  const { rateLimit = 0, trustedProxies = 0 } = options;
  const limiter = createRateLimiter({ limit: rateLimit, now: () => performance.now() });
  const nextId = createIds();
  const checkRate = (context: Context<Env>, cost: number): Record<string, string> => {
    if (rateLimit === 0 || cost === 0) return {};
    const client = clientOf({
      socketAddress: context.env?.incoming?.socket.remoteAddress,
      forwardedFor: context.req.raw.headers.get("x-forwarded-for") ?? undefined,
      trustedProxies,
    });
    return rateLimitHeaders(rateLimit, limiter(client, cost));
  };

  return async (context, { route, cost, countedCodes = [] }, work) => {
    const began = performance.now();
    const { raw } = context.req;
    const { method, url } = raw;
    const header = (name: string) => raw.headers.get(name) ?? undefined;
    const id = nextId(header("x-request-id"));
    const headers = { "X-Request-Id": id, ...checkRate(context, cost) };
    const asked = { method, secure: url.startsWith("https:"), header, id, headers };
    let response: Response;
    try {
      if ("Retry-After" in headers) throw rateLimited(rateLimit);
      if (url.length > longestUrl) throw urlTooLong(url.length);
      response = await respond(asked, await work(asked));
    } catch (error) {
      if (isFault(error)) options.onFault(error, id);
      const counted = error instanceof PayrootError && countedCodes.includes(error.code);
      if (counted) Object.assign(headers, checkRate(context, 1));
      const over = counted && "Retry-After" in headers;
      response = await respond(asked, problemAnswer(over ? rateLimited(rateLimit) : error));
    }
    const { status } = response;
    const seconds = (performance.now() - began) / 1000;
    options.onAnswer?.({ method, route, status, seconds, requestId: id });
    return response;
  };
}

/** Ids of requests: a sane one that the client gave, or one that is ours alone. */
function createIds(): (given: string | undefined) => string {
  const start = randomBytes(6).toString("base64url");
  let count = 0;
  return (given) => {
    if (given !== undefined && /^[\w.:-]{1,64}$/.test(given)) return given;
    count += 1;
    return `${start}-${count.toString(36)}`;
  };
}

function urlTooLong(length: number): PayrootError {
  return new PayrootError("url-too-long", "The URL is longer than what is read here.", {
    facts: { given: length, "most characters": longestUrl },
    next: "correct the request",
  });
}
