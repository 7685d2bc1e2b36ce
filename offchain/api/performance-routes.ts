import { z } from "@hono/zod-openapi";
import { parsePartitionName } from "../core/partition.ts";
import { formatTime } from "../core/time.ts";
import type { WorkerPerformance } from "../pipeline/performance/performance.ts";
import {
  createPerformances,
  type KeptTable,
  type Performances,
  performanceWindows,
} from "../pipeline/performance/performances.ts";
import type { ApiDependencies } from "./app.ts";
import type { Api } from "./frame.ts";
import { performancePageSchema } from "./performance-schemas.ts";
import { invalidQuery } from "./problem.ts";
import { json } from "./respond.ts";
import { accountParameter, cursorParameter, epochParameter, limitParameter, oneOf } from "./schemas.ts";

const name = (about: string) => z.string().max(200).openapi({ description: about }).optional();

const query = z.strictObject({
  window: oneOf(
    performanceWindows,
    "`epoch`: what the open epoch would pay now, or the one given as `epoch` pays; `24h`, `7d`: the jobs of that time up to now. When left out `24h` or, with `epoch`, that epoch",
  ).optional(),
  epoch: epochParameter.optional().openapi({ description: "a closed epoch, or the open one" }),
  nodeType: name("only of this node type: transcode, ai"),
  region: name("only of this region"),
  pipeline: name("only of this AI pipeline"),
  model: name("only of this AI model"),
  account: accountParameter.optional(),
  limit: limitParameter(),
  cursor: cursorParameter(/^\d{1,15}\.\d{1,9}$/).optional(),
});

type Query = z.output<typeof query>;

/** Adds how workers do. */
export function addPerformanceRoutes(api: Api, deps: ApiDependencies): void {
  const performances = deps.performance ?? createPerformances(deps, { now: Date.now });
  api.add(
    {
      method: "get",
      path: "/v1/performance",
      tag: "performance",
      summary: "How workers do, ranked",
      description:
        "Exact medians and percentiles over every single job, by partition and, of AI, by pipeline and model, each group in the order of its ranks. Percentiles are definition 2 of Hyndman and Fan (1996): where the distribution has a step, the mean of both sides, so that p50 is the median. A job without a field that this needs is left out here, not of money. Computed anew at most twice a minute; the pages of one answer belong together, and `cursor` is refused when what it belongs to is kept no more.",
      query,
      cost: 5,
      problems: ["epoch-unknown", "performance-gone", "ledger-busy"],
      answers: { 200: { about: "A page.", kinds: [{ schema: performancePageSchema }] } },
    },
    async ({ query }) => json(await performancePage(performances, query)),
  );
}

async function performancePage(performances: Performances, query: Query) {
  const { epoch, limit } = query;
  const window = query.window ?? (epoch === undefined ? "24h" : "epoch");
  if (epoch !== undefined && window !== "epoch") {
    throw invalidQuery("window", { given: window, expected: "epoch, where an epoch is given" });
  }
  const [computedAt, start = 0] = query.cursor?.split(".").map(Number) ?? [];
  const table = await performances.read({ window, epoch, computedAt });
  const found = table.rows.filter((row) => isWanted(row, query));
  const end = start + limit;
  return {
    window,
    ...spanShown(table),
    computedAt: formatTime(table.computedAt),
    performance: found.slice(start, end).map(shown),
    nextCursor: end < found.length ? `${table.computedAt}.${end}` : null,
    asOf: table.asOf,
  };
}

function isWanted(row: WorkerPerformance, query: Query): boolean {
  const { nodeType, region, pipeline, model, account } = query;
  const partition = parsePartitionName(row.partition);
  return (
    (nodeType === undefined || partition?.nodeType === nodeType) &&
    (region === undefined || partition?.region === region) &&
    (pipeline === undefined || row.task?.pipeline === pipeline) &&
    (model === undefined || row.task?.modelID === model) &&
    (account === undefined || row.account === account)
  );
}

function spanShown({ span }: KeptTable) {
  if ("epoch" in span) return { epoch: span.epoch, from: null, until: null };
  return { epoch: null, from: formatTime(span.from), until: formatTime(span.until) };
}

function shown({ partition, task, lastSeen, ...figures }: WorkerPerformance) {
  const { nodeType, region } = parsePartitionName(partition) ?? { nodeType: "", region: "" };
  return {
    ...{ nodeType, region, pipeline: task?.pipeline ?? null, model: task?.modelID ?? null },
    ...figures,
    active: figures.connections > 0,
    lastSeen: lastSeen === null ? null : formatTime(lastSeen),
  };
}
