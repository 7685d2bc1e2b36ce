import type { z } from "@hono/zod-openapi";
import { PayrootError } from "../errors.ts";
import { invalidBody, invalidQuery } from "./problem.ts";

type Texts = Readonly<Record<string, string>>;

/** The query of a URL by name. Throws `invalid-query` for a name that is unknown or repeated, or bad encoding. */
export function parseQuery(url: string, known: ReadonlySet<string>): Texts {
  const start = url.indexOf("?");
  const found: Record<string, string> = Object.create(null);
  if (start < 0) return found;
  const unknown: string[] = [];
  for (const pair of url.slice(start + 1).split("&")) {
    if (pair === "") continue;
    const middle = pair.indexOf("=");
    const name = decode(middle < 0 ? pair : pair.slice(0, middle));
    const value = decode(middle < 0 ? "" : pair.slice(middle + 1));
    if (!known.has(name)) unknown.push(name);
    else if (name in found) throw invalidQuery(name, { given: value, expected: "the parameter only once" });
    else found[name] = value;
  }
  if (unknown.length > 0) throw unknownParameters(unknown, known);
  return found;
}

/** Texts as a schema reads them. Throws `invalid-query`, or what the schema itself throws. */
export function readTexts<S extends z.ZodType>(schema: S, texts: Texts): z.output<S> {
  const { success, data, error } = schema.safeParse(texts);
  if (success) return data;
  const [issue] = error.issues;
  const name = String(issue?.path[0] ?? "");
  throw invalidQuery(name, { given: texts[name] ?? "nothing", expected: issue?.message ?? "" });
}

/** A JSON body as a schema reads it. Throws `invalid-body`, `body-type-unsupported`. */
export function readJson<S extends z.ZodType>(
  schema: S,
  { bytes, type }: { bytes: Uint8Array; type: string | undefined },
): z.output<S> {
  if (!/^application\/json\s*(;|$)/i.test(type ?? "")) throw typeUnsupported(type);
  const value = parseJson(bytes);
  const { success, data, error } = schema.safeParse(value);
  if (success) return data;
  const [issue] = error.issues;
  const path = issue?.path ?? [];
  const given = path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown>)?.[key], value);
  const expected = issue?.message ?? "";
  throw invalidBody(path.map(String).join("."), { given: JSON.stringify(given) ?? "nothing", expected });
}

/** Reads whole bodies. */
export type BodyReader = (request: Request, maxBytes: number) => Promise<Uint8Array>;

/**
 * A reader that counts bodies as they come, and holds at most `mostBytes` of all that are being read. Throws
 * `body-too-large`, `server-busy`.
 */
export function createBodyReader({ mostBytes }: { readonly mostBytes: number }): BodyReader {
  let held = 0;
  return async (request, maxBytes) => {
    const declared = Number(request.headers.get("content-length") ?? 0);
    if (declared > maxBytes) throw bodyTooLarge(maxBytes);
    const chunks: Uint8Array[] = [];
    let length = 0;
    try {
      for await (const chunk of request.body ?? []) {
        length += chunk.byteLength;
        held += chunk.byteLength;
        if (length > maxBytes) throw bodyTooLarge(maxBytes);
        if (held > mostBytes) throw serverBusy();
        chunks.push(chunk);
      }
      return Buffer.concat(chunks);
    } finally {
      held -= length;
    }
  };
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    const given = Buffer.from(bytes.subarray(0, 64)).toString("latin1");
    throw invalidBody("", { given: given.replace(/[^\x20-\x7e]/g, "?"), expected: "JSON in UTF-8" });
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    throw new PayrootError("invalid-query", "The query of the URL is not percent-encoded UTF-8.", {
      facts: { given: text.slice(0, 64), expected: "% and two hex digits, bytes of UTF-8" },
      next: "correct the request",
    });
  }
}

function unknownParameters(names: readonly string[], known: ReadonlySet<string>): PayrootError {
  const expected = known.size === 0 ? "no parameter" : [...known].join(", ");
  return new PayrootError("invalid-query", "The query has parameters that are not known here.", {
    facts: { given: names.join(", ").slice(0, 64), expected },
    next: "correct the request",
  });
}

function typeUnsupported(type: string | undefined): PayrootError {
  return new PayrootError("body-type-unsupported", "The body is not of a type that is read here.", {
    facts: { given: (type ?? "no Content-Type").slice(0, 64), expected: "application/json" },
    next: "correct the request",
  });
}

function bodyTooLarge(maxBytes: number): PayrootError {
  return new PayrootError("body-too-large", "The body is larger than what is read here.", {
    facts: { "most bytes": maxBytes },
    next: "send less at a time",
  });
}

function serverBusy(): PayrootError {
  return new PayrootError("server-busy", "More is being sent here at the same time than can be held.", {
    next: "send the request again in a few seconds",
    retryable: true,
  });
}
