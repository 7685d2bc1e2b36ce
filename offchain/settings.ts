import { z } from "zod";
import { parseAddress, zeroAddress } from "./core/address.ts";
import { parsePartitionName } from "./core/partition.ts";
import { Secret } from "./core/secret.ts";
import { parsePpm } from "./core/units.ts";

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
const pem = reader("PEM text that begins with -----BEGIN", (given) =>
  given.trimStart().startsWith("-----BEGIN ") ? new Secret(given) : undefined,
);
const dnsName = matching(
  /^(?=.{1,253}$)([a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/,
  "a DNS name such as pool.example.org",
);
const regionName = matching(/^[a-z0-9][a-z0-9-]{0,62}$/, "a region: a-z 0-9 -");
const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
const logLevel = reader(`one of ${logLevels.join(" ")}`, (given) => logLevels.find((one) => one === given));
const webUrlList = reader("http:// or https:// addresses with commas between", (given) => {
  const urls = [...new Set(given.split(",").map((one) => one.trim()))];
  return urls.every((one) => webUrl.parse(one) !== undefined) ? urls : undefined;
});
const producerKeys = reader(
  "producer:key:secret with commas between, different secrets of 32 characters or more, two keys a producer at most",
  (given) => parseProducerKeys(given),
);

/** A key with which a producer signs what it writes through the intake. */
export type ProducerKey = { readonly producer: string; readonly key: string; readonly secret: Secret };

function parseProducerKeys(given: string): readonly ProducerKey[] | undefined {
  const keys: ProducerKey[] = [];
  for (const entry of given.split(",")) {
    const [, producer, key, text] = /^([\w.-]{1,64}):([\w.-]{1,64}):(\S{32,256})$/.exec(entry.trim()) ?? [];
    if (producer === undefined || key === undefined || text === undefined) return undefined;
    const own = keys.filter((known) => known.producer === producer);
    if (own.length === 2 || own.some((known) => known.key === key)) return undefined;
    // A secret that two share would let one sign as the other.
    if (keys.some((known) => known.secret.reveal() === text)) return undefined;
    keys.push({ producer, key, secret: new Secret(text) });
  }
  return keys;
}

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
  httpRateLimit: setting(
    "HTTP_RATE_LIMIT",
    whole(0, 1e9),
    "600",
    "requests a minute of one client; 0 is no limit",
  ),
  httpTrustedProxies: setting(
    "HTTP_TRUSTED_PROXIES",
    whole(0, 16),
    "0",
    "proxies in front, whose X-Forwarded-For is believed",
  ),
  tlsCertificate: setting("TLS_CERTIFICATE", pem, none, "certificate chain: HTTPS instead of HTTP", {
    secret: true,
  }),
  tlsKey: setting("TLS_KEY", pem, none, "private key of the certificate", { secret: true }),
  tlsDnsName: setting("TLS_DNS_NAME", dnsName, none, "HTTPS with a certificate made at each start"),
  intakeKeys: setting("INTAKE_KEYS", producerKeys, none, "who may write events over HTTP", { secret: true }),
  intakeRegion: setting("INTAKE_REGION", regionName, "intake", "region of jobs recorded by earlier clients"),
  intakeWindowSeconds: setting(
    "INTAKE_WINDOW_SECONDS",
    whole(1, 3600),
    "300",
    "age of a signature, either way",
  ),
  exportConnections: setting("EXPORT_CONNECTIONS", trueOrFalse, "false", "whether exports name connections"),
  webhookUrls: setting("WEBHOOK_URLS", webUrlList, none, "who is told of epochs", { secret: true }),
  webhookSecret: setting("WEBHOOK_SECRET", secret, none, "signs what they are told", { secret: true }),
  logLevel: setting("LOG_LEVEL", logLevel, "info", "least serious line of the daemon's log"),
};

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
