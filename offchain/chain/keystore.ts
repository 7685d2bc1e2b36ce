import {
  createCipheriv,
  createDecipheriv,
  scrypt as nodeScrypt,
  pbkdf2,
  randomBytes,
  randomUUID,
  type ScryptOptions,
  timingSafeEqual,
} from "node:crypto";
import { open, readFile, rm } from "node:fs/promises";
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

/** The JSON text of a keystore for a key of 32 bytes, in the form and at the cost that go-ethereum writes. */
export async function encryptKeystore(key: Uint8Array, password: Secret): Promise<string> {
  const salt = randomBytes(32);
  const { N: n, r, p } = standardCost;
  const scryptOf = promisify<Buffer, Buffer, number, ScryptOptions, Buffer>(nodeScrypt);
  const derived = await scryptOf(Buffer.from(password.reveal(), "utf8"), salt, 32, standardCost);
  const iv = randomBytes(16);
  const cipher = createCipheriv("aes-128-ctr", derived.subarray(0, 16), iv);
  const ciphertext = Buffer.concat([cipher.update(key), cipher.final()]);
  const content = {
    version: 3,
    id: randomUUID(),
    address: privateKeyToAddress(toHex(key)).slice(2).toLowerCase(),
    crypto: {
      cipher: "aes-128-ctr",
      cipherparams: { iv: iv.toString("hex") },
      ciphertext: ciphertext.toString("hex"),
      kdf: "scrypt",
      kdfparams: { dklen: 32, n, r, p, salt: salt.toString("hex") },
      mac: toHex(keccak256(Buffer.concat([derived.subarray(16, 32), ciphertext]))).slice(2),
    },
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}

// 256 MiB and about a second to try one password; Node's own limit of memory is below that.
const standardCost = { N: 2 ** 18, r: 8, p: 1, maxmem: 2 ** 29 };

/**
 * Writes a new keystore file that only this user may read, on disk when it resolves. Never writes over anything.
 * Throws `keystore-exists`, `keystore-unwritable`.
 */
export async function writeKeystoreFile(path: string, text: string): Promise<void> {
  const failed = (error: NodeJS.ErrnoException): never => {
    throw unwritable(path, error);
  };
  const file = await open(path, "wx", 0o600).catch(failed);
  try {
    await file.writeFile(text);
    await file.sync();
  } catch (error) {
    // Half a keystore would look like the only copy of a key.
    await rm(path, { force: true });
    failed(error as NodeJS.ErrnoException);
  } finally {
    await file.close();
  }
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

function unwritable(path: string, { code }: NodeJS.ErrnoException): PayrootError {
  if (code === "EEXIST") {
    return fault("keystore-exists", "There is a file of this name already, and it was left as it is.", {
      facts: { path },
      next: "give the name of a file that does not exist",
    });
  }
  return fault("keystore-unwritable", "The keystore cannot be written.", {
    facts: { path, reason: code },
    next: "give the path of a file in a directory that this user may write to",
  });
}

function fault(code: string, sentence: string, about: { facts: Facts; next: string }): PayrootError {
  return new PayrootError(code, sentence, { ...about, exitCode: exitCodes.usage });
}
