import { type StatementTotal, statementCsv } from "../core/statement.ts";
import type { PayrootError } from "../errors.ts";
import { formatCount, formatEth, jsonText, type Output } from "../format.ts";
import { earningProofs } from "../pipeline/workers/earning-proof.ts";
import { readStatement, type Statement } from "../pipeline/workers/statement.ts";
import { createEstimates } from "../pipeline/workers/worker.ts";
import { account, command, type Parameter, usageInvalid } from "./command.ts";
import { configuredRuleset, openArtifacts, openDataDirectory } from "./open.ts";
import { openChainView } from "./open-chain.ts";

type Format = "csv" | "json";

const format: Parameter<Format> = {
  about: "csv for a spreadsheet, json for programs; a table when left out",
  placeholder: "format",
  expected: "csv or json",
  parse: (given) => (given === "csv" || given === "json" ? given : undefined),
};

/** `payroot worker statement A`: everything a worker earned and claimed, line by line. */
export const workerStatement = command({
  name: "worker statement",
  summary: "everything a worker earned and claimed, line by line",
  arguments: { account: account("the worker's address") },
  options: { format, proofs: { about: "with what the distributor's verifyEarning takes; as json" } },
  async run(context, { account, format, proofs }) {
    if (proofs && format === "csv") throw proofsNeedJson();
    const { config } = context;
    const store = await openDataDirectory(context);
    const artifacts = openArtifacts(config);
    const chain = await openChainView(context, { store, artifacts });
    const ports = { store, chain, estimates: createEstimates(store) };
    const statement = await readStatement(ports, { account, ruleset: configuredRuleset(config) });
    if (!proofs) return statement;
    return { ...statement, proofs: await Array.fromAsync(earningProofs({ store, artifacts }, account)) };
  },
  print: (statement, out, { format, proofs }) => {
    if (format === "csv") out.document(statementCsv(statement.rows));
    else if (format === "json" || proofs) out.document(`${jsonText(statement)}\n`);
    else printStatement(statement, out);
  },
});

function printStatement({ account, rows, totals, asOf }: Statement, out: Output): void {
  out.line(account);
  const amounts = ["gross", "commission", "earned", "claimed"];
  out.table(
    [
      { title: "time" },
      { title: "epoch", align: "right" },
      { title: "partition" },
      { title: "events", align: "right" },
      ...amounts.map((title) => ({ title, align: "point" as const })),
      { title: "transaction" },
    ],
    [
      ...rows.map(({ time, epoch, partition, transaction, ...row }) => {
        const what = [time ?? "open", String(epoch), partition ?? "claim"];
        return [...what, ...figures(row), transaction ?? ""];
      }),
      ...totals.map((total) => ["", "", "total", ...figures(total), ""]),
    ],
  );
  out.facts({ "as of object": asOf.object ?? "none read", "as of block": asOf.block ?? "no chain" });
}

function figures(row: Omit<StatementTotal, "asset">): string[] {
  const { events, gross, commission, earned, claimed } = row;
  return [formatCount(events), ...[gross, commission, earned, claimed].map(formatEth)];
}

function proofsNeedJson(): PayrootError {
  return usageInvalid("A table of cells has no room for proofs.", {
    facts: { given: "--proofs --format csv" },
    next: "give --format json, or leave --proofs out",
  });
}
