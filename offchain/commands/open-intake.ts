import { join } from "node:path";
import type { Config } from "../config.ts";
import { partitionName } from "../core/partition.ts";
import { PayrootError } from "../errors.ts";
import { type Intake, openIntake } from "../intake/intake.ts";
import type { IngestPorts } from "../pipeline/ingest/ingest.ts";
import { readHead, rulesetInForce } from "../pipeline/ingest/ingest.ts";
import { knownEvents } from "../pipeline/ingest/known-events.ts";
import type { Stage } from "../pipeline/operate/daemon.ts";
import type { Context } from "./command.ts";
import { configuredRuleset } from "./open.ts";

/** The intake that the configuration asks for, and the stage whose first success lets it take jobs. */
export type ConfiguredIntake = {
  /** Undefined without INTAKE_KEYS. */
  readonly intake: Intake | undefined;
  /** The stage that reads the log, watched. */
  readonly watched: (ingest: Stage) => Stage;
};

/** Opens the intake, which is drained when the command ends. Throws `intake-partition-unread`, `intake-journal-failed`. */
export async function openConfiguredIntake(
  context: Context,
  { store, log }: Pick<IngestPorts, "store" | "log">,
): Promise<ConfiguredIntake> {
  const { config } = context;
  const { intakeKeys: keys, intakeRegion: region, intakeWindowSeconds: windowSeconds, partitions } = config;
  if (keys === undefined) return { intake: undefined, watched: (ingest) => ingest };
  checkPartition(config);
  let caughtUp = false;
  const ledger = {
    contentsOf: (ids: readonly string[]) => knownEvents(store, ids),
    ruleset: async () => rulesetInForce(await readHead(store), configuredRuleset(config)),
    isCaughtUp: () => caughtUp,
  };
  const folder = join(config.dataDir, "intake");
  const options = { keys, region, windowSeconds, partitions, folder, now: Date.now };
  const intake = await openIntake({ log, ledger }, options);
  context.defer(intake.drain);
  return {
    intake,
    watched: (ingest) => ({
      ...ingest,
      async run() {
        await ingest.run();
        caughtUp = true;
      },
    }),
  };
}

function checkPartition({ partitions, intakeRegion: region }: Config): void {
  const own = partitionName({ nodeType: "transcode", region });
  if (partitions === undefined || partitions.some((partition) => partitionName(partition) === own)) return;
  throw new PayrootError("intake-partition-unread", "Jobs recorded over HTTP would never be paid.", {
    facts: { written: own, PARTITIONS: partitions.map(partitionName).join(",") },
    next: `add ${own} to PARTITIONS, or set INTAKE_REGION to a region whose transcode partition is in it`,
    exitCode: 2,
  });
}
