import { PayrootError } from "../errors.ts";
import type { UsedNonce } from "./nonce-journal.ts";
import type { Nonces } from "./nonces.ts";
import { type Keyring, readCredentials, type SignedRequest, signatureInvalid } from "./signature.ts";

/** A write as it came. */
export type IntakeRequest = SignedRequest & { readonly header: (name: string) => string | undefined };

/** Who has signed a request, and its nonce, taken. */
export type Signed = { readonly producer: string; readonly nonce: UsedNonce };

/** What every write goes through before its body is looked into. */
export type Admission = {
  /**
   * Lets through what is signed, fresh and new, as long as there is room. Throws `intake-unsigned`, `intake-expired`,
   * `intake-signature-invalid`, `intake-replayed`, `intake-busy`, `intake-stopping`.
   */
  readonly admit: <T>(request: IntakeRequest, work: (signed: Signed) => Promise<T>) => Promise<T>;
  /** Lets nothing through any more. */
  readonly close: () => void;
  /** Resolves when what was let through has come to its end. */
  readonly emptied: () => Promise<void>;
};

/** An admission that holds at most `mostBytes` of bodies at a time. */
export function createAdmission(options: {
  readonly keyring: Keyring;
  readonly nonces: Nonces;
  readonly mostBytes: number;
}): Admission {
  const { keyring, nonces, mostBytes } = options;
  const inside = new Set<Promise<unknown>>();
  let bytesInside = 0;
  let closed = false;
  return {
    async admit(request, work) {
      if (closed) throw stopping();
      const credentials = readCredentials(request.header);
      nonces.checkTime(credentials);
      if (!keyring.verify(credentials, request)) throw signatureInvalid();
      const bytes = request.body.length;
      if (bytesInside + bytes > mostBytes) throw tooMuchInside(bytesInside);
      const nonce = nonces.take(credentials);
      const answer = work({ nonce, producer: credentials.producer });
      inside.add(answer);
      bytesInside += bytes;
      try {
        return await answer;
      } finally {
        inside.delete(answer);
        bytesInside -= bytes;
      }
    },
    close() {
      closed = true;
    },
    async emptied() {
      await Promise.allSettled(inside);
    },
  };
}

function stopping(): PayrootError {
  return new PayrootError("intake-stopping", "The service is about to stop; nothing was stored.", {
    next: "send the request again in a few seconds, signed anew",
    retryable: true,
  });
}

function tooMuchInside(bytes: number): PayrootError {
  return new PayrootError("intake-busy", "More is being written than the log takes in; nothing was stored.", {
    facts: { bytesUnderWay: bytes },
    next: "send the request again in a few seconds, signed anew",
    retryable: true,
  });
}
