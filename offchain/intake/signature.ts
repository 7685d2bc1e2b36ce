import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { Secret } from "../core/secret.ts";
import { PayrootError } from "../errors.ts";

/** A key with which a producer signs. No two share a secret. */
export type ProducerKey = { readonly producer: string; readonly key: string; readonly secret: Secret };

/** What the headers of a signed request say. */
export type Credentials = {
  readonly producer: string;
  readonly key: string;
  /** Seconds since 1970, by the clock of whoever signed. */
  readonly timestamp: number;
  /** Not used before by this producer. */
  readonly nonce: string;
  /** HMAC-SHA256 as 64 lower-case hex digits. */
  readonly signature: string;
};

/** A request as its signature sees it; `target` is the path with the query. */
export type SignedRequest = { readonly method: string; readonly target: string; readonly body: Uint8Array };

/** The headers of a signed request, and what each looks like. */
export const signatureHeaders = {
  producer: {
    name: "X-Payroot-Producer",
    pattern: /^[\w.-]{1,64}$/,
    expected: "1 to 64 of A-Z a-z 0-9 . _ -",
  },
  key: { name: "X-Payroot-Key", pattern: /^[\w.-]{1,64}$/, expected: "1 to 64 of A-Z a-z 0-9 . _ -" },
  timestamp: { name: "X-Payroot-Timestamp", pattern: /^[1-9]\d{8,10}$/, expected: "seconds since 1970" },
  nonce: { name: "X-Payroot-Nonce", pattern: /^[\w-]{16,64}$/, expected: "16 to 64 of A-Z a-z 0-9 _ -" },
  signature: { name: "X-Payroot-Signature", pattern: /^[0-9a-f]{64}$/, expected: "64 lower-case hex digits" },
} as const;

/** Reads the headers of a signed request. Throws `intake-unsigned`. */
export function readCredentials(header: (name: string) => string | undefined): Credentials {
  const read = (field: keyof typeof signatureHeaders): string => {
    const { name, pattern, expected } = signatureHeaders[field];
    const given = header(name);
    if (given === undefined || !pattern.test(given))
      throw unsigned({ name, expected, missing: given === undefined });
    return given;
  };
  return {
    producer: read("producer"),
    key: read("key"),
    timestamp: Number(read("timestamp")),
    nonce: read("nonce"),
    signature: read("signature"),
  };
}

/** Checks signatures. */
export type Keyring = {
  /** True when the signature is that of a live key of the producer over this very request. */
  readonly verify: (credentials: Credentials, request: SignedRequest) => boolean;
};

/** The keyring of these keys. */
export function createKeyring(keys: readonly ProducerKey[]): Keyring {
  const secrets = new Map(keys.map(({ producer, key, secret }) => [`${producer}:${key}`, secret.reveal()]));
  // What an unknown key is checked against, so that its answer takes as long as that to a wrong signature.
  const nobody = randomBytes(32);
  return {
    verify: (credentials, request) => {
      const secret = secrets.get(`${credentials.producer}:${credentials.key}`);
      const expected = signatureOf(secret ?? nobody, credentials, request);
      return timingSafeEqual(expected, Buffer.from(credentials.signature, "hex")) && secret !== undefined;
    },
  };
}

/** HMAC-SHA256, by the secret, of method, path with query, timestamp and nonce, each ended by a line feed, and the raw body. */
function signatureOf(
  secret: string | Uint8Array,
  { timestamp, nonce }: Credentials,
  { method, target, body }: SignedRequest,
): Buffer {
  const head = `${method}\n${target}\n${timestamp}\n${nonce}\n`;
  return createHmac("sha256", secret).update(head).update(body).digest();
}

function unsigned({
  name,
  expected,
  missing,
}: {
  name: string;
  expected: string;
  missing: boolean;
}): PayrootError {
  return new PayrootError(
    "intake-unsigned",
    "Writes must be signed, and a header of the signature is not there or not right.",
    {
      facts: { header: name, given: missing ? "nothing" : "something else", expected },
      next: "sign the request as the intake's guide says",
    },
  );
}

/** The signature is not that of a live key of the producer over this request (`intake-signature-invalid`). */
export function signatureInvalid(): PayrootError {
  return new PayrootError(
    "intake-signature-invalid",
    "The signature is not that of a key of the producer over this request.",
    {
      next: "check producer, key and secret; sign method, path with query, timestamp, nonce and the very bytes of the body",
    },
  );
}
