import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { z } from "zod";
import { parseAddress, zeroAddress } from "./core/address.ts";
import { parsePartitionName } from "./core/partition.ts";
import { Secret } from "./core/secret.ts";
import { parsePpm } from "./core/units.ts";
import { exitCodes, type Facts, messageOf, PayrootError } from "./errors.ts";

// Defaults < config file < environment < flags. In each, a value is text, read once by the schema of its setting.

/** Where a store is. */
export type StoreUrl = `s3://${string}` | `file:///${string}`;

type Reader<T> = { readonly expected: string; readonly parse: (given: string) => T | undefined };

const none = undefined;
const year = 31_536_000;
const pause = whole(1, 86_400);
const text = reader("text that is not empty", (given) => given || undefined);
const secret = reader("text", (given) => new Secret(given));
const bucket = matching(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, "a bucket, 3 to 63 of a-z 0-9 . -");
const webUrl = matching(/^https?:\/\/[^\s/]\S*$/, "an http:// or https:// address");
const trueOrFalse = reader("true or false", (given) =>
  given === "true" ? true : given === "false" ? false : undefined,
);
const wei = reader("a whole number of wei, digits only", (given) =>
  /^\d{1,78}$/.test(given) ? BigInt(given) : undefined,
);
const storeUrl = reader("s3://bucket/prefix or file:///directory", (given) =>
  /^(s3:\/\/[A-Za-z0-9]|file:\/\/\/)\S*$/.test(given) ? (given as StoreUrl) : undefined,
);
const contract = reader("0x and 40 hex digits, all lower case or with a correct EIP-55 checksum", (given) =>
  given === zeroAddress ? zeroAddress : parseAddress(given),
);
const rate = reader("an exact decimal from 0 to 1 with at most six places, such as 0.25", (given) =>
  /^(0(\.\d{1,6})?|1(\.0{1,6})?)$/.test(given) ? parsePpm(given) : undefined,
);
const partitionList = reader("names nodeType|region with commas between: transcode|us-west", (given) => {
  const partitions = [...new Set(given.split(","))].map((name) => parsePartitionName(name.trim()));
  return partitions.every((partition) => partition !== undefined) ? partitions : undefined;
});
// A mistyped key must not pass for a path, or an error about that path would print it.
const privateKey = reader("32 bytes of hex, or the path of a keystore with a / or . in it", (given) =>
  /^((0x)?[0-9a-fA-F]{64}|(?!0x)[^{]*[./\\].*)$/.test(given) ? new Secret(given) : undefined,
);

/**
 * Every setting, under its key in the config file: its environment name, how it is read, its default as one would
 * write it, what it means. A secret is never printed, and may also be in the file that `{name}_FILE` gives.
 */
export const settings = {
  dataDir: setting("DATA_DIR", text, "./data", "directory of the ledger", { flag: "--data-dir" }),
  logUrl: setting("LOG_URL", storeUrl, none, "the event log; otherwise S3_BUCKET", { flag: "--log" }),
  archiveUrl: setting("ARCHIVE_URL", storeUrl, none, "copy of every object used", { flag: "--archive" }),
  artifactsUrl: setting("ARTIFACTS_URL", storeUrl, none, "what epochs publish", { flag: "--artifacts" }),
  metricsUrl: setting("METRICS_URL", storeUrl, none, "the exports; otherwise S3_METRICS_BUCKET"),
  s3Bucket: setting("S3_BUCKET", bucket, none, "bucket of the event log"),
  s3ArchiveBucket: setting("S3_ARCHIVE_BUCKET", bucket, none, "bucket of the archive"),
  s3ArchivePrefix: setting("S3_ARCHIVE_PREFIX", text, none, "folder of the archive in its bucket"),
  s3MetricsBucket: setting("S3_METRICS_BUCKET", bucket, none, "bucket of the exports"),
  s3Endpoint: setting("S3_ENDPOINT", webUrl, none, "S3 server, when it is not Amazon's"),
  awsRegion: setting("AWS_REGION", text, "us-east-1", "region of the buckets"),
  awsAccessKeyId: setting("AWS_ACCESS_KEY_ID", text, none, "S3 access key"),
  awsSecretAccessKey: setting("AWS_SECRET_ACCESS_KEY", secret, none, "S3 secret key", { secret: true }),
  partitions: setting("PARTITIONS", partitionList, none, "the only partitions to read; otherwise all"),
  lookBackSeconds: setting("LOOK_BACK_SECONDS", whole(0, year), "86400", "age of objects that polls find"),
  s3SensorIntervalSeconds: setting("S3_SENSOR_INTERVAL_SECONDS", pause, "30", "between polls of the log"),
  maxFilesPerBatch: setting("MAX_FILES_PER_BATCH", whole(1, 1_000_000), "250", "objects read in one go"),
  maxObjectBytes: setting("MAX_OBJECT_BYTES", whole(1, 2 ** 28), "67108864", "largest object, decompressed"),
  maxEventFeeWei: setting("MAX_EVENT_FEE_WEI", wei, "10000000000000000000", "highest fee of one event"),
  poolCommissionRate: setting("POOL_COMMISSION_RATE", rate, "0.25", "the pool's share of each fee"),
  correlationWindowSeconds: setting("CORRELATION_WINDOW_SECONDS", whole(0, year), "3600", "of an AI pair"),
  epochSeconds: setting("EPOCH_SECONDS", whole(1, year), "86400", "length of an epoch"),
  autoPublish: setting("AUTO_PUBLISH", trueOrFalse, "false", "whether the daemon sends transactions"),
  autoSponsor: setting("AUTO_SPONSOR", trueOrFalse, "false", "whether the daemon pays workers, too"),
  anomalyFactor: setting("ANOMALY_FACTOR", whole(0, 1_000_000), "20", "medians an account may earn"),
  chainId: setting("CHAIN_ID", whole(0, Number.MAX_SAFE_INTEGER), "0", "the chain; 0 is none"),
  distributorAddress: setting("DISTRIBUTOR_ADDRESS", contract, zeroAddress, "the RewardsDistributor"),
  ethRpcEndpoint: setting("ETH_RPC_ENDPOINT", webUrl, none, "JSON-RPC of the chain", { secret: true }),
  ethPrivateKey: setting("ETH_PRIVATE_KEY", privateKey, none, "signs transactions", { secret: true }),
  ethKeystorePassword: setting("ETH_KEYSTORE_PASSWORD", secret, none, "opens the keystore", { secret: true }),
  maxGasPriceWei: setting("MAX_GAS_PRICE_WEI", wei, "10000000000", "highest price of one unit of gas"),
  gasLimit: setting("GAS_LIMIT", whole(21_000, 32_000_000), "15000000", "most gas of one transaction"),
  paymentThresholdWei: setting("PAYMENT_THRESHOLD_WEI", wei, "10000000000000000", "least sponsored claim"),
  paymentSensorIntervalSeconds: setting("PAYMENT_SENSOR_INTERVAL_SECONDS", pause, "600", "between claims"),
  httpHost: setting("HTTP_HOST", text, "127.0.0.1", "address that the API listens on"),
  httpPort: setting("HTTP_PORT", whole(0, 65_535), "8787", "port of the API; 0 takes a free one"),
};

type Key = keyof typeof settings;
type Shape = { [K in Key]: (typeof settings)[K]["schema"] };
type Settings = z.output<z.ZodObject<Shape>>;
type Consumed = "s3Bucket" | "s3ArchiveBucket" | "s3ArchivePrefix" | "s3MetricsBucket" | "poolCommissionRate";
type Derived = { archiveUrl: StoreUrl; artifactsUrl: StoreUrl; commissionPpm: number };

/**
 * The settings as the program uses them: buckets resolved to URLs, `dataDir` absolute, the commission in parts per
 * million. `chainId` 0 with the zero distributor means that no chain is configured.
 */
export type Config = Readonly<Omit<Settings, Consumed | keyof Derived> & Derived>;

/** What a configuration is read from; flags under the keys of their settings, as they were typed. */
export type Sources = {
  readonly env?: NodeJS.ProcessEnv;
  readonly flags?: { readonly [K in Key | "config"]?: string | undefined };
  readonly readFile?: (path: string) => string;
};

const rows = Object.entries(settings) as [Key, (typeof settings)[Key]][];
const schema = z
  .strictObject(Object.fromEntries(rows.map(([key, row]) => [key, row.schema])) as Shape)
  .refine((all) => (all.awsAccessKeyId === undefined) === (all.awsSecretAccessKey === undefined), {
    path: ["awsAccessKeyId"],
    error: "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY together, or neither",
    when: () => true,
  })
  .refine((all) => all.chainId !== 0 || all.distributorAddress === zeroAddress, {
    path: ["chainId"],
    error: "the chain of DISTRIBUTOR_ADDRESS, such as 42161",
    when: () => true,
  });

/** Reads and checks the whole configuration. Throws `configuration-invalid`, which names every problem at once. */
export function loadConfig({ env = process.env, flags = {}, readFile }: Sources = {}): Config {
  const problems: Problems = {};
  const open = (path: string, name: string): string => {
    try {
      return readFile === undefined ? readFileSync(path, "utf8") : readFile(path);
    } catch (error) {
      problems[name] = `given ${path}, a file that cannot be read: ${(error as NodeJS.ErrnoException).code}`;
      return "";
    }
  };
  const layers = [fileLayer(flags.config, { open, problems }), environmentLayer(env), flagLayer(flags)];
  const given = new Map(layers.flatMap((layer) => [...withSecretFiles(layer, { open, problems })]));
  const parsed = schema.safeParse(Object.fromEntries([...given].map(([key, { value }]) => [key, value])));
  for (const issue of parsed.error?.issues ?? []) addProblems(issue, { given, problems });
  if (!parsed.success || Object.keys(problems).length > 0) throw configurationInvalid(problems);
  return derive(parsed.data);
}

/** How to print, which must be known before the rest: `NO_COLOR` and `PAYROOT_DEBUG=1`. */
export function readPresentation(env: NodeJS.ProcessEnv = process.env): { noColor: boolean; debug: boolean } {
  return { noColor: (env.NO_COLOR ?? "") !== "", debug: env.PAYROOT_DEBUG === "1" };
}

/** The setting `key`, for a command that cannot do without it. Throws `configuration-missing`. */
export function requireSetting<K extends keyof Config>(config: Config, key: K): NonNullable<Config[K]> {
  const value = config[key];
  if (value === undefined || value === null) throw configurationMissing(key);
  return value;
}

function derive(all: Settings): Config {
  const { s3Bucket, s3ArchiveBucket, s3ArchivePrefix, s3MetricsBucket, poolCommissionRate, ...rest } = all;
  const dataDir = resolve(all.dataDir);
  const local = (name: string) => pathToFileURL(resolve(dataDir, name)).href as StoreUrl;
  const s3 = (name: string | undefined, prefix = "") =>
    name === undefined ? undefined : (`s3://${name}/${prefix.replace(/^\/+|\/+$/g, "")}` as const);
  return {
    ...rest,
    dataDir,
    commissionPpm: poolCommissionRate,
    logUrl: all.logUrl ?? s3(s3Bucket),
    archiveUrl: all.archiveUrl ?? s3(s3ArchiveBucket, s3ArchivePrefix) ?? local("archive-store"),
    artifactsUrl: all.artifactsUrl ?? local("artifacts-store"),
    metricsUrl: all.metricsUrl ?? s3(s3MetricsBucket),
  };
}

// A value as it was written, and the name under which its writer will find it again.
type Given = { readonly value: unknown; readonly name: string };
type Layer = ReadonlyMap<string, Given>;
type Problems = Record<string, string>;
type Found = { readonly given: Layer; readonly problems: Problems };
type Reading = { readonly open: (path: string, name: string) => string; readonly problems: Problems };

function fileLayer(path: string | undefined, { open, problems }: Reading): Layer {
  const text = path === undefined ? "" : open(path, "--config");
  try {
    const content: unknown = JSON.parse(text || "{}", keepSource);
    if (typeof content !== "object" || content === null) throw new SyntaxError("not an object");
    const entries = Object.entries(content);
    return new Map(entries.map(([key, value]) => [key, { value, name: `${key} in ${path}` }]));
  } catch (error) {
    // The message quotes the file, which may hold secrets: only the place is passed on.
    const place = /line \d+ column \d+|position \d+/.exec(messageOf(error))?.[0];
    problems["--config"] = `given ${path}, expected a JSON object${place ? `, broken at ${place}` : ""}`;
    return new Map();
  }
}

// Everything becomes what a variable would say; numbers keep their own digits, so none passes through a float.
function keepSource(key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value === "number") return context?.source ?? String(value);
  if (typeof value === "boolean") return String(value);
  return key === "partitions" && Array.isArray(value) ? value.join(",") : value;
}

