import { type Context, Hono } from "hono";
import { compress } from "hono/compress";
import { cors } from "hono/cors";
import { etag, RETAINED_304_HEADERS } from "hono/etag";
import { secureHeaders } from "hono/secure-headers";
import { type Address, requireAddress } from "../core/address.ts";
import type { Ruleset } from "../core/ruleset.ts";
import { PayrootError } from "../errors.ts";
import type { ObjectStore } from "../objects/object-store.ts";
import type { StageReport } from "../pipeline/daemon.ts";
import { listEpochs, readManifest, requireEpoch } from "../pipeline/epochs.ts";
import { readProof } from "../pipeline/proof.ts";
import { readStatus } from "../pipeline/status.ts";
import { type ChainView, type Estimates, readAsOf, readWorker } from "../pipeline/worker.ts";
import type { LedgerStore } from "../store/ledger-store.ts";
import { problemResponse, respond } from "./problem.ts";
import { epochNumber, pageOfEpochs } from "./query.ts";
import { addWorkerRoutes } from "./worker-routes.ts";

/** What the API reads from. It writes nothing. */
export type ApiDependencies = {
  readonly store: LedgerStore;
  readonly archive: ObjectStore;
  readonly artifacts: ObjectStore;
  readonly chain: ChainView;
  readonly estimates: Estimates;
  readonly ruleset: Ruleset;
  readonly stages: () => readonly StageReport[];
  /** Told of failures that are ours. */
  readonly onFault: (error: unknown) => void;
};

/** The HTTP API over a ledger. */
export function createApp(deps: ApiDependencies): Hono {
  const app = new Hono();
  app.use(
    secureHeaders(),
    cors({ origin: "*", allowMethods: ["GET", "HEAD"] }),
    compress(),
    etag({ retainedHeaders }),
  );
  app.onError((error, context) => {
    const response = problemResponse(context, error);
    if (response.status === 500) deps.onFault(error);
    return response;
  });
  app.notFound((context) => problemResponse(context, notFound(context.req.path)));

  app.get("/health", (context) => respond(context, { status: "ok" }));
  app.get("/ready", (context) => {
    const stages = deps.stages();
    const ready = stages.every(({ state }) => state === "ok");
    return respond(context, { ready, stages }, { status: ready ? 200 : 503 });
  });
  app.get("/status", async (context) => respond(context, await readStatus(deps, deps.ruleset)));
  app.get("/v1/epochs", async (context) => respond(context, await epochPage(deps, context)));
  app.get("/v1/epochs/:epoch", async (context) => respond(context, await epochDetails(deps, context)));
  app.get("/v1/workers/:account", async (context) => {
    const account = requireAddress(context.req.param("account"));
    return respond(context, await readWorker(deps, { account, ruleset: deps.ruleset }));
  });
  app.get("/v1/workers/:account/proof", async (context) => {
    const account = requireAddress(context.req.param("account"));
    const proof = await accountProof(deps, { account, given: context.req.query("epoch") });
    // Only an active epoch can never be revoked, and only a given one is always the same.
    const fixed = context.req.query("epoch") !== undefined && proof.state === "active";
    return respond(context, proof, { cache: fixed ? "public, max-age=31536000, immutable" : "no-cache" });
  });
  addWorkerRoutes(app, deps);
  return app;
}

// Without it a page of another origin could not read that what it has is still good.
const retainedHeaders = [...RETAINED_304_HEADERS, "Access-Control-Allow-Origin"];

async function epochPage(deps: ApiDependencies, context: Context) {
  const { limit, before } = pageOfEpochs(context);
  const epochs = [];
  let nextCursor: string | null = null;
  for await (const state of listEpochs(deps.store, before)) {
    if (epochs.length === limit) {
      nextCursor = String(epochs.at(-1)?.epoch);
      break;
    }
    const { epoch, opensAt, closesAt, root, manifestHash } = state;
    epochs.push({ epoch, state: await deps.chain.stageOf(epoch), opensAt, closesAt, root, manifestHash });
  }
  return { epochs, nextCursor };
}

async function epochDetails(deps: ApiDependencies, context: Context) {
  const state = await requireEpoch(deps.store, epochNumber(context.req.param("epoch") ?? ""));
  const manifest = await readManifest(deps.artifacts, state);
  return { ...manifest, manifestHash: state.manifestHash, state: await deps.chain.stageOf(state.epoch) };
}

async function accountProof(deps: ApiDependencies, query: { account: Address; given: string | undefined }) {
  const { account, given } = query;
  // Without a wish: what can be claimed now, or, before anything can, what was closed last.
  const newest = (await deps.chain.newestActive()) || (await readAsOf(deps.store, deps.chain)).epoch;
  const epoch = given === undefined ? newest : epochNumber(given);
  if (epoch === 0) return { account, epoch: null, root: null, state: null, leaves: [] };
  const { root } = await requireEpoch(deps.store, epoch);
  const leaves = await readProof(deps.artifacts, { epoch, root, account });
  return { account, epoch, root, state: await deps.chain.stageOf(epoch), leaves };
}

function notFound(path: string): PayrootError {
  return new PayrootError("not-found", "There is nothing at this path.", {
    facts: { path: path.slice(0, 200) },
  });
}
