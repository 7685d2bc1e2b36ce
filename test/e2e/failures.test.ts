import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openPool } from "../commands/payroot.ts";
import { deployTestDistributor, useAnvil } from "../support/anvil.ts";
import {
  close,
  closedPort,
  expectNothingLost,
  failure,
  filesOf,
  openFilledPool,
  payroot,
  program,
  secrets,
  start,
} from "./process.ts";

// Each fault: one clear sentence, what to do, the right exit code, no stack, no secret; and after it, nothing is lost.

test("given several wrong settings from file, environment and flags, all are named at once, and no secret", async () => {
  const pool = await openFilledPool();
  const file = join(pool.folder, "payroot.json");
  await writeFile(file, JSON.stringify({ epochSeconds: 0, ethPrivateKye: secrets.privateKey }));
  const env = {
    ...pool.env,
    POOL_COMMISSION_RATE: "0.1234567",
    HTTP_PORT: "eighty",
    ETH_PRIVATE_KEY: `${secrets.privateKey}00`,
    AWS_SECRET_ACCESS_KEY: secrets.s3Key,
    ETH_RPC_ENDPOINT: `ws://user:${secrets.rpcPassword}@127.0.0.1`,
    ETH_KEYSTORE_PASSWORD_FILE: join(pool.folder, "nothing"),
  };
  const called = payroot([...close, "--config", file, "--log", "here"], env);
  const { facts, message } = await failure(called, { exitCode: 2, code: "configuration-invalid" });
  expect(message).toBe("9 settings are wrong.");
  expect(facts).toMatchObject({
    [`epochSeconds in ${file}`]: 'given "0", expected a whole number from 1 to 31536000',
    [`ethPrivateKye in ${file}`]: "not the name of a setting",
    "--log": 'given "here", expected s3://bucket/prefix or file:///directory',
    ETH_PRIVATE_KEY: expect.stringMatching(/^given \[secret\], expected 32 bytes of hex/),
    HTTP_PORT: 'given "eighty", expected a whole number from 0 to 65535',
  });
  expect(Object.keys(facts)).toEqual(
    expect.arrayContaining([
      "POOL_COMMISSION_RATE",
      "AWS_ACCESS_KEY_ID",
      "ETH_RPC_ENDPOINT",
      "ETH_KEYSTORE_PASSWORD_FILE",
    ]),
  );
  await expectNothingLost(pool);
});

test("given no log in the configuration, it says which setting is missing and what it means", async () => {
  const { env } = await openPool();
  const { LOG_URL: _, ...rest } = env;
  const called = payroot(["run", "--json"], rest);
  const { facts, next } = await failure(called, { exitCode: 2, code: "configuration-missing" });
  expect(facts).toMatchObject({ setting: "logUrl", expected: "s3://bucket/prefix or file:///directory" });
  expect(next).toBe("set LOG_URL, or give --log");
});

test("given a data directory that a daemon holds, it says which process and where that answers, and leaves it alone", async () => {
  const pool = await openFilledPool();
  // It reads nothing, so that what it held is afterwards as it was.
  const daemon = start([...program, "run"], { ...pool.env, PARTITIONS: "transcode|oceania" });
  const [, url = ""] = await daemon.until(/serving (\S+),/);
  const calls = [close, ["status", "--json"], ["run", "--json"]].map((argv) => payroot(argv, pool.env));
  for (const called of calls) {
    const { facts, next } = await failure(called, { exitCode: 75, code: "data-directory-locked" });
    expect(facts).toEqual({ directory: join(pool.folder, "data"), process: daemon.pid, answers: url });
    expect(next).toBe(`ask it at ${url}, stop it, or give another --data-dir`);
  }
  expect((await fetch(`${url}/health`)).status).toBe(200);
  daemon.kill("SIGTERM");
  expect(await daemon.ended).toMatchObject({ code: 0 });
  await expectNothingLost(pool);
});

test("given the HTTP port of another process, the daemon does not start, says what to do, and holds nothing back", async () => {
  const pool = await openFilledPool();
  const other = await openPool();
  const first = start([...program, "run"], other.env);
  const [, port = ""] = await first.until(/serving http:\/\/127\.0\.0\.1:(\d+),/);
  const called = payroot(["run", "--json"], { ...pool.env, HTTP_PORT: port });
  const { facts, next } = await failure(called, { exitCode: 2, code: "http-port-taken" });
  expect(facts).toMatchObject({ host: "127.0.0.1", port: Number(port) });
  expect(next).toContain("HTTP_PORT");
  await expectNothingLost(pool);
});

const anvil = useAnvil();

const nobody = "0x000000000000000000000000000000000000dEaD";
test.each([
  {
    fault: "an RPC that nobody answers at",
    env: async () => ({
      ETH_RPC_ENDPOINT: `http://u:${secrets.rpcPassword}@127.0.0.1:${await closedPort()}/`,
    }),
    expected: { exitCode: 75, code: "rpc-unreachable", next: /^check ETH_RPC_ENDPOINT and the network/ },
  },
  {
    fault: "the id of another chain",
    env: async () => ({ CHAIN_ID: "42161" }),
    expected: { exitCode: 2, code: "wrong-chain", next: /CHAIN_ID/ },
  },
  {
    fault: "the address of no distributor",
    env: async () => ({ DISTRIBUTOR_ADDRESS: nobody }),
    expected: { exitCode: 2, code: "distributor-missing", next: /DISTRIBUTOR_ADDRESS/ },
  },
])(
  "given $fault, neither daemon nor publish begin, and afterwards the epoch is posted",
  async ({ env, expected }) => {
    const pool = await openFilledPool();
    const distributor = await deployTestDistributor(anvil);
    const good = {
      CHAIN_ID: "31337",
      DISTRIBUTOR_ADDRESS: distributor.address,
      ETH_RPC_ENDPOINT: anvil.local().rpcUrl,
      ETH_PRIVATE_KEY: secrets.privateKey,
    };
    expect(await pool.call(close, { env: good })).toMatchObject({ code: 0 });
    const files = await filesOf(join(pool.folder, "artifacts"));
    const bad = { ...good, ...(await env()) };
    const publish = ["epoch", "publish", "1", "--broadcast", "--json"];
    const { env: others } = await openPool();
    const calls = [
      payroot(publish, { ...pool.env, ...bad }),
      payroot(["run", "--json"], { ...others, ...bad }),
    ];
    for (const called of calls) {
      const { next } = await failure(called, expected);
      expect(next).toMatch(expected.next);
    }
    expect(await filesOf(join(pool.folder, "artifacts"))).toEqual(files);
    expect(await distributor.open().latestEpoch()).toBe(0);
    const posted = await pool.call(publish, { env: good });
    expect(posted.code, posted.stderr).toBe(0);
    expect(await distributor.open().latestEpoch()).toBe(1);
  },
);
