import { createDecipheriv, pbkdf2, timingSafeEqual } from "node:crypto";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { scrypt } from "hash-wasm";
import { privateKeyToAddress } from "viem/accounts";
import { z } from "zod";
import { keccak256 } from "../core/hash.ts";
import { toHex } from "../core/hex.ts";
import type { Secret } from "../core/secret.ts";
import { exitCodes, type Facts, PayrootError } from "../errors.ts";

/*
 * Web3 Secret Storage Definition, version 3:
 * https://ethereum.org/developers/docs/data-structures-and-encoding/web3-secret-storage
 */
const bytes = (length?: number) =>
  z
    .string()
    .regex(
      length === undefined ? /^(0x)?([0-9a-fA-F]{2})+$/ : new RegExp(`^(0x)?[0-9a-fA-F]{${2 * length}}$`),
    )
    .transform((text) => Buffer.from(text.replace("0x", ""), "hex"));
const keyLength = z.number().int().min(32).max(64);
const kdf = z.discriminatedUnion("kdf", [
  z.object({
    kdf: z.literal("scrypt"),
    // Bounds of 1 GiB and of a minute: a keystore from elsewhere must not stop the program.
    kdfparams: z.object({
      dklen: keyLength,
      n: z
        .number()
        .int()
        .min(2)
        .max(2 ** 20),
      r: z.number().int().min(1).max(16),
      p: z.number().int().min(1).max(64),
      salt: bytes(),
    }),
  }),
  z.object({
    kdf: z.literal("pbkdf2"),
    kdfparams: z.object({
      dklen: keyLength,
      c: z.number().int().min(1).max(100_000_000),
      prf: z.literal("hmac-sha256"),
      salt: bytes(),
    }),
  }),
]);
const keystore = z.object({
  version: z.literal(3),
  address: bytes(20).optional(),
  crypto: z.intersection(
    kdf,
    z.object({
      cipher: z.literal("aes-128-ctr"),
      cipherparams: z.object({ iv: bytes(16) }),
      ciphertext: bytes(32),
      mac: bytes(32),
    }),
  ),
});

/** The private key in the keystore file at `path`; throws `keystore-unreadable` and what `decryptKeystore` throws. */
export async function openKeystoreFile(path: string, password: Secret | undefined): Promise<Uint8Array> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw fault("keystore-unreadable", "The keystore cannot be read.", {
      facts: { path, reason: error.code },
      next: "check the path in ETH_PRIVATE_KEY and that this user may read the file",
    });
  });
  return decryptKeystore(text, { path, password });
}

/**
 * The private key in a keystore's JSON text; `path` is for errors only. Throws `keystore-invalid`,
 * `keystore-password-missing`, `keystore-password-wrong`.
 */
export async function decryptKeystore(
  text: string,
  { path, password }: { path: string; password: Secret | undefined },
): Promise<Uint8Array> {
  const { crypto, address } = parse(text, path);
  if (password === undefined) {
    throw fault("keystore-password-missing", "The keystore needs a password.", {
      facts: { path },
      next: "set ETH_KEYSTORE_PASSWORD, or ETH_KEYSTORE_PASSWORD_FILE to a file that holds it",
    });
  }
  const derived = await derive(crypto, password);
  const mac = keccak256(Buffer.concat([derived.subarray(16, 32), crypto.ciphertext]));
  if (!timingSafeEqual(mac, crypto.mac)) {
    throw fault("keystore-password-wrong", "The password does not open the keystore.", {
      facts: { path },
      next: "correct ETH_KEYSTORE_PASSWORD",
    });
  }
  const decipher = createDecipheriv("aes-128-ctr", derived.subarray(0, 16), crypto.cipherparams.iv);
  const key = Buffer.concat([decipher.update(crypto.ciphertext), decipher.final()]);
  const own = privateKeyToAddress(toHex(key));
  if (address !== undefined && own.toLowerCase() !== toHex(address)) {
    throw invalid(path, "its address is not that of its key");
  }
  return key;
}

type Crypto = z.output<typeof keystore>["crypto"];

function parse(text: string, path: string): z.output<typeof keystore> {
  try {
    // Some wallets write "Crypto".
    const { Crypto, ...rest } = JSON.parse(text) as Record<string, unknown>;
    const parsed = keystore.safeParse(Crypto === undefined ? rest : { crypto: Crypto, ...rest });
    if (parsed.success) return parsed.data;
    throw invalid(path, `it has no valid ${parsed.error.issues[0]?.path.join(".") || "content"}`);
  } catch (error) {
    throw error instanceof PayrootError ? error : invalid(path, "it is no JSON object");
  }
}

async function derive(crypto: Crypto, password: Secret): Promise<Buffer> {
  const secret = Buffer.from(password.reveal(), "utf8");
  if (crypto.kdf === "scrypt") {
    const { n, r, p, salt, dklen } = crypto.kdfparams;
    // Node's scrypt refuses a block size of 1 with this many rounds, which the definition's own example has.
    const cost = { costFactor: n, blockSize: r, parallelism: p, hashLength: dklen };
    return Buffer.from(await scrypt({ password: secret, salt, ...cost, outputType: "binary" }));
  }
  const { c, salt, dklen } = crypto.kdfparams;
  return promisify(pbkdf2)(secret, salt, c, dklen, "sha256");
}

function invalid(path: string, problem: string): PayrootError {
  return fault("keystore-invalid", `The keystore cannot be used: ${problem}.`, {
    facts: { path, expected: "Web3 Secret Storage version 3, scrypt or pbkdf2 with aes-128-ctr" },
    next: "give another keystore",
  });
}

function fault(code: string, sentence: string, about: { facts: Facts; next: string }): PayrootError {
  return new PayrootError(code, sentence, { ...about, exitCode: exitCodes.usage });
}
