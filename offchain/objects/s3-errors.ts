import { exitCodes, type Facts, messageOf, PayrootError } from "../errors.ts";

/** What is known of a failed request without looking at anything that could hold a secret. */
type Failure = {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly status?: number;
};

/** True for a failure that may pass by itself: throttling, 5xx, a broken or silent connection, a corrected clock. */
export function isPassing(error: unknown): boolean {
  if (error instanceof PayrootError) return error.retryable;
  const { name, code = "", status = 0 } = failureOf(error);
  return (
    status >= 500 ||
    status === 429 ||
    throttlings.has(name) ||
    networkCodes.has(code) ||
    isClockCorrected(error)
  );
}

const throttlings = new Set([
  "SlowDown",
  "Throttling",
  "RequestLimitExceeded",
  "RequestTimeout",
  "TimeoutError",
]);
const networkCodes = new Set([
  "ECONNRESET",
  "ECONNREFUSED",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ERR_STREAM_PREMATURE_CLOSE",
]);
const refusals = new Set([
  "AccessDenied",
  "AllAccessDisabled",
  "AccountProblem",
  "InvalidAccessKeyId",
  "SignatureDoesNotMatch",
  "InvalidSecurity",
  "InvalidToken",
  "ExpiredToken",
  "RequestTimeTooSkewed",
  "CredentialsProviderError",
  "Forbidden",
]);
const elsewhere = new Set([
  "PermanentRedirect",
  "AuthorizationHeaderMalformed",
  "IllegalLocationConstraintException",
]);

/** The SDK sets its own clock by the server's after such a failure, so that the next attempt is signed rightly. */
function isClockCorrected(error: unknown): boolean {
  return metadataOf(error)?.clockSkewCorrected === true;
}

/** True when the bucket answered that it has no such object. */
export function isNoSuchKey(error: unknown): boolean {
  const { name, status } = failureOf(error);
  return name === "NoSuchKey" || (name === "NotFound" && status === 404);
}

/** Whatever the S3 client threw, as the `PayrootError` that says what to do about it; `facts` say where. */
export function s3Error(error: unknown, facts: Facts): PayrootError {
  if (error instanceof PayrootError) return error;
  const failure = failureOf(error);
  const all = { ...facts, status: failure.status, reason: `${failure.name}: ${failure.message}` };
  if (failure.name === "NoSuchBucket") return bucketMissing(all);
  if (elsewhere.has(failure.name) || failure.status === 301) return regionWrong(all);
  if (isPassing(error)) return unreachable(all);
  // An archived object is forbidden to everyone; what else is forbidden without a known name comes from a proxy.
  const isForbidden =
    failure.status === 401 || (failure.status === 403 && failure.name !== "InvalidObjectState");
  if (isForbidden || refusals.has(failure.name)) return refused(all);
  return requestFailed(all);
}

function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) return { name: "Error", message: messageOf(error) };
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  const status = metadataOf(error)?.httpStatusCode;
  return {
    name: error.name,
    // A refused connection to a name with several addresses has its reason only in the code.
    message: error.message.split("\n", 1)[0] || (code ?? "no reason was given"),
    ...(code === undefined ? {} : { code }),
    ...(typeof status === "number" ? { status } : {}),
  };
}

function metadataOf(error: unknown): Record<string, unknown> | undefined {
  if (!(error instanceof Error) || !("$metadata" in error)) return undefined;
  const metadata = error.$metadata;
  return typeof metadata === "object" && metadata !== null ? { ...metadata } : undefined;
}

function bucketMissing(facts: Facts): PayrootError {
  return new PayrootError("bucket-missing", "The bucket does not exist.", {
    facts,
    next: "create the bucket, or correct its name, the endpoint or the region",
    exitCode: exitCodes.usage,
  });
}

function regionWrong(facts: Facts): PayrootError {
  return new PayrootError("store-region-wrong", "The bucket is in another region.", {
    facts,
    next: "set AWS_REGION to the bucket's region, and S3_ENDPOINT to that region's endpoint if one is set",
    exitCode: exitCodes.usage,
  });
}

function refused(facts: Facts): PayrootError {
  return new PayrootError(
    "credentials-refused",
    "The object store refused the credentials, or they lack the right.",
    {
      facts,
      next: "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and that they may list, read and write this bucket",
      exitCode: exitCodes.usage,
    },
  );
}

function unreachable(facts: Facts): PayrootError {
  return new PayrootError("store-unreachable", "The object store did not answer, or only with errors.", {
    facts,
    next: "check S3_ENDPOINT and the network; the work is tried again",
    retryable: true,
  });
}

function requestFailed(facts: Facts): PayrootError {
  return new PayrootError("store-request-failed", "The object store did not accept the request.", {
    facts,
    next: "check that S3_ENDPOINT is an S3 service, and what it says under reason",
  });
}

/** The endpoint answered, but not as S3 does (`store-not-s3`). */
export function notS3(facts: Facts): PayrootError {
  return new PayrootError("store-not-s3", "The endpoint does not answer as S3 does.", {
    facts,
    next: "check S3_ENDPOINT: something else than an S3 service answers there",
    exitCode: exitCodes.usage,
  });
}

/** A listing was not in ascending order (`store-listing-unordered`), so it cannot be trusted to be complete. */
export function listingUnordered(facts: Facts): PayrootError {
  return new PayrootError(
    "store-listing-unordered",
    "The bucket's listing is not in the order that S3 promises.",
    {
      facts,
      next: "use a general-purpose bucket: directory buckets and some S3 look-alikes do not list in order",
      exitCode: exitCodes.usage,
    },
  );
}

/** A body ended before its announced length (`object-cut-short`). */
export function cutShort(facts: Facts): PayrootError {
  return new PayrootError("object-cut-short", "The body of an object ended before its announced length.", {
    facts,
    next: "nothing: the object is read again",
    retryable: true,
  });
}
