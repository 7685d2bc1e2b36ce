import { inspect } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Config, loadConfig, readPresentation, requireSetting } from "../offchain/config.ts";
import { zeroAddress } from "../offchain/core/address.ts";
import { PayrootError } from "../offchain/errors.ts";
import { settings } from "../offchain/settings.ts";

const devKey = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const files =
  (contents: Record<string, string>) =>
  (path: string): string => {
    const content = contents[path];
    if (content === undefined) throw Object.assign(new Error("no such file"), { code: "ENOENT" });
    return content;
  };
const fromEnv = (env: Record<string, string>) => loadConfig({ env });
const fromFile = (content: string) =>
  loadConfig({ env: {}, flags: { config: "p.json" }, readFile: files({ "p.json": content }) });

function problemsOf(load: () => Config): Record<string, unknown> {
  try {
    load();
  } catch (error) {
    if (!(error instanceof PayrootError)) throw error;
    expect([error.code, error.exitCode]).toEqual(["configuration-invalid", 2]);
    return error.facts;
  }
  throw new Error("the configuration was accepted");
}

test("given nothing, every setting has its default and no chain is configured", () => {
  const config = fromEnv({});
  expect(config).toMatchObject({
    chainId: 0,
    distributorAddress: zeroAddress,
    epochSeconds: 86_400,
    commissionPpm: 250_000,
    correlationWindowSeconds: 3600,
    maxEventFeeWei: 10n ** 19n,
    maxObjectBytes: 64 * 1024 * 1024,
    httpHost: "127.0.0.1",
    httpPort: 8787,
    autoPublish: false,
  });
  expect([config.logUrl, config.metricsUrl, config.partitions, config.ethRpcEndpoint]).toEqual(
    Array(4).fill(undefined),
  );
  expect(config.archiveUrl).toBe(`file://${process.cwd()}/data/archive-store`);
  expect(config.artifactsUrl).toBe(`file://${process.cwd()}/data/artifacts-store`);
});

test("given all four layers, flags win over the environment, that over the file, that over defaults", () => {
  const readFile = files({ "p.json": '{"dataDir":"/file","epochSeconds":60,"httpPort":1}' });
  const flags = { config: "p.json", dataDir: "/flag" };
  const config = loadConfig({ env: { DATA_DIR: "/env", HTTP_PORT: "2" }, flags, readFile });
  expect(config).toMatchObject({ dataDir: "/flag", httpPort: 2, epochSeconds: 60, gasLimit: 15_000_000 });
  expect(config.archiveUrl).toBe("file:///flag/archive-store");
});

test("given the bucket names of earlier pools, stores are derived from them, and URLs win over them", () => {
  const buckets = { S3_BUCKET: "log", S3_ARCHIVE_BUCKET: "arc", S3_METRICS_BUCKET: "metrics" };
  expect(fromEnv({ ...buckets, S3_ARCHIVE_PREFIX: "/old/" })).toMatchObject({
    logUrl: "s3://log/",
    archiveUrl: "s3://arc/old",
    metricsUrl: "s3://metrics/",
  });
  expect(fromEnv({ ...buckets, LOG_URL: "file:///events", ARCHIVE_URL: "s3://a/b" })).toMatchObject({
    logUrl: "file:///events",
    archiveUrl: "s3://a/b",
  });
});

test("given several faults, all are reported at once with name, what was given and what is expected", () => {
  const readFile = files({ "p.json": '{"epochSeconds":"1d","EPOCH_SECONDS":1,"colour":"red"}' });
  const env = { POOL_COMMISSION_RATE: "0.1234567", CHAIN_ID: "-1", DISTRIBUTOR_ADDRESS: "0x12" };
  const facts = problemsOf(() => loadConfig({ env, flags: { config: "p.json", logUrl: "./x" }, readFile }));
  expect(facts).toMatchObject({
    POOL_COMMISSION_RATE:
      'given "0.1234567", expected an exact decimal from 0 to 1 with at most six places, such as 0.25',
    CHAIN_ID: 'given "-1", expected a whole number from 0 to 9007199254740991',
    "epochSeconds in p.json": 'given "1d", expected a whole number from 1 to 31536000',
    "EPOCH_SECONDS in p.json": "not the name of a setting, expected epochSeconds",
    "colour in p.json": "not the name of a setting",
    "--log": 'given "./x", expected s3://bucket/prefix or file:///directory',
  });
  expect(Object.keys(facts)).toHaveLength(7);
});

test.each([
  ["0", 0],
  ["0.25", 250_000],
  ["0.000001", 1],
  ["1", 1_000_000],
  ["1.000000", 1_000_000],
])("given the commission rate %s in text or as a JSON number, it is %d parts per million", (text, ppm) => {
  expect(fromEnv({ POOL_COMMISSION_RATE: text }).commissionPpm).toBe(ppm);
  expect(fromFile(`{"poolCommissionRate":${text}}`).commissionPpm).toBe(ppm);
});

