import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { z } from "zod";
import { zeroAddress } from "./core/address.ts";
import { Secret } from "./core/secret.ts";
import { exitCodes, type Facts, messageOf, PayrootError } from "./errors.ts";
import { type StoreUrl, settings } from "./settings.ts";

// Defaults < config file < environment < flags. In each, a value is text, read once by the schema of its setting.

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
  .refine((all) => (all.tlsCertificate === undefined) === (all.tlsKey === undefined), {
    path: ["tlsCertificate"],
    error: "TLS_CERTIFICATE and TLS_KEY together, or neither",
    when: () => true,
  })
  .refine((all) => all.tlsCertificate === undefined || all.tlsDnsName === undefined, {
    path: ["tlsDnsName"],
    error: "TLS_CERTIFICATE with TLS_KEY, or TLS_DNS_NAME, not both",
    when: () => true,
  })
  .refine((all) => all.webhookUrls === undefined || all.webhookSecret !== undefined, {
    path: ["webhookSecret"],
    error: "a secret for WEBHOOK_URLS, which signs what is sent there",
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

/** Every secret of a configuration as text, for a log to leave out: keys, passwords, addresses that hold a key. */
export function secretTexts(config: Config): string[] {
  const values = rows.flatMap(([key, { secret }]) => (secret ? [config[key as keyof Config]] : []));
  return values.flatMap(textsOf).flatMap((text) => [text, ...keysInUrl(text)]);
}

function textsOf(value: unknown): string[] {
  if (value instanceof Secret) return [value.reveal()];
  if (Array.isArray(value)) return value.flatMap(textsOf);
  if (typeof value === "object" && value !== null) return Object.values(value).flatMap(textsOf);
  return typeof value === "string" ? [value] : [];
}

// Providers put keys into paths and queries; short words there are names of networks and versions.
function keysInUrl(text: string): string[] {
  if (!URL.canParse(text)) return [];
  const { password, pathname, searchParams } = new URL(text);
  const words = [...pathname.split("/"), ...searchParams.values()].filter((word) => word.length >= 16);
  return [decodeURIComponent(password), ...words];
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
