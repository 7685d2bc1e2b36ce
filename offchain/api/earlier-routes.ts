import { z } from "@hono/zod-openapi";
import { requireAddress } from "../core/address.ts";
import { formatTime } from "../core/time.ts";
import { type RecordedJobRow, recordedJobs } from "../pipeline/performance/recorded-jobs.ts";
import { allRewards, type Reward, rewardsOf } from "../pipeline/workers/rewards.ts";
import type { ApiDependencies } from "./app.ts";
import { earlierJobsSchema, earlierRewardsSchema } from "./earlier-schemas.ts";
import type { Api } from "./frame.ts";
import { type Answer, json } from "./respond.ts";
import { accountParameter, cursorParameter, limitParameter } from "./schemas.ts";

const tag = "earlier";
const dayMs = 86_400_000;

// Earlier pools had no pages, so whoever knows of none gets as much as there can be in one.
const mostRows = 1000;
const paging = {
  limit: limitParameter(mostRows, mostRows),
  cursor: cursorParameter(/^\d{1,15}-\d{1,10}-\d{1,10}$/).optional(),
};
const rewardPaging = {
  limit: limitParameter(mostRows, mostRows),
  cursor: cursorParameter(/^(\d{1,15}-\d{1,10}|0x[0-9a-fA-F]{40})$/).optional(),
};
const own = { transcoderAddress: accountParameter };
const common = {
  ...({ method: "get", tag, cost: 5 } as const),
  problems: ["invalid-address", "archive-incomplete", "ledger-busy"],
};
const paged = "The next page is in the `Link` header.";

/** Adds what clients of earlier pools read. */
export function addEarlierRoutes(api: Api, deps: ApiDependencies): void {
  addJobs(api, deps);
  addRewards(api, deps);
}

function addJobs(api: Api, deps: ApiDependencies): void {
  const answers = { 200: { about: "The jobs.", kinds: [{ schema: earlierJobsSchema }] } };
  const jobsPage = async (
    path: string,
    query: {
      limit: number;
      cursor?: string | undefined;
      transcoderAddress?: ReturnType<typeof requireAddress>;
    },
  ): Promise<Answer> => {
    const { limit, cursor, transcoderAddress: account } = query;
    const [time = 0, ordinal = 0, position = 0] = cursor?.split("-").map(Number) ?? [];
    const before = cursor === undefined ? undefined : { time, ordinal, position };
    const since = Date.now() - dayMs;
    const rows = await recordedJobs(deps, { since, account, before, limit, ruleset: deps.ruleset });
    const last = rows.length === limit ? rows.at(-1) : undefined;
    const next = last && `${last.time}-${last.ordinal}-${last.position}`;
    return json(rows.map(jobColumnsOf), linkTo(path, { transcoderAddress: account, limit, cursor: next }));
  };
  api.add(
    {
      ...{ ...common, answers, path: "/getTranscodersJobs" },
      summary: "Transcode jobs of the last 24 hours",
      description: `Of all workers, newest first, in the columns of an earlier pool. ${paged}`,
      query: z.strictObject(paging),
    },
    ({ query }) => jobsPage("/getTranscodersJobs", query),
  );
  api.add(
    {
      ...{ ...common, answers, path: "/getTranscoderJobs" },
      summary: "Transcode jobs of a worker of the last 24 hours",
      description: `Newest first, in the columns of an earlier pool. ${paged}`,
      query: z.strictObject({ ...own, ...paging }),
    },
    ({ query }) => jobsPage("/getTranscoderJobs", query),
  );
}

function addRewards(api: Api, deps: ApiDependencies): void {
  const { ruleset } = deps;
  const answers = { 200: { about: "The rewards.", kinds: [{ schema: earlierRewardsSchema }] } };
  api.add(
    {
      ...{ ...common, answers, path: "/getRewards" },
      summary: "Rewards of all",
      description: `The payments of the last 30 days, newest first: claims on chain. Then, by address, what each worker has earned and not been paid: on hold. ${paged}`,
      query: z.strictObject(rewardPaging),
    },
    async ({ query: { limit, cursor } }) => {
      const [block = 0, logIndex = 0] = cursor?.split("-").map(Number) ?? [];
      const after =
        cursor === undefined
          ? undefined
          : cursor.startsWith("0x")
            ? { account: requireAddress(cursor) }
            : { block, logIndex };
      const since = Date.now() - 30 * dayMs;
      const { rewards, next } = await allRewards(deps, { since, after, limit, ruleset });
      const place = next && ("account" in next ? next.account : `${next.block}-${next.logIndex}`);
      return json(rewards.map(rewardColumnsOf), linkTo("/getRewards", { limit, cursor: place }));
    },
  );
  api.add(
    {
      ...{ ...common, answers, path: "/getTranscoderRewards" },
      summary: "Rewards of a worker",
      description: "What the worker has earned and not been paid, on hold, then every payment, newest first.",
      query: z.strictObject(own),
    },
    async ({ query: { transcoderAddress: account } }) =>
      json((await rewardsOf(deps, { account, ruleset })).map(rewardColumnsOf)),
  );
}

function jobColumnsOf(job: RecordedJobRow) {
  return {
    createdAt: formatTime(job.time),
    transcoder: job.account,
    pixels: job.computeUnits,
    duration: job.durationMs === null ? null : job.durationMs / 1000,
    profiles: job.profiles,
    faceValue: job.feesWei,
    roundJob: job.roundJob,
    txHash: job.txHash,
  };
}

function rewardColumnsOf({ account, amount, paid }: Reward) {
  return {
    createdAt: paid === null || paid.time === null ? null : formatTime(paid.time),
    transcoder: account,
    value: amount,
    gasFees: null,
    paymentStatus: paid === null ? "On hold" : "Paid",
    txHash: paid?.transaction ?? null,
  };
}

/** The header that says where the next page is (RFC 8288). */
function linkTo(
  path: string,
  { cursor, ...query }: { cursor: string | undefined; limit: number; transcoderAddress?: string | undefined },
): { headers?: Record<string, string> } {
  if (cursor === undefined) return {};
  const words = Object.entries({ ...query, cursor }).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}`],
  );
  return { headers: { Link: `<${path}?${words.join("&")}>; rel="next"` } };
}
