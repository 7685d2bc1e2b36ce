import { OpenAPIHono, type z } from "@hono/zod-openapi";
import { PayrootError } from "../errors.ts";
import { createBodyReader, parseQuery, readJson, readTexts } from "./input.ts";
import { describeCommon, describeRoute } from "./operation.ts";
import { preflight } from "./respond.ts";
import type { Handler, Route } from "./route.ts";
import { createServe, type Env, type ServingOptions } from "./serve.ts";

/** The API while it is put together. */
export type Api = {
  readonly hono: OpenAPIHono<Env>;
  /** Adds an operation: to the document, and to what is served. */
  readonly add: <P extends z.ZodObject, Q extends z.ZodObject, B extends z.ZodType>(
    route: Route<P, Q, B>,
    handler: Handler<z.output<P>, z.output<Q>, z.output<B>>,
  ) => void;
};

/** An API without routes yet: paths and methods that are nowhere are refused, and the input of those that are, checked. */
export function createFrame(options: ServingOptions): Api {
  const serve = createServe(options);
  const hono = new OpenAPIHono<Env>();
  const readBody = createBodyReader({ mostBytes: mostBodyBytes });
  describeCommon(hono.openAPIRegistry);

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
      const { method, path, params, query, body, maxBodyBytes = 0, cost = 1, countedCodes = [] } = route;
      describeRoute(hono.openAPIRegistry, route);
      if (method === "post" && route.anyOrigin === true) openPosts.add(path);
      const known = new Set(Object.keys(query?.shape ?? {}));
      hono.on(method, path.replaceAll(/\{(\w+)\}/g, ":$1"), (context) =>
        serve(context, { route: path, cost, countedCodes }, async ({ header, id }) => {
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

// Of all requests together, so that nobody can fill the memory.
const mostBodyBytes = 128 << 20;

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