// An empty variable counts as not set, as container files leave them.
function environmentLayer(env: NodeJS.ProcessEnv): Layer {
  const plain = rows.map(([key, row]) => [key, row.env] as const);
  const files = rows
    .filter(([, row]) => row.secret)
    .map(([key, row]) => [`${key}File`, `${row.env}_FILE`] as const);
  const used = [...plain, ...files].filter(([, name]) => env[name]);
  return new Map(used.map(([key, name]) => [key, { value: env[name], name }]));
}

function flagLayer(flags: NonNullable<Sources["flags"]>): Layer {
  const used = rows.filter(([key]) => flags[key] !== undefined);
  return new Map(used.map(([key, row]) => [key, { value: flags[key], name: row.flag ?? key }]));
}

// Puts the content of a secret's file in the place of its path.
function withSecretFiles(layer: Layer, { open, problems }: Reading): Layer {
  const result = new Map(layer);
  for (const [key] of rows.filter(([, row]) => row.secret)) {
    const file = layer.get(`${key}File`);
    if (file === undefined) continue;
    const { name } = file;
    result.delete(`${key}File`);
    result.set(key, { value: open(String(file.value), name).replace(/\r?\n$/, ""), name });
    if (layer.has(key)) problems[name] = `given together with ${layer.get(key)?.name}, expected only one`;
  }
  return result;
}

