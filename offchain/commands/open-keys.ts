import { randomBytes } from "node:crypto";
import { resolve } from "node:path";
import { encryptKeystore, writeKeystoreFile } from "../chain/keystore.ts";
import { openSigner, parsePrivateKey, signerKeyInvalid, signerOf } from "../chain/signer.ts";
import { requireSetting } from "../config.ts";
import type { Address } from "../core/address.ts";
import type { Secret } from "../core/secret.ts";
import { exitCodes, PayrootError } from "../errors.ts";
import { askSecret, readPipedSecret } from "./ask.ts";
import type { Context } from "./command.ts";

/** A keystore that was written, and the account of the key in it. */
export type KeyFile = { readonly address: Address; readonly keystore: string };

/** Makes a key and writes it to a new keystore. Throws what `writeKeystore` throws. */
export function newKeystore(context: Context, file: string): Promise<KeyFile> {
  return writeKeystore(context, { file, key: newKey() });
}

/**
 * Writes the key of `ETH_PRIVATE_KEY`, or else of standard input, to a new keystore. Throws `signer-key-invalid`, and
 * what `writeKeystore` throws.
 */
export async function importKeystore(context: Context, file: string): Promise<KeyFile> {
  const { signal } = context;
  const given =
    context.config.ethPrivateKey ??
    (await readPipedSecret()) ??
    (await askSecret("Private key (32 bytes of hex, not shown): ", { signal }));
  const key = given === undefined ? undefined : parsePrivateKey(given.reveal());
  if (key === undefined) throw given === undefined ? keyMissing() : signerKeyInvalid();
  return writeKeystore(context, { file, key });
}

/** The account of the configured key or keystore. Throws `configuration-missing` and what `openSigner` throws. */
export async function configuredAddress({ config, signal }: Context): Promise<Address> {
  const key = requireSetting(config, "ethPrivateKey");
  const isKeystore = parsePrivateKey(key.reveal()) === undefined;
  const password =
    config.ethKeystorePassword ??
    (isKeystore ? await askSecret("Password of the keystore (not shown): ", { signal }) : undefined);
  return (await openSigner({ key, password })).address;
}

async function writeKeystore(
  context: Context,
  { file, key }: { readonly file: string; readonly key: Uint8Array },
): Promise<KeyFile> {
  const { address } = signerOf(key);
  const keystore = resolve(file);
  await writeKeystoreFile(keystore, await encryptKeystore(key, await newPassword(context)));
  return { address, keystore };
}

async function newPassword({ config, signal }: Context): Promise<Secret> {
  const given = config.ethKeystorePassword;
  // An empty file is what is left of a command that failed to make a password.
  if (given !== undefined && given.reveal().trim() === "") throw passwordMissing();
  if (given !== undefined) return given;
  const password = await askSecret("Password for the new keystore (not shown): ", { signal });
  if (password === undefined) throw passwordMissing();
  const again = await askSecret("The same once more: ", { signal });
  if (again?.reveal() !== password.reveal()) throw passwordsDiffer();
  return password;
}

// Nearly every 32 bytes are a key of the curve; the few that are not are drawn again.
function newKey(): Uint8Array {
  for (;;) {
    const key = randomBytes(32);
    try {
      signerOf(key);
      return key;
    } catch (error) {
      if (!(error instanceof PayrootError)) throw error;
    }
  }
}

function keyMissing(): PayrootError {
  return new PayrootError("signer-key-missing", "No private key was given.", {
    next: "set ETH_PRIVATE_KEY, or ETH_PRIVATE_KEY_FILE to a file that holds it, or pipe it in",
    exitCode: exitCodes.usage,
  });
}

function passwordMissing(): PayrootError {
  return new PayrootError("keystore-password-missing", "A new keystore needs a password.", {
    next: "set ETH_KEYSTORE_PASSWORD, or ETH_KEYSTORE_PASSWORD_FILE to a file that holds it, or type one in a terminal",
    exitCode: exitCodes.usage,
  });
}

function passwordsDiffer(): PayrootError {
  return new PayrootError("keystore-passwords-differ", "The two passwords differ, and nothing was written.", {
    next: "run the same command again",
    exitCode: exitCodes.usage,
  });
}
