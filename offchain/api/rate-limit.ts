import { isIPv6 } from "node:net";
import { PayrootError } from "../errors.ts";

/** What a client may still ask: whether it could have what it wanted, and in how many seconds its next minute begins. */
export type Allowance = { readonly granted: boolean; readonly left: number; readonly resetSeconds: number };

/** Takes `units` from a client's minute, all or none. */
export type RateLimiter = (client: string, units: number) => Allowance;

const minuteMs = 60_000;
// About 10 MB; beyond it, those whose minute began first are forgotten.
const mostClients = 65_536;

/** A limiter in memory: each client has `limit` units in each minute, which begins with its first request. */
export function createRateLimiter(options: {
  readonly limit: number;
  readonly now: () => number;
}): RateLimiter {
  const { limit, now } = options;
  // In the order in which their minutes began: those that are over stand first.
  const minutes = new Map<string, { readonly endsAt: number; used: number }>();
  const minuteOf = (client: string, time: number) => {
    const known = minutes.get(client);
    if (known !== undefined && known.endsAt > time) return known;
    if (known !== undefined) minutes.delete(client);
    for (const [other, { endsAt }] of minutes) {
      if (endsAt > time && minutes.size < mostClients) break;
      minutes.delete(other);
    }
    const fresh = { endsAt: time + minuteMs, used: 0 };
    minutes.set(client, fresh);
    return fresh;
  };
  return (client, units) => {
    const time = now();
    const minute = minuteOf(client, time);
    // What is dear must still be possible where little is allowed.
    const wanted = Math.min(units, limit);
    const granted = minute.used + wanted <= limit;
    if (granted) minute.used += wanted;
    const resetSeconds = Math.max(1, Math.ceil((minute.endsAt - time) / 1000));
    return { granted, left: limit - minute.used, resetSeconds };
  };
}

/** The headers that tell a client what it may ask (draft-ietf-httpapi-ratelimit-headers). */
export function rateLimitHeaders(limit: number, allowance: Allowance): Record<string, string> {
  const { granted, left, resetSeconds } = allowance;
  return {
    "RateLimit-Policy": `"client";q=${limit};w=60`,
    RateLimit: `"client";r=${left};t=${resetSeconds}`,
    ...(granted ? {} : { "Retry-After": String(resetSeconds) }),
  };
}

/**
 * Who asks: the address of the connection or, behind `trustedProxies` proxies, what the outermost of them wrote. An
 * IPv6 client is its /64, since anyone has as many addresses of one as they like.
 */
export function clientOf(request: {
  readonly socketAddress: string | undefined;
  readonly forwardedFor: string | undefined;
  readonly trustedProxies: number;
}): string {
  const { socketAddress = "unknown", forwardedFor, trustedProxies } = request;
  const named = trustedProxies > 0 ? forwardedFor?.split(",").at(-trustedProxies)?.trim() : undefined;
  const address = named === undefined || named.length > 45 || named === "" ? socketAddress : named;
  if (!address.includes(":") || !isIPv6(address)) return address;
  return address.startsWith("::ffff:") ? address.slice(7) : networkOf(address);
}

/** The first four groups of an IPv6 address. */
function networkOf(address: string): string {
  const [head = "", tail] = address.split("%", 1)[0]?.split("::") ?? [];
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => "0");
  const groups = [...left, ...zeros, ...right].map((group) => group.replace(/^0+(?=.)/, "").toLowerCase());
  return `${groups.slice(0, 4).join(":")}::/64`;
}

/** The error for a client that has asked for more than `limit` units in its minute. */
export function rateLimited(limit: number): PayrootError {
  return new PayrootError("rate-limited", "This client has asked for too much in this minute.", {
    facts: { "units a minute": limit },
    next: "ask again when the seconds of Retry-After are over",
    retryable: true,
  });
}
