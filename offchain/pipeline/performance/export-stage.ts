import { exportPath, performanceFile, summaryFile } from "../../core/export-files.ts";
import type { JsonObject } from "../../core/json.ts";
import { encodeJson } from "../../core/json-text.ts";
import { partitionName } from "../../core/partition.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import { readHead } from "../ingest/ingest.ts";
import type { Stage } from "../operate/daemon.ts";
import { readSteadily } from "../operate/steady.ts";
import type { ChainView } from "../workers/worker.ts";
import { createPayments, type Payments } from "./export-payments.ts";
import { readSummaries, type SummaryOptions } from "./export-summary.ts";
import type { Performances, PerformanceWindow } from "./performances.ts";

/** What exports are made of, and where they go. */
export type ExportPorts = {
  readonly store: LedgerStore;
  readonly chain: Pick<ChainView, "block" | "claimsOf" | "totals">;
  readonly performance: Performances;
  readonly metrics: ObjectStore;
};

/** How exports are made; `now` is the clock in ms since 1970. */
export type ExportOptions = Omit<SummaryOptions, "now"> & { readonly now: () => number };

/** When the daemon exports; `clock` in ms from any beginning, the process's own when left out. */
export type ExportStageOptions = ExportOptions & { readonly clock?: () => number };

/** The jobs that `worker_performance.json` is about. */
export const exportWindow: PerformanceWindow = "24h";

/** Writes both files of every partition. */
export async function exportAll(
  ports: ExportPorts & { readonly payments: Payments },
  options: ExportOptions,
): Promise<void> {
  const { store, metrics } = ports;
  const now = options.now();
  const summaries = await readSteadily(store, () => readSummaries(ports, { ...options, now }));
  const { rows } = await ports.performance.read({ window: exportWindow });
  const write = async (path: string, file: JsonObject): Promise<void> => {
    const bytes = new TextEncoder().encode(`${encodeJson(file)}\n`);
    await metrics.put(path, bytes, { contentType: "application/json" });
  };
  for (const summary of summaries) {
    const { partition } = summary;
    const own = rows.filter((row) => row.partition === partitionName(partition));
    await write(exportPath(partition, "worker_summary"), summaryFile(summary));
    await write(
      exportPath(partition, "worker_performance"),
      performanceFile(partition, { time: now, rows: own }),
    );
  }
}

/**
 * Exports at the end of a round in which ledger or chain moved, and again until it went well; never for more than a
 * twentieth of the time.
 */
export function exportStage(ports: ExportPorts, options: ExportStageOptions): Stage {
  const { clock = () => performance.now(), ...rest } = options;
  const payments = createPayments(ports);
  let exported = "";
  let dueAt = Number.NEGATIVE_INFINITY;
  return {
    name: "export",
    async run() {
      const { sequence } = await readHead(ports.store);
      const state = `${sequence} ${ports.chain.block}`;
      const began = clock();
      if (state === exported || began < dueAt) return;
      await exportAll({ ...ports, payments }, rest);
      exported = state;
      const ended = clock();
      dueAt = ended + costFactor * (ended - began);
    },
  };
}

const costFactor = 20;
