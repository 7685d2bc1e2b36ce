import { X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { generate } from "selfsigned";
import { Secret } from "../core/secret.ts";
import { exitCodes, messageOf, PayrootError } from "../errors.ts";

/** What HTTPS needs: certificate chain and key, PEM. */
export type Tls = {
  readonly cert: string;
  readonly key: Secret;
  /** SHA-256 of the certificate, as pairs of hex digits. */
  readonly fingerprint: string;
};

/** A given certificate with its key, or the name to make one for. */
export type TlsOptions = {
  readonly certificate: Secret | undefined;
  readonly key: Secret | undefined;
  readonly dnsName: string | undefined;
};

/** Opens what HTTPS needs; undefined when it is not asked for. Throws `tls-invalid`, before anything listens. */
export async function openTls(options: TlsOptions): Promise<Tls | undefined> {
  const { certificate, key, dnsName } = options;
  if (certificate !== undefined && key !== undefined) return givenTls(certificate.reveal(), key);
  return dnsName === undefined ? undefined : makeTls(dnsName);
}

function givenTls(cert: string, key: Secret): Tls {
  let parsed: X509Certificate;
  try {
    parsed = new X509Certificate(cert);
    createSecureContext({ cert });
  } catch (error) {
    throw tlsInvalid("TLS_CERTIFICATE is no certificate in PEM", error);
  }
  try {
    createSecureContext({ key: key.reveal() });
  } catch (error) {
    throw tlsInvalid("TLS_KEY is no private key in PEM, or asks for a password", error);
  }
  try {
    createSecureContext({ cert, key: key.reveal() });
  } catch (error) {
    throw tlsInvalid("TLS_KEY is not the key of TLS_CERTIFICATE, or too weak", error);
  }
  return { cert, key, fingerprint: parsed.fingerprint256 };
}

/** A self-signed certificate for a name, this machine's own names beside it; nobody has had its key before. */
async function makeTls(dnsName: string): Promise<Tls> {
  const names = [...new Set([dnsName, "localhost"])].map((value) => ({ type: 2, value }) as const);
  const addresses = ["127.0.0.1", "::1"].map((ip) => ({ type: 7, ip }) as const);
  // The clock of a client may be a little behind.
  const notBeforeDate = new Date(Date.now() - 3_600_000);
  const made = await generate([{ name: "commonName", value: dnsName.slice(0, 64) }], {
    keyType: "ec",
    algorithm: "sha256",
    notBeforeDate,
    notAfterDate: new Date(notBeforeDate.getTime() + validMilliseconds),
    extensions: [
      { name: "basicConstraints", cA: false, critical: true },
      { name: "keyUsage", digitalSignature: true, critical: true },
      { name: "extKeyUsage", serverAuth: true },
      { name: "subjectAltName", altNames: [...names, ...addresses] },
    ],
  });
  return {
    cert: made.cert,
    key: new Secret(made.private),
    fingerprint: new X509Certificate(made.cert).fingerprint256,
  };
}

// Longer than any process runs.
const validMilliseconds = 5 * 365 * 86_400_000;

/** The settings of HTTPS cannot be used (`tls-invalid`). Of a key nothing is shown. */
function tlsInvalid(problem: string, cause?: unknown): PayrootError {
  return new PayrootError("tls-invalid", "HTTPS cannot be served with these settings.", {
    facts: { problem, reason: cause === undefined ? undefined : messageOf(cause) },
    next: "give TLS_CERTIFICATE (the chain, leaf first) and its TLS_KEY, or TLS_DNS_NAME alone, or none of them",
    exitCode: exitCodes.usage,
  });
}
