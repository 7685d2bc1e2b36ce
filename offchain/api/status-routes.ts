import { readHead } from "../pipeline/ingest/ingest.ts";
import { createKept } from "../pipeline/operate/kept.ts";
import { readStatus } from "../pipeline/operate/status.ts";
import type { ApiDependencies } from "./app.ts";
import type { Api } from "./frame.ts";
import { json } from "./respond.ts";
import { healthSchema, readySchema, statusSchema } from "./status-schemas.ts";

/** Adds how the service itself stands. */
export function addStatusRoutes(api: Api, deps: ApiDependencies): void {
  const status = createKept({
    version: async () => `${(await readHead(deps.store)).sequence} ${deps.chain.block}`,
    read: () => readStatus(deps, deps.ruleset),
  });
  api.add(
    {
      method: "get",
      path: "/health",
      tag: "service",
      summary: "Is it there?",
      description: "Answers as long as the process does, whatever else may be wrong. Never limited.",
      cost: 0,
      answers: { 200: { about: "It is.", kinds: [{ schema: healthSchema }] } },
    },
    () => json({ status: "ok" }),
  );
  api.add(
    {
      method: "get",
      path: "/ready",
      tag: "service",
      summary: "Is it up to date?",
      description:
        "Each stage of the work with how it stands, since when, and what holds it up. Reads are served meanwhile. Never limited.",
      cost: 0,
      answers: {
        200: { about: "Every stage is.", kinds: [{ schema: readySchema }] },
        503: { about: "Some stage is behind, or starting.", kinds: [{ schema: readySchema }] },
      },
    },
    () => {
      const stages = deps.stages();
      const ready = stages.every(({ state }) => state === "ok");
      return json({ ready, stages }, { status: ready ? 200 : 503 });
    },
  );
  api.add(
    {
      method: "get",
      path: "/status",
      tag: "service",
      summary: "Where everything stands",
      description:
        "The open epoch by partition, what it would pay if it closed now, and the last closed epoch.",
      cost: 5,
      answers: { 200: { about: "Where the ledger stands.", kinds: [{ schema: statusSchema }] } },
    },
    async () => json(await status()),
  );
}
