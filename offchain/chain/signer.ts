import { isAbsolute, resolve } from "node:path";
import type { LocalAccount } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import type { Secret } from "../core/secret.ts";
import { exitCodes, PayrootError } from "../errors.ts";
import { openKeystoreFile } from "./keystore.ts";

/**
 * Whoever signs: what payroot uses of a viem account. A remote signer (an HSM, a KMS, Web3Signer) is any object of this
 * shape, and `openConfiguredSigner` of ../commands/open-chain.ts, from which every command gets its signer, is the one
 * place to add it. A signer is not trusted: what it signs is read back and compared before it is sent.
 */
export type Signer = Pick<LocalAccount, "address" | "signTransaction" | "signTypedData">;

/** A configured key: 32 bytes of hex, or the path of a Web3 Secret Storage v3 keystore, and its password. */
export type SignerKey = { readonly key: Secret; readonly password?: Secret | undefined };

/**
 * The signer of a configured key. Throws `signer-key-invalid`, and for a keystore `keystore-unreadable`,
 * `keystore-invalid`, `keystore-password-missing`, `keystore-password-wrong`; none of them shows a secret.
 */
export async function openSigner({ key, password }: SignerKey): Promise<Signer> {
  const text = key.reveal().trim();
  const bytes = parsePrivateKey(text);
  if (bytes !== undefined) return signerOf(bytes);
  // A mistyped key must not be shown as a path that was not found.
  if (!/[./\\]/.test(text) || text.startsWith("0x") || text.startsWith("{")) throw signerKeyInvalid();
  const path = isAbsolute(text) ? text : resolve(text);
  return signerOf(await openKeystoreFile(path, password));
}

/** The 32 bytes of a private key written as hex; undefined for anything else. */
export function parsePrivateKey(text: string): Uint8Array | undefined {
  const digits = /^(?:0x)?([0-9a-fA-F]{64})$/.exec(text.trim())?.[1];
  return digits === undefined ? undefined : Buffer.from(digits, "hex");
}

/** The signer of 32 bytes. Throws `signer-key-invalid` when they are no key of the curve. */
export function signerOf(key: Uint8Array): Signer {
  try {
    return privateKeyToAccount(`0x${Buffer.from(key).toString("hex")}`);
  } catch {
    throw signerKeyInvalid();
  }
}

/** The error for what was given as a key and is none; it shows nothing of it. */
export function signerKeyInvalid(): PayrootError {
  return new PayrootError("signer-key-invalid", "The private key is none.", {
    facts: {
      given: "[secret]",
      expected: "32 bytes of hex, or the path of a Web3 Secret Storage v3 keystore",
    },
    next: "correct ETH_PRIVATE_KEY",
    exitCode: exitCodes.usage,
  });
}