function addProblems(issue: z.core.$ZodIssue, { given, problems }: Found): void {
  if (issue.code === "unrecognized_keys") {
    // The value is not shown: under a mistyped name it may well be a secret.
    for (const key of issue.keys) problems[given.get(key)?.name ?? key] = notASetting(key);
    return;
  }
  const key = issue.path[0] as Key;
  const { env, secret } = settings[key];
  const entry = given.get(key);
  const shown = entry === undefined ? "nothing" : secret ? "[secret]" : quote(entry.value);
  problems[entry?.name ?? env] ??= `given ${shown}, expected ${issue.message}`;
}

function quote(value: unknown): string {
  const text = JSON.stringify(value).replace(/\/\/[^/]*@/, "//[secret]@");
  return text.slice(0, 80);
}

function notASetting(key: string): string {
  const plain = (name: string) => name.replace(/[-_]/g, "").toLowerCase();
  const meant = rows.find(([known]) => plain(known) === plain(key))?.[0];
  return `not the name of a setting${meant === undefined ? "" : `, expected ${meant}`}`;
}

function setting<T, F extends string | undefined>(
  env: string,
  reader: Reader<T>,
  fallback: F,
  about: string,
  { flag, secret = false }: { flag?: string; secret?: boolean } = {},
) {
  const read = z.string({ error: reader.expected }).transform((given, context): T => {
    const value = reader.parse(secret ? given : given.trim());
    if (value !== undefined) return value;
    context.addIssue({ code: "custom", message: reader.expected, input: given });
    return z.NEVER;
  });
  const schema: unknown = fallback === undefined ? read.optional() : read.prefault(fallback);
  type Schema = z.ZodType<F extends string ? T : T | undefined, string | undefined>;
  return { env, flag, secret, fallback, expected: reader.expected, about, schema: schema as Schema };
}

