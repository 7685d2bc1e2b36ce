import { expect, test } from "vitest";
import { createMetrics, type MetricsSources } from "../../offchain/api/metrics.ts";
import { createFigures } from "../../offchain/pipeline/operate/figures.ts";
import { createPoolStats } from "../../offchain/pipeline/workers/pool-stats.ts";
import { noChainView } from "../../offchain/pipeline/workers/worker.ts";
import { account, aiJob, aiKey, transcodeJob, transcodeKey } from "../support/events.ts";
import { openTestLedger, ruleset, type TestLedger } from "../support/ledger.ts";
import { parseScrape, type Scrape, samplesOf } from "../support/scrape.ts";
import { openApi } from "./open-api.ts";

const now = Date.UTC(2025, 10, 7);

function metricsOf({ store }: TestLedger, own: Partial<MetricsSources> = {}) {
  return createMetrics({
    figures: createFigures({ store, chain: noChainView }, ruleset),
    funds: () => undefined,
    stages: () => [],
    webhooks: () => [],
    epochSeconds: 86_400,
    version: "1.2.3",
    now: () => now,
    ...own,
  });
}

const scrapeOf = async (ledger: TestLedger, own: Partial<MetricsSources> = {}): Promise<Scrape> =>
  parseScrape(await metricsOf(ledger, own).text());

const total = (scrape: Scrape, name: string): number =>
  Object.values(samplesOf(scrape, name)).reduce((sum, value) => sum + value, 0);

/** Two closed epochs and an open one, with repeats, contradictions, broken objects and a job without its receipt. */
async function openBusyLedger(): Promise<TestLedger> {
  const ledger = await openTestLedger();
  for (const epoch of [1, 2, 3]) {
    const jobs = [0, 1].map((index) => transcodeJob({ id: `${epoch} ${index}`, account: account(index) }));
    const clash = transcodeJob({ id: `clash ${epoch}`, account: account(2) });
    await ledger.write(transcodeKey(`${epoch}`), [...jobs, ...jobs, clash]);
    await ledger.write(transcodeKey(`${epoch}b`), [
      transcodeJob({ id: `clash ${epoch}`, account: account(2), units: 5 }),
    ]);
    await ledger.write(transcodeKey(`${epoch}c`), '[{"DT":');
    await ledger.write(aiKey(`${epoch}`), [aiJob({ id: `ai ${epoch}`, requestID: `r${epoch}` })]);
    if (epoch < 3) await ledger.close(epoch);
  }
  await ledger.ingest();
  return ledger;
}

test("given epochs closed and open, the counts are those of the pool's figures", async () => {
  const ledger = await openBusyLedger();

  const scrape = await scrapeOf(ledger);

  const stats = await createPoolStats({ ...ledger, chain: noChainView }, ruleset)();
  const { objects, events, ...outcomes } = stats.events.all;
  expect(total(scrape, "payroot_objects_total")).toBe(objects);
  expect(total(scrape, "payroot_events_total")).toBe(events);
  for (const [outcome, count] of Object.entries(outcomes))
    expect([outcome, total(scrape, `payroot_events_${outcome}`)]).toEqual([outcome, count]);
  expect(samplesOf(scrape, "payroot_jobs_unmatched")).toEqual({ "": stats.open.waitingJobs });
  expect(samplesOf(scrape, "payroot_rejections")).toMatchObject({
    '{reason="conflicting-duplicate"}': expect.any(Number),
  });
  expect(total(scrape, "payroot_rejections")).toBeGreaterThanOrEqual(outcomes.rejected);
  const [asset] = stats.assets;
  const owed = (asset?.closed ?? 0n) + (asset?.posted ?? 0n) + (asset?.claimable ?? 0n);
  expect(total(scrape, "payroot_liability_wei")).toBe(Number(owed));
  expect(samplesOf(scrape, "payroot_newest_epoch")).toMatchObject({ '{state="closed"}': 2 });
});

test("given a restart, or scrapes all along, the counts are the same", async () => {
  const ledger = await openTestLedger();
  const running = metricsOf(ledger);
  const ledgerLines = (text: string) =>
    text.split("\n").filter((line) => /^payroot_(objects|events|rej|jobs|lag|liab|newest|open)/.test(line));
  for (const epoch of [1, 2, 3]) {
    await ledger.write(transcodeKey(`${epoch}`), [transcodeJob({ id: `${epoch}`, account: account(epoch) })]);
    await ledger.write(transcodeKey(`${epoch}c`), "{");
    await ledger.ingest();
    await running.text();
    if (epoch < 3) await ledger.close(epoch);
    expect(ledgerLines(await running.text())).toEqual(ledgerLines(await metricsOf(ledger).text()));
  }
});

test("given the newest event of a partition, its age is the lag, also after a close", async () => {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("1"), [transcodeJob({ id: "1", account: account(0) })]);
  await ledger.close(1);

  const scrape = await scrapeOf(ledger);

  const [partition, lag] = Object.entries(samplesOf(scrape, "payroot_lag_seconds"))[0] ?? [];
  expect(partition).toMatch(/^\{partition="transcode\|/);
  expect(lag).toBeGreaterThan(86_400);
  expect(lag).toBeLessThan(3 * 86_400);
});

test("given a ledger that cannot be read, the scrape says so and tells the rest", async () => {
  const ledger = await openTestLedger();
  const since = new Date(now - 90_000).toISOString();
  const scrape = await scrapeOf(ledger, {
    figures: () => Promise.reject(new Error("closed")),
    stages: () => [
      { stage: "ingest", state: "behind", since, code: "x" },
      { stage: "close", state: "ok", since },
    ],
  });

  expect(samplesOf(scrape, "payroot_ledger_readable")).toEqual({ "": 0 });
  expect(samplesOf(scrape, "payroot_stage_up")).toEqual({ '{stage="ingest"}': 0, '{stage="close"}': 1 });
  expect(samplesOf(scrape, "payroot_stage_behind_seconds")).toMatchObject({ '{stage="ingest"}': 90 });
});

test("given requests, they are told by route and class, never by what was asked", async () => {
  const ledger = await openTestLedger();
  const metrics = metricsOf(ledger);
  const api = await openApi({ metrics, onAnswer: metrics.answered });
  for (const path of [`/v1/workers/${account(0)}`, `/v1/workers/${account(1)}`, "/v1/workers/0x12", "/n"])
    await api.request(path);
  await api.app.request("/health", { method: "PROPFIND" });

  const response = await api.request("/metrics");

  expect(response.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
  const counts = samplesOf(parseScrape(await response.text()), "payroot_http_request_duration_seconds_count");
  // The first asker gets the document, to check answers by it.
  delete counts['{route="/openapi.json",method="GET",status="2xx"}'];
  expect(counts).toEqual({
    '{route="/v1/workers/{account}",method="GET",status="2xx"}': 2,
    '{route="/v1/workers/{account}",method="GET",status="4xx"}': 1,
    '{route="unknown",method="GET",status="4xx"}': 1,
    '{route="unknown",method="other",status="4xx"}': 1,
  });
});

test("given every metric, its name has our prefix and its unit, and counters end in _total", async () => {
  const { types } = await scrapeOf(await openTestLedger());
  for (const [name, type] of types) {
    expect(name).toMatch(/^(payroot|process|nodejs)_[a-z0-9_]+$/);
    if (name.startsWith("payroot_"))
      expect([name, name.endsWith("_total")]).toEqual([name, type === "counter"]);
  }
});
