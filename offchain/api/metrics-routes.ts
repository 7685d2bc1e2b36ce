import { z } from "@hono/zod-openapi";
import type { Api } from "./frame.ts";
import type { Metrics } from "./metrics.ts";

/** Adds what Prometheus scrapes. */
export function addMetricsRoutes(api: Api, metrics: Metrics): void {
  api.add(
    {
      method: "get",
      path: "/metrics",
      tag: "service",
      summary: "Metrics for Prometheus",
      description:
        "Counts come from the ledger, so they go on after a restart. Amounts are floats here; exact ones are in /v1/stats. Never limited.",
      cost: 0,
      answers: {
        200: {
          about: "The text format of Prometheus.",
          kinds: [{ type: metrics.contentType, schema: z.string() }],
        },
      },
    },
    async () => ({ body: await metrics.text(), type: metrics.contentType }),
  );
}
