import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { exitCodes, type Facts, messageOf, PayrootError } from "../errors.ts";
import { createLimiter } from "./concurrent.ts";
import {
  type GetOptions,
  isObjectKey,
  type ObjectStore,
  ObjectTooLargeError,
  type StoredObject,
} from "./object-store.ts";
import { defaultRetry, type RetryOptions, withRetry } from "./retry.ts";

/** How a mirror is dealt with. */
export type HttpOptions = {
  /** Requests under way at a time; default 8. */
  readonly maxRequests?: number;
  /** Without a byte in or out; default 30,000. */
  readonly idleTimeoutMilliseconds?: number;
  readonly retry?: RetryOptions;
};

/**
 * A read-only mirror on a web server: keys are paths below `base`. The web has no listings, so `list` and `listFolders`
 * throw `store-cannot-list`; `put` and `delete` throw `store-read-only`; failures are `store-unreachable` when they may
 * pass and `store-request-failed` when not.
 */
export function openHttpStore(base: string, options: HttpOptions = {}): ObjectStore {
  const root = base.endsWith("/") ? base : `${base}/`;
  const limit = createLimiter(options.maxRequests ?? 8);
  const idle = options.idleTimeoutMilliseconds ?? 30_000;
  const retry = options.retry ?? defaultRetry;
  const cannotList = (): never => {
    throw storeCannotList(root);
  };
  return {
    url: root,
    list: () => ({ [Symbol.asyncIterator]: cannotList }),
    listFolders: async () => cannotList(),
    get: async (key, getOptions = {}) => {
      if (!isObjectKey(key)) return undefined;
      const { signal } = getOptions;
      const url = new URL(key.split("/").map(encodeURIComponent).join("/"), root);
      return withRetry({ ...retry, isPassing, signal }, () =>
        limit(() => getOnce(url, { ...getOptions, key, idle, redirects: mostRedirects })),
      );
    },
    put: async () => {
      throw storeReadOnly(root);
    },
    delete: async () => {
      throw storeReadOnly(root);
    },
  };
}

const mostRedirects = 5;

type Fetch = GetOptions & { readonly key: string; readonly idle: number; readonly redirects: number };

async function getOnce(url: URL, fetch: Fetch): Promise<StoredObject | undefined> {
  const facts = { mirror: url.origin, object: fetch.key };
  const answer = await send(url, fetch).catch((error: unknown) => {
    fetch.signal?.throwIfAborted();
    throw unreachable({ ...facts, reason: messageOf(error) });
  });
  const { statusCode: status = 0, headers } = answer;
  if (status === 200) return readBody(answer, fetch);
  answer.destroy();
  if (status === 404 || status === 410) return undefined;
  if ([301, 302, 303, 307, 308].includes(status) && headers.location !== undefined && fetch.redirects > 0) {
    const target = new URL(headers.location, url);
    if (/^https?:$/.test(target.protocol))
      return getOnce(target, { ...fetch, redirects: fetch.redirects - 1 });
  }
  if (status >= 500 || status === 429) throw unreachable({ ...facts, status });
  throw requestFailed({ ...facts, status });
}

// Not `fetch`, which decodes a body that is stored compressed: what is hashed are the bytes as they are stored.
function send(url: URL, { idle, signal }: Fetch): Promise<IncomingMessage> {
  const request = url.protocol === "https:" ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const options = {
      headers: { "accept-encoding": "identity" },
      ...(signal === undefined ? {} : { signal }),
    };
    const sent = request(url, options, resolve);
    sent.setTimeout(idle, () => sent.destroy(new Error(`no answer within ${idle} ms`)));
    sent.on("error", reject);
    sent.end();
  });
}

async function readBody(answer: IncomingMessage, fetch: Fetch): Promise<StoredObject> {
  const { key, maxBytes = Number.POSITIVE_INFINITY, signal } = fetch;
  const { headers } = answer;
  const announced = headers["content-length"] === undefined ? undefined : Number(headers["content-length"]);
  const version = headers.etag ?? headers["last-modified"] ?? String(announced);
  const tooLarge = (size: number) => {
    answer.destroy();
    return new ObjectTooLargeError({ key, version, size }, maxBytes);
  };
  if (announced !== undefined && announced > maxBytes) throw tooLarge(announced);
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of answer as AsyncIterable<Uint8Array>) {
      size += chunk.length;
      if (size > maxBytes) throw tooLarge(size);
      chunks.push(chunk);
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw error instanceof PayrootError ? error : unreachable({ object: key, reason: messageOf(error) });
  }
  return { bytes: Buffer.concat(chunks, size), version };
}

function isPassing(error: unknown): boolean {
  return error instanceof PayrootError && error.retryable;
}

function storeCannotList(mirror: string): PayrootError {
  return new PayrootError("store-cannot-list", "A mirror on a web server cannot say which objects it has.", {
    facts: { mirror },
    next: "give the store itself, as s3://bucket/prefix or file:///directory",
    exitCode: exitCodes.usage,
  });
}

function storeReadOnly(mirror: string): PayrootError {
  return new PayrootError("store-read-only", "A mirror on a web server can only be read.", {
    facts: { mirror },
    next: "give the store itself, as s3://bucket/prefix or file:///directory",
    exitCode: exitCodes.usage,
  });
}

function unreachable(facts: Facts): PayrootError {
  return new PayrootError("store-unreachable", "The mirror did not answer, or only with errors.", {
    facts,
    next: "check the URL and the network, or take another mirror, then run the same command again",
    retryable: true,
  });
}

function requestFailed(facts: Facts): PayrootError {
  return new PayrootError("store-request-failed", "The mirror did not give the file.", {
    facts,
    next: "check the URL and that everybody may read what is there, or take another mirror",
  });
}
