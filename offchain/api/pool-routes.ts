import { z } from "@hono/zod-openapi";
import { parseAddress, zeroAddress } from "../core/address.ts";
import type { PublishedFiles } from "../pipeline/claims/published-files.ts";
import { createVerifier } from "../pipeline/claims/verify-claim.ts";
import { readManifest, requireEpoch } from "../pipeline/close/epochs.ts";
import { createLeaderboards, mostRanked } from "../pipeline/workers/leaderboard.ts";
import { createPoolStats } from "../pipeline/workers/pool-stats.ts";
import type { ApiDependencies } from "./app.ts";
import type { Api } from "./frame.ts";
import { leaderboardSchema, statsSchema, verificationSchema } from "./pool-schemas.ts";
import { invalidBody, invalidQuery } from "./problem.ts";
import { json } from "./respond.ts";
import { epochParameter, limitParameter, oneOf } from "./schemas.ts";

const tag = "pool";

/** Adds the pool as a whole: its figures, who earned most, and checks of proofs. */
export function addPoolRoutes(api: Api, deps: ApiDependencies, files: PublishedFiles): void {
  const stats = createPoolStats(deps, deps.ruleset);
  api.add(
    {
      ...{ method: "get", path: "/v1/stats", tag },
      summary: "Figures of the pool",
      description:
        "What was read, what it was worth, and where the money is: by asset the five states summed over all workers. What the pool owes is earned less claimed.",
      cost: 5,
      problems: ["manifest-damaged", "ledger-busy"],
      answers: { 200: { about: "The figures.", kinds: [{ schema: statsSchema }] } },
    },
    async () => json(await stats()),
  );
  addLeaderboard(api, deps, files);
  addVerify(api, deps);
}

const leaderboardQuery = z.strictObject({
  window: oneOf(
    ["epoch", "all"],
    "the open epoch, or everything ever earned; `epoch` when left out",
  ).optional(),
  epoch: epochParameter.optional().openapi({ description: "a closed epoch instead" }),
  limit: limitParameter(mostRanked),
});

function addLeaderboard(api: Api, deps: ApiDependencies, files: PublishedFiles): void {
  const boards = createLeaderboards({ ...deps, files }, deps.ruleset);
  const closed = async (epoch: number) => {
    const state = await requireEpoch(deps.store, epoch);
    const board = await boards.closed(await readManifest(deps.artifacts, state));
    return { ...board, asOf: null };
  };
  api.add(
    {
      ...{ method: "get", path: "/v1/leaderboard", tag },
      summary: "Who earned most",
      description: `The first ${mostRanked} at most, more first, equal ones by address. While a large ledger is being read, the figures may be some seconds old: \`asOf\` says.`,
      query: leaderboardQuery,
      cost: 5,
      problems: ["epoch-unknown", "manifest-damaged", "artifact-damaged"],
      answers: { 200: { about: "The leaderboard.", kinds: [{ schema: leaderboardSchema }] } },
    },
    async ({ query: { window, epoch: given, limit } }) => {
      if (given !== undefined && window !== undefined) {
        throw invalidQuery("window", { given: window, expected: "either window or epoch" });
      }
      // Only an active epoch can never be revoked, and made of something else.
      const fixed = given !== undefined && (await deps.chain.stageOf(given)) === "active";
      const board =
        given === undefined ? await boards[window === "all" ? "all" : "open"]() : await closed(given);
      const { asset, epoch, accounts, top, asOf } = board;
      const rows = top.slice(0, limit).map((earner, index) => ({ rank: index + 1, ...earner }));
      const body = { window: window ?? "epoch", epoch, asset, accounts, rows, asOf };
      return json(body, { cache: fixed ? "immutable" : "no-cache" });
    },
  );
}

const hexHash = z
  .string({ error: "0x and 64 hex digits" })
  .regex(/^0x[0-9a-fA-F]{64}$/, { error: "0x and 64 hex digits" })
  .transform((text) => text.toLowerCase() as `0x${string}`)
  .openapi({ type: "string", pattern: "^0x[0-9a-fA-F]{64}$", description: "32 bytes" });
const addressError = "0x and 40 hex digits, all lower case or with a correct EIP-55 checksum";

function addressText(read: (text: string) => `0x${string}` | undefined) {
  return z
    .string({ error: addressError })
    .transform((text, context) => {
      const address = read(text);
      if (address !== undefined) return address;
      context.addIssue({ code: "custom", message: addressError });
      return z.NEVER;
    })
    .openapi({ type: "string", description: addressError });
}

const statement = z
  .strictObject({
    root: hexHash.optional().openapi({ description: "the root; or give the number of an epoch" }),
    epoch: z.int().min(1).optional().openapi({ description: "of a closed epoch, whose root is meant" }),
    account: addressText(parseAddress),
    asset: addressText((text) => (text === zeroAddress ? zeroAddress : parseAddress(text))),
    cumulative: z
      .string({ error: "a decimal text" })
      .regex(/^\d{1,78}$/, { error: "a decimal text of at most 78 digits" })
      .openapi({ description: "in the asset's smallest unit", example: "900002700" }),
    proof: z.array(hexHash).max(64).openapi({ description: "from the leaf to the root" }),
  })
  .openapi("ProofStatement");

const provenLeaf = {
  root: "0xac3912042d9be8a47ad3367a059bd445a62933b3e05690839eb29303c2ca24a7",
  account: "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
  asset: zeroAddress,
  cumulative: "900002700",
  proof: ["0xeab7129ee5b43fa1ed3b0adc84117dc4b84efd2790ae9aee03d6f85797dc6857"],
};

function addVerify(api: Api, deps: ApiDependencies): void {
  const verify = createVerifier(deps);
  api.add(
    {
      ...{ method: "post", path: "/v1/verify", tag, anyOrigin: true },
      summary: "Check a proof",
      description:
        "Folds a proof from its leaf to a root, and tells which closed epochs have that root. Changes nothing; anyone can do the same with OpenZeppelin's MerkleProof.",
      body: statement,
      example: provenLeaf,
      maxBodyBytes: 16_384,
      problems: ["epoch-unknown"],
      answers: { 200: { about: "What it was found to be.", kinds: [{ schema: verificationSchema }] } },
    },
    async ({ body: { cumulative, ...given } }) => {
      const amount = BigInt(cumulative);
      if (amount >= 1n << 256n) throw invalidBody("cumulative", { given: cumulative, expected: "a uint256" });
      if ((given.root === undefined) === (given.epoch === undefined)) {
        throw invalidBody("root", {
          given: String(given.root ?? "nothing"),
          expected: "either root or epoch",
        });
      }
      return json(await verify({ ...given, cumulative: amount }));
    },
  );
}
