import { Readable } from "node:stream";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { invariant } from "../errors.ts";
import { createLimiter } from "./concurrent.ts";
import {
  compareKeys,
  type GetOptions,
  isObjectKey,
  type ListOptions,
  type ObjectInfo,
  type ObjectStore,
  ObjectTooLargeError,
  pageSize,
  type StoredObject,
  validateKey,
} from "./object-store.ts";
import { defaultRetry, type RetryOptions, withRetry } from "./retry.ts";
import { cutShort, isNoSuchKey, isPassing, listingUnordered, notS3, s3Error } from "./s3-errors.ts";

/** Where the S3 service is, and how to deal with it. */
export type S3Options = {
  /** URL of an S3-compatible service, spoken to in path style; without it, Amazon's. */
  readonly endpoint?: string | undefined;
  /** Default `us-east-1`. */
  readonly region?: string | undefined;
  /** Without them, the AWS SDK looks where it usually does: environment, profile, instance role. */
  readonly credentials?: S3Credentials | undefined;
  /** Requests under way at a time; default 16. */
  readonly maxRequests?: number | undefined;
  /** Until a connection stands; default 5,000. */
  readonly connectTimeoutMilliseconds?: number | undefined;
  /** Without a byte in or out; default 30,000. */
  readonly idleTimeoutMilliseconds?: number | undefined;
  readonly retry?: RetryOptions | undefined;
};

/** A key pair of the S3 service; `sessionToken` goes with temporary ones. */
export type S3Credentials = {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
};

/** A place in S3; `prefix` is empty or ends in "/", and is no part of the store's keys. */
export type S3Place = { readonly bucket: string; readonly prefix: string };

/** Objects of a bucket below a prefix, in S3 or a service that speaks like it. Does not connect until it is used. */
export function openS3Store(place: S3Place, options: S3Options = {}): ObjectStore {
  const limit = createLimiter(options.maxRequests ?? 16);
  const retry = options.retry ?? defaultRetry;
  const url = `s3://${place.bucket}/${place.prefix}`;
  const session: Session = {
    client: createClient(options),
    place,
    request: async ({ object, signal }, work) => {
      try {
        return await withRetry({ ...retry, isPassing, signal }, () => limit(work));
      } catch (error) {
        signal?.throwIfAborted();
        throw s3Error(error, { store: url, endpoint: options.endpoint, object });
      }
    },
  };
  return {
    url,
    list: (listOptions = {}) => listPages(session, listOptions),
    listFolders: (prefix) => listFolders(session, prefix),
    get: async (key, getOptions = {}) => {
      if (!isObjectKey(key)) return undefined;
      return session.request({ object: key, signal: getOptions.signal }, () =>
        getOnce(session, key, getOptions),
      );
    },
    put: async (key, bytes, putOptions = {}) => {
      validateKey(key);
      const command = { ...objectOf(place, key), Body: bytes, ContentType: putOptions.contentType };
      await session.request({ object: key }, () => session.client.send(new PutObjectCommand(command)));
    },
    delete: async (key) => {
      if (!isObjectKey(key)) return;
      await session.request({ object: key }, () =>
        session.client.send(new DeleteObjectCommand(objectOf(place, key))),
      );
    },
  };
}

type Session = {
  readonly client: S3Client;
  readonly place: S3Place;
  /** Runs one whole request, body included, within the bound and with retries. */
  readonly request: <Result>(
    about: { readonly object?: string; readonly signal?: AbortSignal | undefined },
    work: () => Promise<Result>,
  ) => Promise<Result>;
};

function createClient(options: S3Options): S3Client {
  const agent = { keepAlive: true, maxSockets: options.maxRequests ?? 16 };
  return new S3Client({
    region: options.region ?? "us-east-1",
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint, forcePathStyle: true }),
    ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
    followRegionRedirects: options.endpoint === undefined,
    // All retries are made here, because the SDK makes none once a body has begun.
    maxAttempts: 1,
    retryMode: "standard",
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    expectContinueHeader: false,
    requestHandler: {
      connectionTimeout: options.connectTimeoutMilliseconds ?? 5_000,
      socketTimeout: options.idleTimeoutMilliseconds ?? 30_000,
      httpAgent: agent,
      httpsAgent: agent,
    },
  });
}

