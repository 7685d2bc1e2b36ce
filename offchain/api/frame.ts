import { randomBytes } from "node:crypto";
import type { HttpBindings } from "@hono/node-server";
import { OpenAPIHono, type z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { PayrootError } from "../errors.ts";
import { parseQuery, readBody, readJson, readTexts } from "./input.ts";
import { describeRoute } from "./operation.ts";
import { isFault, problemAnswer } from "./problem.ts";
import { clientOf, createRateLimiter, rateLimited, rateLimitHeaders } from "./rate-limit.ts";
import { type Answer, type Asked, preflight, respond } from "./respond.ts";
import type { Handler, Route } from "./route.ts";

/** What the frame is told from outside. */
export type FrameOptions = {
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

type Env = { Bindings: Partial<HttpBindings> };

/** The API while it is put together. */
export type Api = {
  readonly hono: OpenAPIHono<Env>;
  /** Adds an operation: to the document, and to what is served. */
  readonly add: <P extends z.ZodObject, Q extends z.ZodObject, B extends z.ZodType>(
    route: Route<P, Q, B>,
    handler: Handler<z.output<P>, z.output<Q>, z.output<B>>,
  ) => void;
};

type Work = (
  asked: Asked & { readonly id: string; readonly headers: Record<string, string> },
) => Promise<Answer>;

const longestTarget = 8192;

/** What every request goes through: its id, its limits, the checks of its input, the shape of answers and errors. */
export function createFrame(options: FrameOptions): Api {
  const { rateLimit = 0, trustedProxies = 0 } = options;
  const hono = new OpenAPIHono<Env>();
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

  const serve = async (
    context: Context<Env>,
    { route, cost }: { readonly route: string; readonly cost: number },
    work: Work,
  ): Promise<Response> => {
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
      if (url.length > longestTarget) throw urlTooLong(url.length);
      response = await respond(asked, await work(asked));
    } catch (error) {
      if (isFault(error)) options.onFault(error, id);
      response = await respond(asked, problemAnswer(error));
    }
    const { status } = response;
    const seconds = (performance.now() - began) / 1000;
    options.onAnswer?.({ method, route, status, seconds, requestId: id });
    return response;
  };

  const openPosts = new Set<string>();
  const methodsOf = (path: string): string[] => {
    const served = (method: string) => hono.router.match(method, path)[0].length > 0;
    return [...(served("GET") ? ["GET", "HEAD"] : []), ...(served("POST") ? ["POST"] : [])];
  };
  hono.notFound((context) =>
    serve(context, { route: "unknown", cost: 1 }, async ({ method, headers }) => {
      const { path } = context.req;
      const allowed = methodsOf(path);
      if (allowed.length === 0) throw notFound(path);
      headers.Allow = ["OPTIONS", ...allowed].join(", ");
      throw methodNotAllowed({ method, allowed });
    }),
  );
  hono.options("*", (context) => {
    const { path } = context.req;
    const allowed = methodsOf(path).filter((method) => method !== "POST" || openPosts.has(path));
    return preflight(allowed);
  });

  return {
    hono,
    add: (route, handler) => {
      const { method, path, params, query, body, maxBodyBytes = 0, cost = 1 } = route;
      describeRoute(hono.openAPIRegistry, route);
      if (method === "post" && route.anyOrigin === true) openPosts.add(path);
      const known = new Set(Object.keys(query?.shape ?? {}));
      hono.on(method, path.replaceAll(/\{(\w+)\}/g, ":$1"), (context) =>
        serve(context, { route: path, cost }, async ({ header, id }) => {
          const { raw } = context.req;
          const texts = parseQuery(raw.url, known);
          const read = {
            params: params === undefined ? {} : readTexts(params, context.req.param()),
            query: query === undefined ? {} : readTexts(query, texts),
          };
          const bytes = maxBodyBytes === 0 ? noBytes : await readBody(raw, maxBodyBytes);
          const json = body && readJson(body, { bytes, type: header("content-type") });
          const target = raw.url.slice(raw.url.indexOf("/", 8));
          const request = { method: raw.method, target, id, header, bytes };
          return handler({ ...read, body: json } as never, request);
        }),
      );
    },
  };
}

const noBytes = new Uint8Array(0);

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

function notFound(path: string): PayrootError {
  return new PayrootError("not-found", "There is nothing at this path.", {
    facts: { path: path.slice(0, 200) },
  });
}

function methodNotAllowed({ method, allowed }: { method: string; allowed: readonly string[] }): PayrootError {
  return new PayrootError("method-not-allowed", "This path does not take this method.", {
    facts: { given: method.slice(0, 64), expected: allowed.join(", ") },
    next: "correct the request",
  });
}

function urlTooLong(length: number): PayrootError {
  return new PayrootError("url-too-long", "The URL is longer than what is read here.", {
    facts: { given: length, "most characters": longestTarget },
    next: "correct the request",
  });
}