test.each(["0.0000001", "0.2500000", "1.000001", "2", "-0.1", ".5", "25%", "2.5e-1", "0,25"])(
  "given the commission rate %s, it is refused and never rounded",
  (text) => {
    expect(problemsOf(() => fromEnv({ POOL_COMMISSION_RATE: text }))).toHaveProperty("POOL_COMMISSION_RATE");
    expect(problemsOf(() => fromFile(`{"poolCommissionRate":"${text}"}`))).toBeDefined();
  },
);

test("given a JSON number that a float would round, its own digits are read", () => {
  expect(fromFile('{"maxEventFeeWei":12000000000000000001}').maxEventFeeWei).toBe(12000000000000000001n);
  expect(problemsOf(() => fromFile('{"poolCommissionRate":0.25000000000000000001}'))).toBeDefined();
});

test("given any wei amount, environment and file read it exactly", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }), (amount) => {
      expect(fromEnv({ PAYMENT_THRESHOLD_WEI: `${amount}` }).paymentThresholdWei).toBe(amount);
      expect(fromFile(`{"maxGasPriceWei":${amount}}`).maxGasPriceWei).toBe(amount);
    }),
  );
});

test("given partitions as a list or with commas, they are the same; a bad name is refused", () => {
  const wanted = [
    { nodeType: "transcode", region: "us-west" },
    { nodeType: "ai", region: "us-central" },
  ];
  expect(fromEnv({ PARTITIONS: "transcode|us-west, ai|us-central" }).partitions).toEqual(wanted);
  expect(fromFile('{"partitions":["transcode|us-west","ai|us-central"]}').partitions).toEqual(wanted);
  expect(problemsOf(() => fromEnv({ PARTITIONS: "us-west/transcode" }))).toHaveProperty("PARTITIONS");
});

test("given booleans, only true and false are understood", () => {
  expect(fromFile('{"autoPublish":true}').autoPublish).toBe(true);
  expect(fromEnv({ AUTO_PUBLISH: "false" }).autoPublish).toBe(false);
  for (const text of ["yes", "1", "TRUE", "toString"]) {
    expect(problemsOf(() => fromEnv({ AUTO_PUBLISH: text }))).toHaveProperty("AUTO_PUBLISH");
  }
});

test("given a variable that is empty, it counts as not set", () => {
  expect(fromEnv({ S3_BUCKET: "", EPOCH_SECONDS: "" })).toMatchObject({ epochSeconds: 86_400 });
});

test.each(["null", "{}", "[1]", "{", '{"a":1,}'])("given %s as a value or file, it is refused", (json) => {
  expect(problemsOf(() => fromFile(`{"epochSeconds":${json}}`))).toBeDefined();
});

test("given a config file that is missing or no JSON, the problem is named without quoting the file", () => {
  const missing = problemsOf(() =>
    loadConfig({ env: {}, flags: { config: "no.json" }, readFile: files({}) }),
  );
  expect(missing).toEqual({ "--config": "given no.json, a file that cannot be read: ENOENT" });
  const broken = problemsOf(() => fromFile(`{"ethPrivateKey": ${devKey}}`));
  expect(broken["--config"]).toContain("given p.json, expected a JSON object, broken at");
  expect(JSON.stringify(broken)).not.toContain(devKey.slice(2, 10));
});

test("given secrets in files, they are read from there without the last line break", () => {
  const readFile = files({ key: `${devKey}\n`, pass: " two words \r\n", s3: "s3cret" });
  const env = { ETH_PRIVATE_KEY_FILE: "key", ETH_KEYSTORE_PASSWORD_FILE: "pass", AWS_ACCESS_KEY_ID: "id" };
  const config = loadConfig({ env: { ...env, AWS_SECRET_ACCESS_KEY_FILE: "s3" }, readFile });
  expect(config.ethPrivateKey?.reveal()).toBe(devKey);
  expect(config.ethKeystorePassword?.reveal()).toBe(" two words ");
  expect(config.awsSecretAccessKey?.reveal()).toBe("s3cret");
});

test("given a secret both directly and in a file, or in a file that cannot be read, it is refused", () => {
  const env = { ETH_PRIVATE_KEY: devKey, ETH_PRIVATE_KEY_FILE: "key", ETH_KEYSTORE_PASSWORD_FILE: "none" };
  expect(problemsOf(() => loadConfig({ env, readFile: files({ key: devKey }) }))).toEqual({
    ETH_PRIVATE_KEY_FILE: "given together with ETH_PRIVATE_KEY, expected only one",
    ETH_KEYSTORE_PASSWORD_FILE: "given none, a file that cannot be read: ENOENT",
  });
});

