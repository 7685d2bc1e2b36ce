import { z } from "@hono/zod-openapi";
import { parseAddress } from "../core/address.ts";
import type { PublishedFiles } from "../pipeline/claims/published-files.ts";
import { readManifest, requireEpoch } from "../pipeline/close/epochs.ts";
import { readHead } from "../pipeline/ingest/ingest.ts";
import { createRankingReader, type EpochRanking } from "../pipeline/workers/epoch-ranking.ts";
import { type AccountEarnings, allEarnings, earningsOf } from "../pipeline/workers/pool-earnings.ts";
import { readAsOf } from "../pipeline/workers/worker.ts";
import type { ApiDependencies } from "./app.ts";
import type { Api } from "./frame.ts";
import { workerPageSchema } from "./pool-schemas.ts";
import { invalidQuery } from "./problem.ts";
import { json } from "./respond.ts";
import { cursorParameter, limitParameter, oneOf } from "./schemas.ts";

// By address the cursor is the last account; by earned, the epoch whose leaves give the order, a place in it, and the
// beginning of its root, since an epoch that was revoked may be closed again with other leaves. An account has one
// address, and leaves never change: whatever is earned meanwhile, none is told twice or left out.
const cursorPattern = /^(0x[0-9a-fA-F]{40}|[1-9]\d{0,9}-\d{1,10}-[0-9a-f]{16})$/;
const cursorExpected = "the nextCursor of a page of the same sort";

const query = z.strictObject({
  sort: oneOf(["address", "earned"], "the order").default("address"),
  limit: limitParameter(),
  cursor: cursorParameter(cursorPattern, cursorExpected).optional(),
});

type Page = {
  readonly epoch: number | null;
  readonly workers: readonly AccountEarnings[];
  readonly nextCursor: string | null;
};
type PageQuery = { readonly limit: number; readonly cursor: string | undefined };

/** Adds the list of everyone who ever earned. */
export function addWorkerListRoutes(api: Api, deps: ApiDependencies, files: PublishedFiles): void {
  const rankingOf = createRankingReader(files);
  const byEarned = async ({ limit, cursor }: PageQuery): Promise<Page> => {
    const [epoch = 0, start = 0] = cursor?.split("-").map(Number) ?? [(await readHead(deps.store)).epoch - 1];
    if (cursor?.startsWith("0x")) throw cursorFault(cursor);
    if (epoch === 0) return { epoch: null, workers: [], nextCursor: null };
    const state = await requireEpoch(deps.store, epoch);
    const mark = state.root.slice(2, 18);
    if (cursor !== undefined && !cursor.endsWith(mark)) throw cursorFault(cursor);
    const ranking = await rankingOf(await readManifest(deps.artifacts, state));
    const end = Math.min(start + limit, ranking.accounts);
    const workers = await rankedWorkers(deps, { ranking, start, end });
    return { epoch, workers, nextCursor: end < ranking.accounts ? `${epoch}-${end}-${mark}` : null };
  };
  api.add(
    {
      ...{ method: "get", path: "/v1/workers", tag: "workers" },
      summary: "Everyone who ever earned",
      description:
        "By address, or by what they had earned of the pool's asset at the last close, more first. Amounts are as of now. All pages of one walk by `earned` are in the order of one epoch, the one that was closed last when it began: who earned first since then is not in it. Nobody is told twice or left out because amounts change meanwhile.",
      query,
      cost: 5,
      problems: ["epoch-unknown", "manifest-damaged", "artifact-damaged"],
      answers: { 200: { about: "A page.", kinds: [{ schema: workerPageSchema }] } },
    },
    async ({ query: { sort, limit, cursor } }) => {
      const asOf = await readAsOf(deps.store, deps.chain);
      const page = await (sort === "earned"
        ? byEarned({ limit, cursor })
        : byAddress(deps, { limit, cursor }));
      return json({ ...page, asOf });
    },
  );
}

async function byAddress(deps: ApiDependencies, { limit, cursor }: PageQuery): Promise<Page> {
  const after = cursor === undefined ? undefined : parseAddress(cursor);
  if (cursor !== undefined && after === undefined) throw cursorFault(cursor);
  const ruleset = await rulesetOf(deps);
  const workers: AccountEarnings[] = [];
  for await (const worker of allEarnings(deps, { ruleset, from: after })) {
    if (worker.account === after) continue;
    if (workers.length === limit)
      return { epoch: null, workers, nextCursor: workers.at(-1)?.account ?? null };
    workers.push(worker);
  }
  return { epoch: null, workers, nextCursor: null };
}

async function rankedWorkers(
  deps: ApiDependencies,
  { ranking, start, end }: { ranking: EpochRanking; start: number; end: number },
): Promise<AccountEarnings[]> {
  const ruleset = await rulesetOf(deps);
  const workers: AccountEarnings[] = [];
  for (let position = start; position < end; position++) {
    workers.push(await earningsOf(deps, { account: ranking.accountAt(position), ruleset }));
  }
  return workers;
}

async function rulesetOf(deps: ApiDependencies) {
  return (await readHead(deps.store)).ruleset ?? deps.ruleset;
}

function cursorFault(given: string): Error {
  return invalidQuery("cursor", { given, expected: cursorExpected });
}
