import type { Context } from "hono";
import { PayrootError } from "../errors.ts";
import { jsonText } from "../format.ts";

/** A failed request as RFC 9457 problem details; `code` is one of our error codes. */
export type Problem = {
  readonly type: "about:blank";
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly facts?: PayrootError["facts"];
  readonly next?: string;
};

/** The HTTP status of our error codes; 500 for what is not listed and not retryable. */
const statusOfCode: Readonly<Record<string, number>> = {
  "invalid-address": 400,
  "invalid-query": 400,
  "epoch-unknown": 404,
  "not-found": 404,
};

const titles: Readonly<Record<number, string>> = {
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

/** Answers with an error as problem+json; nothing of an unforeseen one is shown. */
export function problemResponse(context: Context, error: unknown): Response {
  const known = error instanceof PayrootError && error.code !== "invariant-violated" ? error : undefined;
  const status = known === undefined ? 500 : (statusOfCode[known.code] ?? (known.retryable ? 503 : 500));
  const problem: Problem = {
    type: "about:blank",
    title: titles[status] ?? "Error",
    status,
    code: known?.code ?? "internal",
    detail: known?.message ?? "The request failed for a reason of ours; the log of the service has it.",
    ...(known !== undefined && Object.keys(known.facts).length > 0 ? { facts: known.facts } : {}),
    ...(known?.next === undefined ? {} : { next: known.next }),
  };
  return respond(context, problem, { status, type: "application/problem+json" });
}

/** Answers with JSON, bigints as decimal strings. */
export function respond(
  context: Context,
  value: unknown,
  options: { status?: number; type?: string; cache?: string } = {},
): Response {
  context.header("Content-Type", options.type ?? "application/json");
  context.header("Cache-Control", options.cache ?? "no-cache");
  context.header("Vary", "Accept-Encoding");
  return context.body(`${jsonText(value)}\n`, { status: options.status ?? 200 } as never);
}
