import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Config, requireSetting } from "../config.ts";
import { zeroAddress } from "../core/address.ts";
import type { Ruleset } from "../core/ruleset.ts";
import { messageOf, PayrootError } from "../errors.ts";
import { formatCount } from "../format.ts";
import type { ObjectStore } from "../objects/object-store.ts";
import { openObjectStore } from "../objects/open.ts";
import type { ChainIdentity, ClosePorts } from "../pipeline/close/close-epoch.ts";
import { checkDataDirectory } from "../pipeline/rebuild/rebuild-archive.ts";
import { upgradeDirectory, upgradeLedger } from "../pipeline/rebuild/upgrade-ledger.ts";
import type { LedgerStore } from "../store/ledger-store.ts";
import { openLevelStore } from "../store/level.ts";
import type { Context } from "./command.ts";

// The one place where ports meet their adapters.

/** The rules that the configuration asks for; they hold from the next epoch that opens. */
export function configuredRuleset(config: Config): Ruleset {
  return {
    scheme: "per-job-fee",
    asset: zeroAddress,
    commissionPpm: config.commissionPpm,
    correlationWindowSeconds: config.correlationWindowSeconds,
    maxEventFeeWei: config.maxEventFeeWei.toString(),
    maxObjectBytes: config.maxObjectBytes,
  };
}

/** The store at a URL of the configuration. With `create` a missing folder is made: never for what is only read. */
export function openStore(config: Config, url: string, { create }: { create: boolean }): ObjectStore {
  const { s3Endpoint, awsRegion, awsAccessKeyId, awsSecretAccessKey } = config;
  const credentials =
    awsAccessKeyId === undefined || awsSecretAccessKey === undefined
      ? {}
      : { credentials: { accessKeyId: awsAccessKeyId, secretAccessKey: awsSecretAccessKey.reveal() } };
  const endpoint = s3Endpoint === undefined ? {} : { endpoint: s3Endpoint };
  return openObjectStore(url, { s3: { region: awsRegion, ...endpoint, ...credentials }, create });
}

/** The stores that ledger and epochs need. Throws `configuration-missing` without a log, `data-directory-lost`. */
export async function openLedger(context: Context): Promise<ClosePorts> {
  const { config } = context;
  const log = openStore(config, requireSetting(config, "logUrl"), { create: false });
  const store = await openDataDirectory(context);
  const ports = { store, log, archive: openArchive(config), artifacts: openArtifacts(config) };
  await checkDataDirectory(ports);
  const { signal, out } = context;
  const onProgress = (objects: number) =>
    out.progress(`adding to the data directory what this version needs: ${formatCount(objects)} objects`);
  await upgradeLedger(ports, { signal, onProgress });
  return ports;
}

/** The store that keeps a copy of every object used. */
export function openArchive(config: Config): ObjectStore {
  return openStore(config, config.archiveUrl, { create: true });
}

/** The store of what epochs publish. */
export function openArtifacts(config: Config): ObjectStore {
  return openStore(config, config.artifactsUrl, { create: true });
}

/** The published epochs at a URL, http(s):// too, only to be read; the configured artifacts when there is none. */
export function openPublished(config: Config, from: string | undefined): ObjectStore {
  return from === undefined ? openArtifacts(config) : openStore(config, from, { create: false });
}

/** Only what `epoch list` and others need that never read the log. */
export async function openDataDirectory(context: Context): Promise<LedgerStore> {
  const directory = context.config.dataDir;
  const holder = join(directory, "process.json");
  await mkdir(directory, { recursive: true }).catch(() => undefined);
  const store = await openLevelStore(join(directory, "ledger")).catch(async (error: unknown) => {
    if (error instanceof PayrootError && error.code === "data-directory-locked") {
      throw lockedBy(directory, await readHolder(holder));
    }
    throw error;
  });
  context.defer(async () => {
    await rm(holder, { force: true });
    await store.close();
  });
  await announce(context, {});
  await upgradeDirectory(store);
  return store;
}

/** Tells later processes who holds the data directory, and at which URL it answers. */
export async function announce(context: Context, holder: { url?: string }): Promise<void> {
  const content = { pid: process.pid, ...holder };
  await writeFile(join(context.config.dataDir, "process.json"), `${JSON.stringify(content)}\n`).catch(
    (error: unknown) => {
      throw new PayrootError("data-directory-write-failed", "The data directory cannot be written to.", {
        facts: { directory: context.config.dataDir, reason: messageOf(error) },
        next: "free disk space or restore write access, then run the same command again",
        retryable: true,
        cause: error,
      });
    },
  );
}

type Holder = { readonly pid?: number; readonly url?: string };

async function readHolder(path: string): Promise<Holder> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as Holder;
  } catch {
    return {};
  }
}

function lockedBy(directory: string, holder: Holder): PayrootError {
  const ask = holder.url === undefined ? "" : `ask it at ${holder.url}, `;
  return new PayrootError("data-directory-locked", "Another process holds the data directory.", {
    facts: { directory, process: holder.pid, answers: holder.url },
    next: `${ask}stop it, or give another --data-dir`,
    retryable: true,
  });
}

/** The chain that epochs are for. */
export function chainIdentity(config: Config): ChainIdentity {
  return { chainId: config.chainId, distributor: config.distributorAddress };
}