function reader<T>(expected: string, parse: Reader<T>["parse"]): Reader<T> {
  return { expected, parse };
}

function matching(pattern: RegExp, expected: string): Reader<string> {
  return reader(expected, (given) => (pattern.test(given) ? given : undefined));
}

function whole(least: number, most: number): Reader<number> {
  const ok = (given: string) => /^\d{1,16}$/.test(given) && Number(given) >= least && Number(given) <= most;
  const parse = (given: string) => (ok(given) ? Number(given) : undefined);
  return reader(`a whole number from ${least} to ${most}`, parse);
}

function configurationInvalid(facts: Facts): PayrootError {
  const count = Object.keys(facts).length;
  const next = "correct what is listed, then run the same command again";
  const sentence = count === 1 ? "One setting is wrong." : `${count} settings are wrong.`;
  return new PayrootError("configuration-invalid", sentence, { facts, next, exitCode: exitCodes.usage });
}

function configurationMissing(key: keyof Config): PayrootError {
  const row = rows.find(([known]) => known === key)?.[1];
  const facts = { setting: key, expected: row?.expected, meaning: row?.about };
  const next = `set ${row?.env ?? key}${row?.flag === undefined ? "" : `, or give ${row.flag}`}`;
  const sentence = "This command needs a setting that is not there.";
  return new PayrootError("configuration-missing", sentence, { facts, next, exitCode: exitCodes.usage });
}
