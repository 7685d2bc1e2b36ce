import { spawn, spawnSync } from "node:child_process";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { privateKeyToAddress } from "viem/accounts";
import { expect, onTestFinished, test } from "vitest";
import { decryptKeystore } from "../../offchain/chain/keystore.ts";
import { Secret } from "../../offchain/core/secret.ts";
import { program } from "../e2e/process.ts";
import { openPool } from "./payroot.ts";

// The key and the scrypt vector of the Web3 Secret Storage Definition; its password is "testpassword".
const key = "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d";
const address = privateKeyToAddress(`0x${key}`);
const published = {
  version: 3,
  id: "3198bc9c-6672-5ab3-d995-4942343ae5b6",
  crypto: {
    cipher: "aes-128-ctr",
    cipherparams: { iv: "83dbcc02d8ccb40e466191a123791e0e" },
    ciphertext: "d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c",
    kdf: "scrypt",
    kdfparams: {
      dklen: 32,
      n: 262144,
      p: 8,
      r: 1,
      salt: "ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19",
    },
    mac: "2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097",
  },
};
const withPassword = { ETH_KEYSTORE_PASSWORD: "correct horse" };

test("given a password, when a key is made, then its keystore opens with it and only this user may read it", async () => {
  const pool = await openPool(withPassword);
  const file = join(pool.folder, "key.json");

  const made = await pool.call(["keys", "new", file, "--json"]);

  const { address: own, keystore } = JSON.parse(made.stdout);
  expect(keystore).toBe(file);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const shown = await pool.call(["keys", "address"], { env: { ETH_PRIVATE_KEY: file } });
  expect(shown).toMatchObject({ code: 0, stdout: `${own}\n` });
  const content = JSON.parse(await readFile(file, "utf8"));
  expect(content).toMatchObject({
    version: 3,
    address: own.slice(2).toLowerCase(),
    crypto: { cipher: "aes-128-ctr", kdf: "scrypt", kdfparams: { n: 262_144, r: 8, p: 1, dklen: 32 } },
  });
  expect(JSON.stringify(content) + made.stdout + made.stderr).not.toContain("correct horse");
});

test("given two new keys, then neither the keys nor the salts are the same", async () => {
  const pool = await openPool(withPassword);
  const files = ["a.json", "b.json"].map((name) => join(pool.folder, name));

  for (const file of files) await pool.json(["keys", "new", file]);

  const [a, b] = await Promise.all(files.map(async (file) => JSON.parse(await readFile(file, "utf8"))));
  expect(a.address).not.toBe(b.address);
  expect(a.crypto.kdfparams.salt).not.toBe(b.crypto.kdfparams.salt);
  expect(a.crypto.cipherparams.iv).not.toBe(b.crypto.cipherparams.iv);
});

test("given a key in the environment, when it is imported, then the keystore holds that very key and no output does", async () => {
  const pool = await openPool({ ...withPassword, ETH_PRIVATE_KEY: `0x${key}` });
  const file = join(pool.folder, "key.json");

  const imported = await pool.call(["keys", "import", file]);

  expect(imported.stdout).toContain(address);
  expect(imported.stdout + imported.stderr).not.toContain(key);
  const password = new Secret("correct horse");
  const inside = await decryptKeystore(await readFile(file, "utf8"), { path: file, password });
  expect(Buffer.from(inside).toString("hex")).toBe(key);
});

test("given the published keystore of the definition, its address is shown", async () => {
  const pool = await openPool({ ETH_KEYSTORE_PASSWORD: "testpassword" });
  const file = join(pool.folder, "published.json");
  await writeFile(file, JSON.stringify(published));

  const shown = await pool.json(["keys", "address"], 2).catch(() => undefined);
  expect(shown).toMatchObject({ error: { code: "configuration-missing" } });
  const { stdout } = await pool.call(["keys", "address"], { env: { ETH_PRIVATE_KEY: file } });
  expect(stdout).toBe(`${address}\n`);
  const wrong = { ETH_PRIVATE_KEY: file, ETH_KEYSTORE_PASSWORD: "testpasswort" };
  const refused = await pool.call(["keys", "address"], { env: wrong });
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("[keystore-password-wrong]") });
  expect(refused.stderr).not.toContain("testpasswort");
});