test("given a secret's file in the environment and the secret in the config file, the environment wins", () => {
  const readFile = files({ "p.json": '{"ethKeystorePassword":"low"}', pass: "high" });
  const env = { ETH_KEYSTORE_PASSWORD_FILE: "pass" };
  const config = loadConfig({ env, flags: { config: "p.json" }, readFile });
  expect(config.ethKeystorePassword?.reveal()).toBe("high");
});

test("given secrets, neither the configuration nor a complaint about them shows them", () => {
  const rpc = "https://node.example/v2/SECRETKEY";
  const config = fromEnv({ ETH_PRIVATE_KEY: devKey, ETH_KEYSTORE_PASSWORD: "hunter2" });
  for (const shown of [inspect(config), JSON.stringify(config.ethPrivateKey), `${config.ethPrivateKey}`]) {
    expect(shown).toContain("[secret]");
    expect(shown).not.toContain(devKey.slice(2));
    expect(shown).not.toContain("hunter2");
  }
  const env = {
    ETH_PRIVATE_KEY: `${devKey}00`,
    ETH_RPC_ENDPOINT: ` ws${rpc}`,
    AWS_SECRET_ACCESS_KEY: "s3cret",
  };
  const facts = JSON.stringify(problemsOf(() => fromEnv(env)));
  for (const hidden of [devKey.slice(2), "SECRETKEY", "s3cret"]) expect(facts).not.toContain(hidden);
  const endpoint = { S3_ENDPOINT: "ftp://id:hunter2@s3.example" };
  expect(problemsOf(() => fromEnv(endpoint)).S3_ENDPOINT).toContain('given "ftp://[secret]@s3.example"');
  expect(JSON.stringify(problemsOf(() => fromFile('{"ethPrivatKey":"hunter2"}')))).not.toContain("hunter2");
});

test.each([devKey, devKey.slice(2), "./key.json", "/run/secrets/key", "UTC--2025-01-01T00-00-00.0Z--f39f"])(
  "given %s as the private key, it is taken as hex or as the path of a keystore",
  (key) => {
    expect(fromEnv({ ETH_PRIVATE_KEY: key }).ethPrivateKey?.reveal()).toBe(key);
  },
);

test.each([devKey.slice(0, -1), `${devKey}0`, "0x./a", "abandon ability able about", '{"crypto":"."}'])(
  "given %s as the private key, a mistyped key does not pass for a path",
  (key) => {
    expect(problemsOf(() => fromEnv({ ETH_PRIVATE_KEY: key }))).toHaveProperty("ETH_PRIVATE_KEY");
  },
);

test("given settings that need one another, one alone is refused", () => {
  expect(problemsOf(() => fromEnv({ AWS_ACCESS_KEY_ID: "id", EPOCH_SECONDS: "0" }))).toMatchObject({
    AWS_ACCESS_KEY_ID:
      'given "id", expected AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY together, or neither',
    EPOCH_SECONDS: 'given "0", expected a whole number from 1 to 31536000',
  });
  const address = "0xab5801a7d398351b8be11c439e05c5b3259aec9b";
  expect(problemsOf(() => fromEnv({ DISTRIBUTOR_ADDRESS: address }))).toHaveProperty("CHAIN_ID");
  expect(fromEnv({ DISTRIBUTOR_ADDRESS: address, CHAIN_ID: "42161" })).toMatchObject({
    distributorAddress: "0xAb5801a7D398351b8bE11C439e05C5B3259aeC9B",
    chainId: 42161,
  });
});

test("given a command that needs a setting, its absence says how to give it", () => {
  expect(requireSetting(fromEnv({ LOG_URL: "file:///a" }), "logUrl")).toBe("file:///a");
  expect(() => requireSetting(fromEnv({}), "logUrl")).toThrow(
    expect.objectContaining({
      code: "configuration-missing",
      exitCode: 2,
      next: "set LOG_URL, or give --log",
    }),
  );
});

test("given the table of settings, each key is its environment name in camel case and each default is valid", () => {
  for (const [key, { env }] of Object.entries(settings)) {
    expect(key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()).toBe(env);
  }
  const defaults = Object.values(settings).flatMap(({ env, fallback }) =>
    fallback ? [[env, fallback]] : [],
  );
  expect(fromEnv(Object.fromEntries(defaults))).toEqual(fromEnv({}));
});

test("given NO_COLOR and PAYROOT_DEBUG, they are read before anything else", () => {
  expect(readPresentation({ NO_COLOR: "1", PAYROOT_DEBUG: "1" })).toEqual({ noColor: true, debug: true });
  expect(readPresentation({ NO_COLOR: "", PAYROOT_DEBUG: "0" })).toEqual({ noColor: false, debug: false });
});
