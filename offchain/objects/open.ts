import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { exitCodes, messageOf, PayrootError } from "../errors.ts";
import { openDirectoryStore } from "./directory.ts";
import { directoryError } from "./directory-errors.ts";
import { openHttpStore } from "./http.ts";
import type { ObjectStore } from "./object-store.ts";
import { openS3Store, type S3Options, type S3Place } from "./s3.ts";

/** How a store is opened; `create` makes the folder of a `file:` URL when it is missing (a bucket is never made). */
export type OpenOptions = { readonly s3?: S3Options; readonly create?: boolean };

/**
 * The object store at `s3://bucket/prefix` or `file:///dir`, or, only to be read, at `http(s)://…`; keys are relative to
 * it. Connects to nothing, so that a missing bucket or wrong credentials show at the first use. Throws `store-url-invalid`,
 * `store-endpoint-invalid`, and with `create` what making a folder can: `store-read-only`, `disk-full`,
 * `store-not-a-directory`.
 */
export function openObjectStore(url: string, options: OpenOptions = {}): ObjectStore {
  if (url.startsWith("s3://")) return openS3Store(parseS3Url(url), checkedEndpoint(options.s3 ?? {}));
  if (/^https?:\/\//.test(url)) return openHttpStore(checkedMirror(url));
  if (!url.startsWith("file:")) {
    throw urlInvalid({ problem: "begins with neither s3:// nor file:/// nor http(s)://", url });
  }
  const root = parseFileUrl(url);
  if (options.create === true) makeRoot(root);
  return openDirectoryStore(root);
}

const bucketName = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

function parseS3Url(url: string): S3Place {
  const [bucket = "", ...segments] = url.slice("s3://".length).split("/");
  if (bucket.includes("@") || bucket.includes(":")) {
    throw urlInvalid({ problem: "has credentials or a port in the bucket's place", url });
  }
  if (!bucketName.test(bucket)) {
    throw urlInvalid({ problem: "has no valid bucket name (3 to 63 of a-z 0-9 . -)", url });
  }
  if (/[?#]/.test(url)) throw urlInvalid({ problem: "has a query or a fragment", url });
  const path = segments.filter((segment) => segment !== "");
  return { bucket, prefix: path.map((segment) => `${segment}/`).join("") };
}

function parseFileUrl(url: string): string {
  try {
    if (!url.startsWith("file:///")) throw new Error("is not absolute");
    if (/[?#]/.test(url)) throw new Error("has a query or a fragment; write %3F for ? and %23 for #");
    return fileURLToPath(url);
  } catch (error) {
    throw urlInvalid({ problem: messageOf(error), url });
  }
}

function checkedMirror(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined) throw urlInvalid({ problem: "is no URL", url });
  if (parsed.username !== "" || parsed.password !== "") {
    throw urlInvalid({ problem: "has credentials in it", url });
  }
  if (parsed.search !== "" || parsed.hash !== "") {
    throw urlInvalid({ problem: "has a query or a fragment", url });
  }
  return parsed.href;
}

function checkedEndpoint(options: S3Options): S3Options {
  const { endpoint } = options;
  if (endpoint === undefined) return options;
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw endpointInvalid("is no http:// or https:// URL", endpoint);
  if (url.username !== "" || url.password !== "") throw endpointInvalid("has credentials in it", endpoint);
  return options;
}

function makeRoot(root: string): void {
  try {
    mkdirSync(root, { recursive: true });
  } catch (error) {
    throw directoryError(error, { root, writing: true });
  }
}

function urlInvalid(given: { readonly problem: string; readonly url: string }): PayrootError {
  return new PayrootError("store-url-invalid", `The URL of an object store ${given.problem}.`, {
    facts: { given: withoutSecret(given.url), expected: "s3://bucket/prefix or file:///absolute/directory" },
    next: "correct the URL",
    exitCode: exitCodes.usage,
  });
}

function endpointInvalid(problem: string, endpoint: string): PayrootError {
  return new PayrootError("store-endpoint-invalid", `The S3 endpoint ${problem}.`, {
    facts: {
      given: withoutSecret(endpoint),
      expected: "a URL such as https://s3.example.org or http://127.0.0.1:9000",
    },
    next: "correct S3_ENDPOINT, and give credentials as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    exitCode: exitCodes.usage,
  });
}

/** Whatever stands before an @ may be a secret: it is not repeated. */
function withoutSecret(url: string): string {
  return url.replace(/^.*@/, "…@");
}
