import type { Context, Hono } from "hono";
import { type Address, requireAddress } from "../core/address.ts";
import { statementCsv } from "../core/statement.ts";
import { explain } from "../pipeline/explain.ts";
import { readStatement } from "../pipeline/statement.ts";
import { listWorkerEpochs } from "../pipeline/worker-epochs.ts";
import type { ApiDependencies } from "./app.ts";
import { respond } from "./problem.ts";
import { epochNumber, oneOf, pageOfEpochs } from "./query.ts";

/** Adds what a worker can ask of its own money: epochs, statement, explanation. */
export function addWorkerRoutes(app: Hono, deps: ApiDependencies): void {
  const { ruleset } = deps;
  app.get("/v1/workers/:account/epochs", async (context) =>
    respond(context, await workerEpochs(deps, accountOf(context), context)),
  );
  app.get("/v1/workers/:account/explain", async (context) => {
    const given = context.req.query("epoch");
    const epoch = given === undefined ? undefined : epochNumber(given);
    return respond(context, await explain(deps, { account: accountOf(context), epoch, ruleset }));
  });
  app.get("/v1/workers/:account/statement", async (context) => {
    const account = accountOf(context);
    const format = oneOf(context.req.query("format") ?? "json", { name: "format", words: ["csv", "json"] });
    const statement = await readStatement(deps, { account, ruleset });
    if (format === "json") return respond(context, statement);
    context.header("Content-Type", "text/csv; charset=utf-8; header=present");
    context.header("Content-Disposition", `attachment; filename="payroot-${account}.csv"`);
    context.header("Cache-Control", "no-cache");
    context.header("Vary", "Accept-Encoding");
    return context.body(statementCsv(statement.rows));
  });
}

function accountOf(context: Context): Address {
  return requireAddress(context.req.param("account") ?? "");
}

async function workerEpochs(deps: ApiDependencies, account: Address, context: Context) {
  const { limit, before } = pageOfEpochs(context);
  const epochs = [];
  for await (const { state, assets } of listWorkerEpochs(deps.store, { account, before })) {
    if (epochs.length === limit) return { account, epochs, nextCursor: String(epochs.at(-1)?.epoch) };
    const { epoch, opensAt, closesAt } = state;
    epochs.push({ epoch, state: await deps.chain.stageOf(epoch), opensAt, closesAt, assets });
  }
  return { account, epochs, nextCursor: null };
}
