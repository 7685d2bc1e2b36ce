import { z } from "@hono/zod-openapi";
import { listEpochs, readManifest, requireEpoch } from "../pipeline/close/epochs.ts";
import { readAsOf } from "../pipeline/workers/worker.ts";
import type { ApiDependencies } from "./app.ts";
import { epochPageSchema, epochSchema } from "./epoch-schemas.ts";
import type { Api } from "./frame.ts";
import { json } from "./respond.ts";
import { epochParameter, limitParameter, wholeNumber } from "./schemas.ts";

/** The query of a list of epochs, newest first. */
export const epochPageQuery = z.strictObject({
  limit: limitParameter(),
  cursor: wholeNumber({
    least: 1,
    about: "the `nextCursor` of the page before: only epochs below it",
  }).optional(),
});

/** Adds the closed epochs. */
export function addEpochRoutes(api: Api, deps: ApiDependencies): void {
  api.add(
    {
      method: "get",
      path: "/v1/epochs",
      tag: "epochs",
      summary: "Closed epochs, newest first",
      description: "Page by page. An epoch that closes between two pages shifts nothing.",
      query: epochPageQuery,
      answers: { 200: { about: "A page.", kinds: [{ schema: epochPageSchema }] } },
    },
    async ({ query }) => json(await epochPage(deps, query)),
  );
  api.add(
    {
      method: "get",
      path: "/v1/epochs/{epoch}",
      tag: "epochs",
      summary: "One closed epoch",
      description: "Its manifest as published, the manifest's hash, and how far it has come.",
      params: z.strictObject({ epoch: epochParameter }),
      problems: ["epoch-unknown", "manifest-damaged"],
      answers: { 200: { about: "The epoch.", kinds: [{ schema: epochSchema }] } },
    },
    async ({ params }) => {
      const state = await requireEpoch(deps.store, params.epoch);
      const manifest = await readManifest(deps.artifacts, state);
      const { manifestHash } = state;
      return json({ ...manifest, manifestHash, state: await deps.chain.stageOf(state.epoch) });
    },
  );
}

async function epochPage(deps: ApiDependencies, query: z.output<typeof epochPageQuery>) {
  const asOf = await readAsOf(deps.store, deps.chain);
  const epochs = [];
  for await (const listed of listEpochs(deps.store, query.cursor)) {
    if (epochs.length === query.limit) return { epochs, nextCursor: String(epochs.at(-1)?.epoch), asOf };
    const { epoch, opensAt, closesAt, root, manifestHash } = listed;
    epochs.push({ epoch, state: await deps.chain.stageOf(epoch), opensAt, closesAt, root, manifestHash });
  }
  return { epochs, nextCursor: null, asOf };
}
