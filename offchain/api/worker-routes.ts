import { z } from "@hono/zod-openapi";
import type { Address } from "../core/address.ts";
import { statementCsv } from "../core/statement.ts";
import { type AccountProof, createAccountProofs } from "../pipeline/claims/account-proof.ts";
import { readClaimData } from "../pipeline/claims/claim-data.ts";
import { createProofBook, type ProofBook } from "../pipeline/claims/proof-book.ts";
import { explain } from "../pipeline/workers/explain.ts";
import { readStatement } from "../pipeline/workers/statement.ts";
import { createWorkerLookups, readAsOf } from "../pipeline/workers/worker.ts";
import { listWorkerEpochs } from "../pipeline/workers/worker-epochs.ts";
import type { ApiDependencies } from "./app.ts";
import { epochPageQuery } from "./epoch-routes.ts";
import type { Api } from "./frame.ts";
import { json } from "./respond.ts";
import { accountParameter, epochParameter, oneOf } from "./schemas.ts";
import {
  claimSchema,
  explanationSchema,
  proofSchema,
  statementSchema,
  workerEpochPageSchema,
  workerSchema,
} from "./worker-schemas.ts";

const params = z.strictObject({ account: accountParameter });
const tag = "workers";
const csvType = "text/csv; charset=utf-8; header=present";

/** Adds what a worker can ask of its own money. */
export function addWorkerRoutes(api: Api, deps: ApiDependencies): void {
  const proofs = deps.proofs ?? createProofBook(deps.artifacts);
  addAmounts(api, { ...deps, proofs });
  addClaim(api, { ...deps, proofs });
  addDetails(api, { ...deps, proofs });
}

type WithProofs = ApiDependencies & { readonly proofs: ProofBook };

function addAmounts(api: Api, deps: WithProofs): void {
  const workerOf = createWorkerLookups(deps, deps.ruleset);
  const proofOf = createAccountProofs(deps);
  api.add(
    {
      ...{ method: "get", path: "/v1/workers/{account}", tag, params },
      summary: "What a worker has",
      description:
        "By asset, all that was earned and the five states it is in: each wei is in exactly one. An account that never worked has zeros.",
      answers: { 200: { about: "The amounts.", kinds: [{ schema: workerSchema }] } },
    },
    async ({ params: { account } }) => json(await workerOf(account)),
  );
  api.add(
    {
      ...{ method: "get", path: "/v1/workers/{account}/proof", tag, params },
      summary: "What a worker can claim with",
      description:
        "The worker's leaves in an epoch, each with its Merkle proof against the epoch's root, folded before it is sent. Without `epoch`: the newest active one or, before there is one, the newest closed. Of an active epoch asked for by number the answer never changes.",
      query: z.strictObject({ epoch: epochParameter.optional() }),
      problems: ["epoch-unknown", "proof-mismatch", "proof-missing"],
      answers: { 200: { about: "The leaves; none for who never earned.", kinds: [{ schema: proofSchema }] } },
    },
    async ({ params: { account }, query }) => {
      const proof = await proofOf({ account, epoch: query.epoch });
      if (proof === undefined) return json({ account, epoch: null, root: null, state: null, leaves: [] });
      // Only an active epoch can never be revoked, and only a given one is always the same.
      const fixed = query.epoch !== undefined && proof.state === "active";
      return { body: proofBody(proof), tag: proofTag(proof), cache: fixed ? "immutable" : "no-cache" };
    },
  );
}

function addClaim(api: Api, deps: WithProofs): void {
  api.add(
    {
      ...{ method: "get", path: "/v1/workers/{account}/claim", tag, params },
      summary: "The transaction that claims",
      description:
        "Ready calldata of the distributor for what the newest active epoch entitles the worker to. Anyone may send it and pay its gas; the money goes to the worker, and a leaf is never paid twice. The chain must be configured.",
      problems: ["chain-not-configured", "proof-mismatch", "proof-missing"],
      answers: { 200: { about: "The transaction, or why there is none.", kinds: [{ schema: claimSchema }] } },
    },
    async ({ params: { account } }) => json(await readClaimData(deps, { account, identity: deps.identity })),
  );
}

function addDetails(api: Api, deps: WithProofs): void {
  const { ruleset } = deps;
  api.add(
    {
      ...{ method: "get", path: "/v1/workers/{account}/epochs", tag, params },
      summary: "The epochs of a worker, newest first",
      description: "Closed epochs in which the worker gained something, partitions summed.",
      query: epochPageQuery,
      answers: { 200: { about: "A page.", kinds: [{ schema: workerEpochPageSchema }] } },
    },
    async ({ params: { account }, query }) => json(await workerEpochs(deps, { account, ...query })),
  );
  api.add(
    {
      ...{ method: "get", path: "/v1/workers/{account}/explain", tag, params },
      summary: "Every event behind an amount",
      description:
        "What an epoch paid the worker, event by event, and every event left out with its reason and place. Without `epoch`: the open one. Checked against the ledger and what was published before it is sent.",
      query: z.strictObject({ epoch: epochParameter.optional() }),
      cost: 20,
      problems: [
        "epoch-unknown",
        "archive-incomplete",
        "artifact-damaged",
        "manifest-damaged",
        "proof-mismatch",
        "proof-missing",
        "ledger-busy",
      ],
      answers: { 200: { about: "The events.", kinds: [{ schema: explanationSchema }] } },
    },
    async ({ params: { account }, query: { epoch } }) =>
      json(await explain(deps, { account, epoch, ruleset })),
  );
  api.add(
    {
      ...{ method: "get", path: "/v1/workers/{account}/statement", tag, params },
      summary: "A statement, line by line",
      description:
        "What the worker earned by epoch and partition, the open epoch included, and what it claimed. As CSV, ETH is in ETH with up to 18 places.",
      query: z.strictObject({ format: oneOf(["csv", "json"], "the format").default("json") }),
      cost: 5,
      problems: ["ledger-busy"],
      answers: {
        200: {
          about: "The statement.",
          kinds: [{ schema: statementSchema }, { type: csvType, schema: z.string() }],
        },
      },
    },
    async ({ params: { account }, query: { format } }) => {
      const statement = await readStatement(deps, { account, ruleset });
      if (format === "json") return json(statement);
      const disposition = `attachment; filename="payroot-${account}.csv"`;
      const headers = { "Content-Disposition": disposition };
      return { body: statementCsv(statement.rows), type: csvType, headers };
    },
  );
}

// The leaves are JSON already: the book writes them faster than they could be parsed and written again.
function proofBody({ account, epoch, root, state, leaves }: AccountProof): string {
  return `{"account":"${account}","epoch":${epoch},"root":"${root}","state":"${state}","leaves":${leaves}}\n`;
}

/** The root fixes the leaves; whether it can be claimed against is all that changes. */
function proofTag({ account, epoch, root, state }: AccountProof): string {
  return `${epoch}-${root.slice(2, 34)}-${account.slice(2)}-${state}`;
}

async function workerEpochs(
  deps: ApiDependencies,
  query: { account: Address } & z.output<typeof epochPageQuery>,
) {
  const { account, limit, cursor: before } = query;
  const asOf = await readAsOf(deps.store, deps.chain);
  const epochs = [];
  for await (const { state, assets } of listWorkerEpochs(deps.store, { account, before })) {
    if (epochs.length === limit) return { account, epochs, nextCursor: String(epochs.at(-1)?.epoch), asOf };
    const { epoch, opensAt, closesAt } = state;
    epochs.push({ epoch, state: await deps.chain.stageOf(epoch), opensAt, closesAt, assets });
  }
  return { account, epochs, nextCursor: null, asOf };
}
