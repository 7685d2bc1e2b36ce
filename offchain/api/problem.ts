import { type Facts, PayrootError } from "../errors.ts";
import { EventsRefused, type RefusedEvent } from "../intake/events.ts";
import { type Answer, json } from "./respond.ts";

/** A failed request as RFC 9457 problem details; `code` is one of our error codes. */
export type Problem = {
  readonly type: "about:blank";
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly facts?: Facts;
  readonly next?: string;
  readonly refused?: readonly RefusedEvent[];
};

/** The HTTP status of the error codes that a client may see with their facts. */
export const statusOfCode: Readonly<Record<string, number>> = {
  "invalid-address": 400,
  "invalid-body": 400,
  "invalid-query": 400,
  "invalid-request": 400,
  "intake-body-invalid": 400,
  "intake-expired": 401,
  "intake-signature-invalid": 401,
  "intake-unsigned": 401,
  "chain-not-configured": 404,
  "epoch-unknown": 404,
  "intake-off": 404,
  "not-found": 404,
  "method-not-allowed": 405,
  "intake-replayed": 409,
  "performance-gone": 410,
  "body-too-large": 413,
  "intake-body-too-large": 413,
  "url-too-long": 414,
  "body-type-unsupported": 415,
  "intake-events-refused": 422,
  "rate-limited": 429,
  "archive-incomplete": 500,
  "artifact-damaged": 500,
  "manifest-damaged": 500,
  "proof-mismatch": 500,
  "proof-missing": 500,
  "intake-busy": 503,
  "intake-journal-failed": 503,
  "intake-not-stored": 503,
  "intake-starting": 503,
  "intake-stopping": 503,
  "ledger-busy": 503,
  "server-busy": 503,
};

/** What a status is called. */
export const titleOfStatus: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  409: "Conflict",
  410: "Gone",
  413: "Content Too Large",
  414: "URI Too Long",
  415: "Unsupported Media Type",
  422: "Unprocessable Content",
  429: "Too Many Requests",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

/** What goes with a status: how to prove who one is, when asking again makes sense. */
const headersOfStatus: Readonly<Record<number, Readonly<Record<string, string>>>> = {
  401: { "WWW-Authenticate": "Payroot-HMAC-SHA256" },
  503: { "Retry-After": "5" },
};

/** An error as problem+json. Of one that is not listed above nothing is shown that could name an inside. */
export function problemAnswer(error: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  const known = error instanceof PayrootError && error.code !== "invariant-violated" ? error : undefined;
  const listed = known === undefined ? undefined : statusOfCode[known.code];
  const status = listed ?? (known?.retryable ? 503 : 500);
  const facts = listed === undefined ? {} : (known?.facts ?? {});
  const problem: Problem = {
    type: "about:blank",
    title: titleOfStatus[status] ?? "Error",
    status,
    code: known?.code ?? "internal",
    detail: known?.message ?? "The request failed for a reason of ours; the log of the service has it.",
    ...(Object.keys(facts).length > 0 ? { facts } : {}),
    ...(listed === undefined || known?.next === undefined ? {} : { next: known.next }),
    ...(error instanceof EventsRefused ? { refused: error.refused } : {}),
  };
  const extra = { ...headersOfStatus[status], ...headers };
  return json(problem, { status, type: "application/problem+json", headers: extra });
}

/** Whether an error is a fault of ours, which the log must have. */
export function isFault(error: unknown): boolean {
  if (!(error instanceof PayrootError)) return true;
  return (statusOfCode[error.code] ?? (error.retryable ? 503 : 500)) === 500;
}

/** The error for a value that cannot be used; `name` is the parameter's. */
export function invalidQuery(
  name: string,
  { given, expected }: { given: string; expected: string },
): PayrootError {
  return new PayrootError("invalid-query", `The value of "${name}" cannot be used.`, {
    facts: { given: given.slice(0, 64), expected },
    next: "correct the request",
  });
}

/** The error for a body that cannot be used; `name` is where in it, empty for the whole. */
export function invalidBody(
  name: string,
  { given, expected }: { given: string; expected: string },
): PayrootError {
  const what = name === "" ? "The body" : `The value of "${name}" in the body`;
  return new PayrootError("invalid-body", `${what} cannot be used.`, {
    facts: { given: given.slice(0, 64), expected },
    next: "correct the request",
  });
}

/** The error for what is no well-formed HTTP request to this service. */
export function invalidRequest(): PayrootError {
  return new PayrootError("invalid-request", "This is not a request that can be read.", {
    next: "correct the request",
  });
}
