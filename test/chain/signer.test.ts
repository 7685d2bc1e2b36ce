import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inspect } from "node:util";
import { privateKeyToAddress } from "viem/accounts";
import { expect, test } from "vitest";
import { openSigner } from "../../offchain/chain/signer.ts";
import { Secret } from "../../offchain/core/secret.ts";
import { temporaryFolder } from "../support/ledger.ts";

// The vectors of the Web3 Secret Storage Definition; the password is "testpassword".
const key = "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d";
const address = privateKeyToAddress(`0x${key}`);
const password = new Secret("testpassword");
const pbkdf2 = {
  cipher: "aes-128-ctr",
  cipherparams: { iv: "6087dab2f9fdbbfaddc31a909735c1e6" },
  ciphertext: "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",
  kdf: "pbkdf2",
  kdfparams: {
    c: 262144,
    dklen: 32,
    prf: "hmac-sha256",
    salt: "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd",
  },
  mac: "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2",
};
const scrypt = {
  cipher: "aes-128-ctr",
  cipherparams: { iv: "83dbcc02d8ccb40e466191a123791e0e" },
  ciphertext: "d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c",
  kdf: "scrypt",
  kdfparams: {
    dklen: 32,
    n: 262144,
    r: 1,
    p: 8,
    salt: "ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19",
  },
  mac: "2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097",
};

test.each([`0x${key}`, key, key.toUpperCase(), ` 0x${key}\n`])(
  "given a key in hex, when the signer opens, then it is that key's: form %#",
  async (text) => {
    expect((await openSigner({ key: new Secret(text) })).address).toBe(address);
  },
);

test.each([
  ["pbkdf2", { version: 3, crypto: pbkdf2 }],
  ["scrypt", { version: 3, crypto: scrypt }],
  ["scrypt, with its address", { version: 3, crypto: scrypt, address: address.slice(2).toLowerCase() }],
  ["scrypt, under the old name", { version: 3, Crypto: scrypt }],
])("given a keystore of %s, when the signer opens, then it holds the key inside", async (_, content) => {
  const signer = await openSigner({ key: await keystore(content), password });

  expect(signer.address).toBe(address);
});

test("given the wrong password, when the signer opens, then that is said and no secret", async () => {
  const opening = openSigner({
    key: await keystore({ version: 3, crypto: pbkdf2 }),
    password: new Secret("hunter2"),
  });

  const error: unknown = await opening.catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "keystore-password-wrong", exitCode: 2 });
  expect(inspect(error, { depth: 9 })).not.toMatch(/hunter2|7a28b5ba/);
});

test("given no password, when the signer opens, then it is asked for", async () => {
  const opening = openSigner({ key: await keystore({ version: 3, crypto: pbkdf2 }) });

  await expect(opening).rejects.toMatchObject({ code: "keystore-password-missing", exitCode: 2 });
});

test.each([
  ["of another version", { version: 1, crypto: scrypt }],
  ["with another cipher", { version: 3, crypto: { ...scrypt, cipher: "aes-128-cbc" } }],
  [
    "with a costly derivation",
    { version: 3, crypto: { ...scrypt, kdfparams: { ...scrypt.kdfparams, n: 2 ** 24 } } },
  ],
  ["with another account's address", { version: 3, crypto: scrypt, address: "00".repeat(20) }],
  ["of some other kind", ["no", "keystore"]],
])("given a keystore %s, when the signer opens, then it is refused", async (_, content) => {
  const opening = openSigner({ key: await keystore(content), password });

  await expect(opening).rejects.toMatchObject({ code: "keystore-invalid", exitCode: 2 });
});

test("given a path without a file, when the signer opens, then the path is told", async () => {
  const opening = openSigner({ key: new Secret("/nowhere/keystore.json"), password });

  await expect(opening).rejects.toMatchObject({
    code: "keystore-unreadable",
    facts: { path: "/nowhere/keystore.json", reason: "ENOENT" },
  });
});

test.each([
  `0x${key}f`,
  key.slice(1),
  `0x${"0".repeat(64)}`,
  "f".repeat(64),
  `{"crypto":"./x"}`,
  "correct-horse",
])("given what is no key, when the signer opens, then it is refused unseen: form %#", async (text) => {
  const error: unknown = await openSigner({ key: new Secret(text) }).catch((thrown: unknown) => thrown);

  expect(error).toMatchObject({ code: "signer-key-invalid", exitCode: 2 });
  expect(inspect(error, { depth: 9 })).not.toContain(text);
});

async function keystore(content: unknown): Promise<Secret> {
  const path = join(await temporaryFolder(), "keystore.json");
  await writeFile(path, JSON.stringify(content));
  return new Secret(path);
}