test("given a file that exists, then it is left as it was", async () => {
  const pool = await openPool(withPassword);
  const file = join(pool.folder, "key.json");
  await writeFile(file, "mine");

  const { error } = (await pool.json(["keys", "new", file], 2)) as { error: unknown };

  expect(error).toMatchObject({ code: "keystore-exists", facts: { path: file } });
  expect(await readFile(file, "utf8")).toBe("mine");
});

test.each([
  ["keystore-unwritable", { file: "missing/key.json" }],
  ["keystore-password-missing", { env: { ETH_KEYSTORE_PASSWORD: "" } }],
  [
    "keystore-password-missing",
    { env: { ETH_KEYSTORE_PASSWORD: "", ETH_KEYSTORE_PASSWORD_FILE: "/dev/null" } },
  ],
  ["signer-key-invalid", { env: { ETH_PRIVATE_KEY: "f".repeat(64) } }],
  ["signer-key-invalid", { env: { ETH_PRIVATE_KEY: "./a-keystore.json" } }],
])(
  "given what cannot be imported, then %s and no file",
  async (code, { file = "key.json", env = {} }: Case) => {
    const pool = await openPool({ ...withPassword, ETH_PRIVATE_KEY: key });
    await mkdir(join(pool.folder, "keys"));

    const called = await pool.call(["keys", "import", join(pool.folder, "keys", file), "--json"], { env });

    expect(called.code).toBe(2);
    expect(JSON.parse(called.stdout).error).toMatchObject({ code, next: expect.any(String) });
    expect(await readdir(join(pool.folder, "keys"))).toEqual([]);
  },
);

type Case = { readonly file?: string; readonly env?: NodeJS.ProcessEnv };

test("given a key piped in, it is imported; given nothing, that is said", async () => {
  const pool = await openPool(withPassword);
  const piped = (input: string) =>
    spawnSync(program[0] ?? "", [...program.slice(1), "keys", "import", join(pool.folder, "key.json")], {
      input,
      encoding: "utf8",
      env: { PATH: process.env.PATH, ...pool.env },
    });

  expect(piped("").stderr).toContain("error [signer-key-missing]");
  expect(piped("hunter2\n").stderr).toMatch(/^error \[signer-key-invalid\](?!.*hunter2)/s);
  const imported = piped(`0x${key}\n`);
  expect(imported.stdout).toContain(address);
  expect(imported.stdout + imported.stderr).not.toContain(key);
});

// A pseudo-terminal, on which a shell would show what is typed.
const hasTerminal = spawnSync("script", ["--version"]).status === 0;
test.each(hasTerminal ? ["the same again", "something else"] : [])(
  "given a terminal, the password is asked for twice and not shown: %s",
  async (second) => {
    const pool = await openPool();
    const file = join(pool.folder, "key.json");
    const line = [...program, "keys", "new", file].map((word) => `'${word}'`).join(" ");
    const child = spawn("script", ["-qec", line, "/dev/null"], {
      env: { PATH: process.env.PATH, ...pool.env },
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    let seen = "";
    const answers = ["the same again\r", `${second}\r`];
    child.stdout.on("data", (chunk: Buffer) => {
      seen += chunk.toString();
      if (/(not shown\)|once more): $/.test(seen)) child.stdin.write(answers.shift() ?? "");
    });
    const code = await new Promise((resolve) => child.once("close", resolve));

    expect(seen).not.toContain("the same again");
    expect(seen).not.toContain("something else");
    if (second !== "the same again") {
      expect([code, seen]).toEqual([2, expect.stringContaining("keystore-passwords-differ")]);
      return;
    }
    expect(code, seen).toBe(0);
    const env = { ETH_PRIVATE_KEY: file, ETH_KEYSTORE_PASSWORD: second };
    expect((await pool.call(["keys", "address"], { env })).code).toBe(0);
  },
);
