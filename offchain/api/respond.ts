import { hash } from "node:crypto";
import { acceptedEncoding, compress, type Encoding } from "./compression.ts";

/** What a handler answers with. Bodies are whole: an answer is checked before its first byte is sent. */
export type Answer = {
  /** 200 when left out. */
  readonly status?: number;
  readonly body: string | Uint8Array;
  /** `application/json` when left out. */
  readonly type?: string;
  /** `immutable` for what can never change, `no-cache` (the default) for what lives. */
  readonly cache?: "immutable" | "no-cache";
  /** What fixes the content, such as a root or a hash; a hash of the body when left out. No quotes in it. */
  readonly tag?: string;
  readonly headers?: Readonly<Record<string, string>>;
};

/** What the frame knows of a request when it answers. */
export type Asked = {
  readonly method: string;
  /** Whether it came over HTTPS. */
  readonly secure: boolean;
  readonly header: (name: string) => string | undefined;
  /** Request id, rate limit: what goes on every answer. */
  readonly headers: Readonly<Record<string, string>>;
};

/** On every answer: what browsers may do with it. */
export const commonHeaders = {
  "Access-Control-Allow-Origin": "*",
  "Access-Control-Expose-Headers": "ETag, Link, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id",
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
  "Cross-Origin-Resource-Policy": "cross-origin",
  "Referrer-Policy": "no-referrer",
  Vary: "Accept-Encoding",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
} as const;

/** Smaller bodies are sent as they are, in bytes. */
export const compressFromBytes = 4096;

const cacheControl = {
  immutable: "public, max-age=31536000, immutable",
  "no-cache": "no-cache",
} as const;

/** A value as the JSON of an answer: bigints as decimal strings. */
export function json(value: unknown, options: Omit<Answer, "body"> = {}): Answer {
  return { ...options, body: `${JSON.stringify(value, plain)}\n` };
}

/** The whole answer at once: encoding, tag, and every header in one record, which is what makes it fast. */
export async function respond(asked: Asked, answer: Answer): Promise<Response> {
  const { status = 200, body, cache = "no-cache" } = answer;
  const long = body.length >= compressFromBytes;
  const encoding = long ? acceptedEncoding(asked.header("accept-encoding")) : undefined;
  const headers: Record<string, string> = {
    ...commonHeaders,
    ...asked.headers,
    ...(asked.secure ? { "Strict-Transport-Security": "max-age=31536000" } : {}),
    "Cache-Control": cacheControl[cache],
    "Content-Type": answer.type ?? "application/json",
    ...answer.headers,
  };
  if (status === 200 && asked.method !== "POST") {
    const name = answer.tag ?? hash("sha256", body, "base64url").slice(0, 27);
    headers.ETag = tagOf(name, encoding);
    if (isKnown(asked.header("if-none-match"), name)) return notModified(headers);
  }
  const sent = encoding === undefined ? body : await compress(body, encoding);
  if (encoding !== undefined) headers["Content-Encoding"] = encoding;
  headers["Content-Length"] = String(typeof sent === "string" ? Buffer.byteLength(sent) : sent.byteLength);
  return new Response(sent as string | Uint8Array<ArrayBuffer>, { status, headers });
}

/** The answer to a preflight, which lets a page of another origin ask. */
export function preflight(methods: readonly string[]): Response {
  const allowed = {
    "Access-Control-Allow-Methods": methods.join(","),
    "Access-Control-Allow-Headers": "Content-Type, If-None-Match, X-Request-Id",
    "Access-Control-Max-Age": "86400",
  };
  return new Response(null, { status: 204, headers: { ...commonHeaders, ...allowed } });
}

function notModified(headers: Record<string, string>): Response {
  const { "Content-Type": _type, "Content-Disposition": _disposition, ...kept } = headers;
  return new Response(null, { status: 304, headers: kept });
}

// Two encodings are two representations, and a strong tag names one.
function tagOf(name: string, encoding: Encoding | undefined): string {
  return encoding === undefined ? `"${name}"` : `"${name}-${encoding}"`;
}

/** Whether an `If-None-Match` names the content, in whatever encoding it was got. */
function isKnown(header: string | undefined, name: string): boolean {
  if (header === undefined) return false;
  return header.split(",", 100).some((part) => {
    const text = part.trim();
    if (text === "*") return true;
    const tag = text.startsWith("W/") ? text.slice(2) : text;
    return tag === `"${name}"` || tag === `"${name}-br"` || tag === `"${name}-gzip"`;
  });
}

function plain(_key: string, item: unknown): unknown {
  return typeof item === "bigint" ? item.toString() : item;
}
