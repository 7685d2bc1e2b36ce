import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { get } from "node:https";
import { text } from "node:stream/consumers";
import { connect } from "node:tls";
import { inspect } from "node:util";
import { generate } from "selfsigned";
import { expect, onTestFinished, test } from "vitest";
import { createApp } from "../../offchain/api/app.ts";
import { listen } from "../../offchain/api/server.ts";
import { openTls, type Tls } from "../../offchain/api/tls.ts";
import { Secret } from "../../offchain/core/secret.ts";
import { openTestLedger } from "../support/ledger.ts";
import { dependenciesOf } from "./open-api.ts";

const nothing = { certificate: undefined, key: undefined, dnsName: undefined };

/** A pair as an operator has it. */
async function pairFor(name: string, keyType: "ec" | "rsa" = "ec") {
  const made = await generate([{ name: "commonName", value: name }], {
    keyType,
    algorithm: "sha256",
    extensions: [{ name: "subjectAltName", altNames: [{ type: 2, value: name }] }],
  });
  return { certificate: new Secret(made.cert), key: new Secret(made.private) };
}

async function serve(tls: Tls | undefined): Promise<string> {
  const app = createApp(dependenciesOf(await openTestLedger()));
  const server = await listen(app, { host: "127.0.0.1", port: 0, tls });
  onTestFinished(server.close);
  return server.url;
}

/** Asks over HTTPS, believing only `ca`, for the host of a name. */
async function ask(url: string, options: { ca: string; servername: string }): Promise<string> {
  const request = get(`${url}/health`, { ...options, agent: false });
  const [response] = await once(request, "response");
  return text(response);
}

test("given nothing of it, there is plain HTTP", async () => {
  expect(await openTls(nothing)).toBeUndefined();
  expect(await serve(undefined)).toMatch(/^http:/);
});

for (const keyType of ["ec", "rsa"] as const) {
  test(`given a certificate with its ${keyType} key, clients that trust it are answered, and others are not`, async () => {
    const pair = await pairFor("pool.example.org", keyType);
    const tls = await openTls({ ...nothing, ...pair });
    const url = await serve(tls);
    expect(url).toMatch(/^https:/);
    const ca = pair.certificate.reveal();
    expect(await ask(url, { ca, servername: "pool.example.org" })).toContain('"ok"');
    await expect(ask(url, { ca, servername: "other.example.org" })).rejects.toThrow(/altnames|certificate/i);
    await expect(fetch(`${url}/health`)).rejects.toThrow();
    expect(tls?.fingerprint).toBe(new X509Certificate(ca).fingerprint256);
  });
}

test("given a name only, each start has a certificate of its own, for it and for this machine", async () => {
  const [first, second] = [
    await openTls({ ...nothing, dnsName: "pool.example.org" }),
    await openTls({ ...nothing, dnsName: "pool.example.org" }),
  ];
  if (first === undefined || second === undefined) throw new Error("nothing was made");
  expect(first.fingerprint).not.toBe(second.fingerprint);
  expect(first.key.reveal()).not.toBe(second.key.reveal());
  const url = await serve(first);
  for (const servername of ["pool.example.org", "localhost"]) {
    expect(await ask(url, { ca: first.cert, servername })).toContain('"ok"');
  }
  await expect(ask(url, { ca: second.cert, servername: "localhost" })).rejects.toThrow();
  const made = new X509Certificate(first.cert);
  expect(made.subjectAltName).toBe(
    "DNS:pool.example.org, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1",
  );
  expect(made.fingerprint256).toBe(first.fingerprint);
  expect(Date.parse(made.validTo)).toBeGreaterThan(Date.now() + 365 * 86_400_000);
});

test("given HTTPS, a client that only speaks TLS 1.1 is turned away", async () => {
  const url = new URL(await serve(await openTls({ ...nothing, dnsName: "pool.example.org" })));
  const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
  const socket = connect({ port: Number(url.port), host: "127.0.0.1", rejectUnauthorized: false, ...old });
  await expect(once(socket, "secureConnect")).rejects.toThrow(/protocol|version/i);
});

test("given what is no certificate, no key, or not its key, the start fails with the reason and shows nothing of them", async () => {
  const pair = await pairFor("pool.example.org");
  const other = await pairFor("pool.example.org");
  const broken = new Secret(pair.key.reveal().replace(/\n./, "\n!"));
  const encrypted = await generate([{ name: "commonName", value: "a" }], {
    keyType: "ec",
    algorithm: "sha256",
    passphrase: "pass",
  });
  const faults: readonly (readonly [Partial<typeof pair>, RegExp])[] = [
    [
      { certificate: new Secret("-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----") },
      /TLS_CERTIFICATE is no/,
    ],
    [{ certificate: pair.key }, /TLS_CERTIFICATE is no/],
    [{ key: broken }, /TLS_KEY is no/],
    [{ key: pair.certificate }, /TLS_KEY is no/],
    [{ key: new Secret(encrypted.private) }, /TLS_KEY is no/],
    [{ key: other.key }, /not the key of/],
  ];
  for (const [fault, problem] of faults) {
    const error: unknown = await openTls({ ...nothing, ...pair, ...fault }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({
      code: "tls-invalid",
      exitCode: 2,
      facts: { problem: expect.stringMatching(problem) },
    });
    for (const secret of [pair.key, other.key])
      expect(inspect(error)).not.toContain(secret.reveal().split("\n")[2]);
  }
});