function objectOf(place: S3Place, key: string): { readonly Bucket: string; readonly Key: string } {
  return { Bucket: place.bucket, Key: place.prefix + key };
}

async function* listPages(
  session: Session,
  { prefix = "", startAfter, signal }: ListOptions,
): AsyncGenerator<readonly ObjectInfo[], void, undefined> {
  let token: string | undefined;
  let last: string | undefined;
  do {
    const answer = await listOnce(session, { prefix, startAfter, token, signal });
    const page: ObjectInfo[] = [];
    for (const { Key = "", ETag, Size = 0 } of answer.Contents ?? []) {
      const key = Key.slice(session.place.prefix.length);
      if (last !== undefined && compareKeys(key, last) <= 0)
        throw listingUnordered({ after: last, object: key });
      last = key;
      if (isObjectKey(key)) page.push({ key, version: versionOf(ETag), size: Size });
    }
    if (page.length > 0) yield page;
    token = nextToken(answer);
  } while (token !== undefined);
}

async function listFolders(session: Session, prefix: string): Promise<string[]> {
  const folders: string[] = [];
  let token: string | undefined;
  do {
    const answer = await listOnce(session, { prefix, token, delimiter: "/" });
    for (const { Prefix = "" } of answer.CommonPrefixes ?? [])
      folders.push(Prefix.slice(session.place.prefix.length));
    token = nextToken(answer);
  } while (token !== undefined);
  return folders.sort(compareKeys);
}

type ListRequest = {
  readonly prefix: string;
  readonly startAfter?: string | undefined;
  readonly token?: string | undefined;
  readonly delimiter?: string;
  readonly signal?: AbortSignal | undefined;
};

async function listOnce(session: Session, request: ListRequest): Promise<ListObjectsV2CommandOutput> {
  const { place } = session;
  const command = new ListObjectsV2Command({
    Bucket: place.bucket,
    Prefix: place.prefix + request.prefix,
    MaxKeys: pageSize,
    Delimiter: request.delimiter,
    ContinuationToken: request.token,
    StartAfter: request.startAfter === undefined ? undefined : place.prefix + request.startAfter,
  });
  return session.request({ signal: request.signal }, async () => {
    const answer = await session.client.send(command, abortable(request.signal));
    if (answer.IsTruncated === undefined) throw notS3({ missing: "IsTruncated" });
    return answer;
  });
}

function nextToken(answer: ListObjectsV2CommandOutput): string | undefined {
  if (answer.IsTruncated !== true) return undefined;
  invariant(answer.NextContinuationToken, "A truncated listing says where it goes on.");
  return answer.NextContinuationToken;
}

async function getOnce(
  session: Session,
  key: string,
  options: GetOptions,
): Promise<StoredObject | undefined> {
  const command = new GetObjectCommand(objectOf(session.place, key));
  let answer: GetObjectCommandOutput;
  try {
    answer = await session.client.send(command, abortable(options.signal));
  } catch (error) {
    if (isNoSuchKey(error)) return undefined;
    throw error;
  }
  return { bytes: await readBody(answer, key, options.maxBytes), version: versionOf(answer.ETag) };
}

async function readBody(
  answer: GetObjectCommandOutput,
  key: string,
  maxBytes = Infinity,
): Promise<Uint8Array> {
  const { Body: body, ContentLength: announced } = answer;
  invariant(body instanceof Readable, "The S3 client gives the body of an object as a Node stream.");
  const tooLarge = (size: number) => {
    body.destroy();
    return new ObjectTooLargeError({ key, version: versionOf(answer.ETag), size }, maxBytes);
  };
  if (announced !== undefined && announced > maxBytes) throw tooLarge(announced);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > maxBytes) throw tooLarge(size);
    chunks.push(chunk);
  }
  if (announced !== undefined && size !== announced) throw cutShort({ object: key, bytes: size, announced });
  return Buffer.concat(chunks, size);
}

/** Some services call a tag weak in one answer and not in another; it names the same content. */
function versionOf(tag: string | undefined): string {
  if (tag === undefined) throw notS3({ missing: "ETag" });
  return tag.replace(/^W\//, "").replaceAll('"', "");
}

function abortable(signal: AbortSignal | undefined): { readonly abortSignal?: AbortSignal } {
  return signal === undefined ? {} : { abortSignal: signal };
}
