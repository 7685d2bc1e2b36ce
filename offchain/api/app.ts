import type { Address } from "../core/address.ts";
import type { Ruleset } from "../core/ruleset.ts";
import type { Intake } from "../intake/intake.ts";
import type { ObjectStore } from "../objects/object-store.ts";
import type { ProofBook } from "../pipeline/claims/proof-book.ts";
import { createPublishedFiles } from "../pipeline/claims/published-files.ts";
import type { StageReport } from "../pipeline/operate/daemon.ts";
import type { Performances } from "../pipeline/performance/performances.ts";
import type { ChainView, Estimates } from "../pipeline/workers/worker.ts";
import type { LedgerStore } from "../store/ledger-store.ts";
import { addDocumentRoutes } from "./document-routes.ts";
import { addEarlierRoutes } from "./earlier-routes.ts";
import { addEpochFileRoutes } from "./epoch-file-routes.ts";
import { addEpochRoutes } from "./epoch-routes.ts";
import { type Api, createFrame } from "./frame.ts";
import { addIntakeRoutes } from "./intake-routes.ts";
import type { Metrics } from "./metrics.ts";
import { addMetricsRoutes } from "./metrics-routes.ts";
import { addPerformanceRoutes } from "./performance-routes.ts";
import { addPoolRoutes } from "./pool-routes.ts";
import type { ServingOptions } from "./serve.ts";
import { addStatusRoutes } from "./status-routes.ts";
import { addWorkerListRoutes } from "./worker-list-routes.ts";
import { addWorkerRoutes } from "./worker-routes.ts";

// A group of routes is one file that exports `add…Routes(api, deps)`, and one line below:
//
//   api.add(
//     {
//       method: "get",
//       path: "/v1/epochs/{epoch}",                              // as OpenAPI writes it
//       tag: "epochs",
//       summary: "One closed epoch",
//       description: "Its manifest as published, and how far it has come.",
//       params: z.strictObject({ epoch: epochParameter }),       // schemas.ts has what several groups use
//       query: z.strictObject({ … }),                            // anything else is refused; without it, everything
//       problems: ["epoch-unknown"],                             // codes; their statuses stand in problem.ts
//       answers: { 200: { about: "The epoch.", kinds: [{ schema: epochSchema }] } },
//     },
//     async ({ params, query }) => json(await readEpoch(params.epoch), { cache: "no-cache" }),
//   );
//
// A handler gets what its schemas made of the request, and returns an answer: text or bytes, and what kind. It sees no
// context of the framework. Ids, limits, tags, encodings, and the headers of security and other origins are the
// frame's. A body is had with `maxBodyBytes`: as sent in `request.bytes`, and as JSON by a schema in `body`.

/** What the API reads from. It writes nothing. */
export type ApiDependencies = ServingOptions & {
  readonly store: LedgerStore;
  readonly archive: ObjectStore;
  readonly artifacts: ObjectStore;
  readonly chain: ChainView;
  /** The book of proofs that the chain's view reads in, too; one of its own when left out. */
  readonly proofs?: ProofBook;
  readonly estimates: Estimates;
  readonly ruleset: Ruleset;
  /** The contract that pays; chain 0 is none. */
  readonly identity: { readonly chainId: number; readonly distributor: Address };
  readonly stages: () => readonly StageReport[];
  /** How workers do, where others read it, too; otherwise the API's own. */
  readonly performance?: Performances | undefined;
  /** What Prometheus scrapes; without it nothing is. */
  readonly metrics?: Metrics | undefined;
  /** Takes signed writes; without it none are taken. */
  readonly intake?: Intake | undefined;
};

/** The HTTP API over a ledger. */
export function createApp(deps: ApiDependencies): Api["hono"] {
  const api = createFrame(deps);
  addStatusRoutes(api, deps);
  if (deps.metrics !== undefined) addMetricsRoutes(api, deps.metrics);
  const files = createPublishedFiles(deps.artifacts);
  addEpochRoutes(api, deps);
  addEpochFileRoutes(api, deps, files);
  addWorkerListRoutes(api, deps, files);
  addWorkerRoutes(api, deps);
  addPerformanceRoutes(api, deps);
  addPoolRoutes(api, deps, files);
  addIntakeRoutes(api, deps);
  addEarlierRoutes(api, deps);
  addDocumentRoutes(api);
  return api.hono;
}
