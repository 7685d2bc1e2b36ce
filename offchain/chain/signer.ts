import { isAbsolute, resolve } from "node:path";
import type { LocalAccount } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import type { Secret } from "../core/secret.ts";
import { exitCodes, PayrootError } from "../errors.ts";
import { openKeystoreFile } from "./keystore.ts";

/**
 * Whoever signs: what payroot uses of a viem account. A remote signer is any object of this shape; what it signs is
 * checked before it is sent.
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
  if (/^(0x)?[0-9a-fA-F]{64}$/.test(text)) return signerOf(Buffer.from(text.replace("0x", ""), "hex"));
  // A mistyped key must not be shown as a path that was not found.
  if (!/[./\\]/.test(text) || text.startsWith("0x") || text.startsWith("{")) throw signerKeyInvalid();
  const path = isAbsolute(text) ? text : resolve(text);
  return signerOf(await openKeystoreFile(path, password));
}

function signerOf(key: Uint8Array): Signer {
  try {
    return privateKeyToAccount(`0x${Buffer.from(key).toString("hex")}`);
  } catch {
    throw signerKeyInvalid();
  }
}

function signerKeyInvalid(): PayrootError {
  return new PayrootError("signer-key-invalid", "The private key is none.", {
    facts: {
      given: "[secret]",
      expected: "32 bytes of hex, or the path of a Web3 Secret Storage v3 keystore",
    },
    next: "correct ETH_PRIVATE_KEY",
    exitCode: exitCodes.usage,
  });
}
