import { expect, test } from "vitest";
import { parseCsv } from "../support/csv.ts";
import { account, transcodeJob, transcodeKey } from "../support/events.ts";
import { keysOf, openPool, type TestPool } from "./payroot.ts";

async function pool(): Promise<TestPool> {
  const opened = await openPool();
  await opened.write(transcodeKey("a"), [transcodeJob({ id: "a" })]);
  await opened.json(["epoch", "close", "--at", "2025-11-06T00:00:00Z"]);
  await opened.write(transcodeKey("b"), [transcodeJob({ id: "b" })]);
  await opened.json(["ingest", "--once"]);
  return opened;
}

const statement = ["worker", "statement", account(0)];

test("given --format csv, then stdout is the table and nothing else, letter by letter", async () => {
  const { code, stdout, stderr } = await (await pool()).call([...statement, "--format", "csv"]);
  expect([code, stderr]).toEqual([0, ""]);
  const amounts = ["0.0000000012000036", "0.0000000003000009", "0.0000000009000027", "0", "", "ETH"];
  expect(parseCsv(stdout)).toEqual([
    [
      ...["time", "epoch", "partition", "events", "gross", "commission", "earned", "claimed"],
      ...["transaction", "asset"],
    ],
    ["2025-11-06T00:00:00Z", "1", "transcode|eu-central", "1", ...amounts],
    ["", "2", "transcode|eu-central", "1", ...amounts],
  ]);
});

test("given --format json or --json, then stdout is the same document, and its total is that of worker show", async () => {
  const opened = await pool();
  const { stdout } = await opened.call([...statement, "--format", "json"]);
  const shown = await opened.json(statement);
  expect(JSON.parse(stdout)).toEqual(shown);
  expect(keysOf(shown)).toEqual(["account", "asOf", "rows", "totals"]);
  const { assets } = (await opened.json(["worker", "show", account(0)])) as { assets: { earned: string }[] };
  expect(shown.totals).toMatchObject([{ earned: assets[0]?.earned, claimed: "0" }]);
});

test("given --proofs, then the document has the record and proof of every closed epoch", async () => {
  const opened = await pool();
  const { proofs } = await opened.json([...statement, "--proofs"]);
  expect(proofs).toMatchObject([{ epoch: 1, earned: "900002700", record: { epoch: 1 }, proof: [] }]);
  const { stdout } = await opened.call([...statement, "--proofs"]);
  expect(JSON.parse(stdout)).toMatchObject({ proofs });
});

test.each([
  { given: ["--format", "xlsx"], next: "correct it" },
  { given: ["--format", "csv", "--proofs"], next: "--format json" },
])("given $given, then it is a usage error that says what to do", async ({ given, next }) => {
  const { error } = await (await pool()).json([...statement, ...given], 2);
  expect(error).toMatchObject({ code: "usage-invalid", next: expect.stringContaining(next) });
});

test("given no format, then lines and totals stand in a table", async () => {
  const { stdout } = await (await pool()).call(statement);
  expect(stdout).toMatch(/^2025-11-06T00:00:00Z +1 +transcode\|eu-central +1 /m);
  expect(stdout).toMatch(/^open +2 /m);
  expect(stdout).toMatch(/^ +total +2 +0\.0000000024000072 ETH/m);
});
