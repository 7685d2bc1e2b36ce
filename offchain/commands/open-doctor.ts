import { constants } from "node:fs";
import { access, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Config, requireSetting } from "../config.ts";
import { zeroAddress } from "../core/address.ts";
import { messageOf, PayrootError } from "../errors.ts";
import type { DoctorPorts } from "../pipeline/operate/doctor.ts";
import type { Context } from "./command.ts";
import { openArchive, openArtifacts, openDataDirectory, openStore } from "./open.ts";
import { openConfiguredSigner, openUnverifiedChain } from "./open-chain.ts";

/** What the doctor looks at, as it is configured. */
export function openPatient(context: Context): DoctorPorts {
  const { config } = context;
  return {
    log: () => openStore(config, requireSetting(config, "logUrl"), { create: false }),
    archive: () => openArchive(config),
    artifacts: () => openArtifacts(config),
    dataDirectory: () => openIfThere(context),
    freeBytes: async () => {
      const { bavail, bsize } = await statfs(await nearestFolder(config.dataDir), { bigint: true });
      return bavail * bsize;
    },
    clocks: serversOf(config).map(([name, url]) => ({ name, read: () => dateOf(url) })),
    now: Date.now,
    chain: () => {
      if (config.chainId === 0 || config.distributorAddress === zeroAddress) return undefined;
      return openUnverifiedChain(config);
    },
    signer: async () => (await openConfiguredSigner(context))?.address,
    autoPublish: config.autoPublish,
  };
}

// Looking must not make a data directory where there is none.
async function openIfThere(context: Context): Promise<"opened" | "absent"> {
  const { dataDir } = context.config;
  const there = await access(join(dataDir, "ledger")).then(
    () => true,
    () => false,
  );
  if (there) {
    await openDataDirectory(context);
    return "opened";
  }
  const folder = await nearestFolder(dataDir);
  await access(folder, constants.W_OK).catch((error: unknown) => {
    throw new PayrootError("data-directory-unusable", "The data directory cannot be made.", {
      facts: { directory: dataDir, reason: messageOf(error) },
      next: "allow this user to write there, or give another --data-dir",
    });
  });
  return "absent";
}

async function nearestFolder(path: string): Promise<string> {
  for (let folder = path; ; folder = dirname(folder)) {
    const there = await access(folder).then(
      () => true,
      () => false,
    );
    if (there || folder === dirname(folder)) return folder;
  }
}

function serversOf(config: Config): [string, string][] {
  const onS3 = [config.logUrl, config.archiveUrl, config.artifactsUrl].some((url) => url?.startsWith("s3:"));
  const amazon = onS3 ? `https://s3.${config.awsRegion}.amazonaws.com` : undefined;
  const servers = [
    ["the S3 server", config.s3Endpoint ?? amazon],
    ["the RPC", config.ethRpcEndpoint],
  ] as const;
  return servers.flatMap(([name, url]) => (url === undefined || !URL.canParse(url) ? [] : [[name, url]]));
}

/** The time that a server's answers carry, whatever it answers. */
async function dateOf(url: string): Promise<number | undefined> {
  const { headers } = await fetch(new URL(url).origin, { method: "HEAD", signal: AbortSignal.timeout(5000) });
  const time = Date.parse(headers.get("date") ?? "");
  return Number.isNaN(time) ? undefined : time;
}
