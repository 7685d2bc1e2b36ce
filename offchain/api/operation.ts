import { type OpenAPIHono, z } from "@hono/zod-openapi";
import { eventRejectionReasons } from "../core/event.ts";
import { statusOfCode, titleOfStatus } from "./problem.ts";
import type { Route } from "./route.ts";

type Registry = OpenAPIHono["openAPIRegistry"];
type AnyRoute = Route<z.ZodObject, z.ZodObject, z.ZodType>;

/** What any request can meet. */
const commonProblems = ["invalid-query", "url-too-long", "rate-limited", "internal", "store-unreachable"];

/** A failed request, RFC 9457. */
export const problemSchema = z
  .strictObject({
    type: z.literal("about:blank"),
    title: z.string().openapi({ description: "what the status is called" }),
    status: z.int().min(400).max(599),
    code: z.string().openapi({ description: "what went wrong; never changes", example: "invalid-query" }),
    detail: z.string().openapi({ description: "one sentence" }),
    facts: z
      .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
      .optional()
      .openapi({ description: "what was given, what was expected" }),
    next: z.string().optional().openapi({ description: "what to do about it" }),
    refused: z
      .array(
        z.strictObject({
          position: z.int().min(0),
          id: z.string().nullable(),
          reason: z.enum(eventRejectionReasons),
          detail: z.string(),
        }),
      )
      .optional()
      .openapi({ description: "of a request to write: every event that is not as it must be" }),
  })
  .openapi("Problem");

const headerComponents = {
  ETag: "names the content; send it back as If-None-Match, and what has not changed is not sent again (304)",
  "Cache-Control": "`no-cache`, or `immutable` for what can never change",
  "X-Request-Id": "the id given in the request, or a new one; say it when you report a problem",
  "RateLimit-Policy": "units a minute of one client; absent where nothing is limited",
  RateLimit: "units left, and seconds until the next minute",
  "Retry-After": "seconds until asking again makes sense",
};

/** Puts what is common to operations into the document. */
export function describeCommon(registry: Registry): void {
  registry.register("Problem", problemSchema);
  for (const [name, description] of Object.entries(headerComponents)) {
    registry.registerComponent("headers", name, { description, schema: { type: "string" } });
  }
}

/** Puts an operation into the document. */
export function describeRoute<P extends z.ZodObject, Q extends z.ZodObject, B extends z.ZodType>(
  registry: Registry,
  route: Route<P, Q, B>,
): void {
  const {
    method,
    path,
    tag,
    summary,
    description,
    params,
    query,
    body,
    rawBody,
    headers,
    example,
    cost = 1,
  } = route as AnyRoute;
  const limited = cost > 1 ? `\n\nCounts as ${cost} requests towards the rate limit.` : "";
  registry.registerPath({
    method,
    path,
    operationId: operationId(method, path),
    tags: [tag],
    summary,
    description: description + limited,
    request: {
      ...(params === undefined ? {} : { params }),
      ...(query === undefined ? {} : { query }),
      ...(headers === undefined ? {} : { headers }),
      ...bodyOf(body === undefined ? rawBody : { "application/json": body }, example),
    },
    responses: merged(successes(route as AnyRoute), problems(route as AnyRoute)) as never,
  });
}

function successes({ method, answers }: AnyRoute): Described {
  const names = ["ETag", "Cache-Control", "X-Request-Id", "RateLimit-Policy", "RateLimit"];
  const headers = headerRefs(method === "post" ? names.slice(1) : names);
  const listed = Object.entries(answers).map(([status, { about, kinds }]) => [
    status,
    {
      description: about,
      headers,
      content: Object.fromEntries(kinds.map(({ type = "application/json", schema }) => [type, { schema }])),
    },
  ]);
  const unchanged = { description: "What was got before is still good.", headers: headerRefs(names) };
  return { ...Object.fromEntries(listed), ...(method === "get" ? { 304: unchanged } : {}) };
}

function problems({ problems = [], params, body }: AnyRoute): Described {
  const codes = new Set([...problems, ...commonProblems]);
  if (params !== undefined && "account" in params.shape) codes.add("invalid-address");
  if (body !== undefined) for (const code of bodyProblems) codes.add(code);
  const byStatus = new Map<number, string[]>();
  for (const code of codes) {
    const status = statusOfCode[code] ?? (code === "internal" ? 500 : 503);
    byStatus.set(status, [...(byStatus.get(status) ?? []), `\`${code}\``]);
  }
  const content = { "application/problem+json": { schema: problemSchema } };
  return Object.fromEntries(
    [...byStatus]
      .sort(([a], [b]) => a - b)
      .map(([status, list]) => {
        const limited = status === 429 ? ["RateLimit-Policy", "RateLimit", "Retry-After"] : [];
        const headers = headerRefs(["X-Request-Id", ...limited]);
        return [
          status,
          { description: `${titleOfStatus[status]}: ${list.sort().join(", ")}`, headers, content },
        ];
      }),
  );
}

/** Both; where both have a status, its bodies are those of the first and of the second. */
function merged(first: Described, second: Described): Described {
  const all = { ...second, ...first };
  for (const status of Object.keys(first).filter((key) => key in second)) {
    const [one, other] = [first[status], second[status]];
    const description = `${one?.description} Or: ${other?.description}`;
    all[status] = { ...other, ...one, description, content: { ...one?.content, ...other?.content } };
  }
  return all;
}

type Described = Record<string, { readonly description: string; readonly content?: Record<string, unknown> }>;

function bodyOf(types: Readonly<Record<string, z.ZodType>> | undefined, example: unknown) {
  if (types === undefined) return {};
  const shown = example === undefined ? {} : { example };
  const content = Object.entries(types).map(([type, schema]) => [type, { schema, ...shown }] as const);
  return { body: { required: true, content: Object.fromEntries(content) } };
}

const bodyProblems = ["invalid-body", "body-too-large", "body-type-unsupported", "server-busy"];

function headerRefs(names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}

function operationId(method: string, path: string): string {
  const words = path
    .replaceAll(/[{}]/g, "")
    .split(/[/.]/)
    .filter((word) => word !== "" && word !== "v1");
  return [method, ...words]
    .map((word, index) => (index === 0 ? word : word[0]?.toUpperCase() + word.slice(1)))
    .join("");
}
