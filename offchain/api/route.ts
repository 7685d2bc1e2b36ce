import type { z } from "@hono/zod-openapi";
import type { Answer } from "./respond.ts";

/** What one kind of body an operation answers with means; without a schema it is described in words only. */
export type AnswerKind = {
  readonly type?: string;
  readonly schema: z.ZodType;
};

/**
 * An operation: what the OpenAPI document says of it is what is checked before its handler is called. Parameters not
 * named in `query` are refused.
 */
export type Route<P extends z.ZodObject, Q extends z.ZodObject, B extends z.ZodType> = {
  readonly method: "get" | "post";
  /** As OpenAPI writes it: `/v1/epochs/{epoch}`. */
  readonly path: string;
  readonly tag: string;
  /** A few words; the operation's id is made of method and path. */
  readonly summary: string;
  readonly description: string;
  readonly params?: P;
  readonly query?: Q;
  /** A JSON body. */
  readonly body?: B;
  /** A body that the handler itself reads from the bytes as sent, by type; for the document. */
  readonly rawBody?: Readonly<Record<string, z.ZodType>>;
  /** A body that works, for the document. */
  readonly example?: unknown;
  /** Headers that the handler reads; for the document. */
  readonly headers?: z.ZodObject;
  /** The largest body in bytes; a route without it takes none. */
  readonly maxBodyBytes?: number;
  /** By status, what success looks like; the first is what the reference shows. */
  readonly answers: Readonly<
    Record<number, { readonly about: string; readonly kinds: readonly AnswerKind[] }>
  >;
  /** Codes of the errors a caller may meet, beyond those that any request can meet. */
  readonly problems?: readonly string[];
  /** Units of the rate limit: 1 when left out, 0 is never limited. */
  readonly cost?: number;
  /** Codes of errors that cost a unit each, on a route that costs none otherwise. */
  readonly countedCodes?: readonly string[];
  /** Whether pages of other origins may send it; any GET may be. */
  readonly anyOrigin?: boolean;
};

/** What was asked, as the schemas read it. */
export type Input<P, Q, B> = { readonly params: P; readonly query: Q; readonly body: B };

/** The request behind the input, for those who need more of it. */
export type ApiRequest = {
  readonly method: string;
  /** Path and query as sent. */
  readonly target: string;
  /** Its id, which is in the answer and should be in every line of a log about it. */
  readonly id: string;
  readonly header: (name: string) => string | undefined;
  /** The body as sent; empty where the route takes none. */
  readonly bytes: Uint8Array;
};

/** Answers a checked request. What it throws becomes a problem. */
export type Handler<P, Q, B> = (input: Input<P, Q, B>, request: ApiRequest) => Answer | Promise<Answer>;
