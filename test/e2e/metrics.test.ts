import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import type { PoolStats } from "../../offchain/pipeline/workers/pool-stats.ts";
import { openPool } from "../commands/payroot.ts";
import { deployTestDistributor, useAnvil } from "../support/anvil.ts";
import { account, transcodeJob, transcodeKey } from "../support/events.ts";
import { startReceiver, webhookSecret } from "../support/receiver.ts";
import { parseScrape, type Scrape, samplesOf } from "../support/scrape.ts";
import { root } from "../support/source.ts";
import { program, secrets, start } from "./process.ts";

const anvil = useAnvil();

async function scrapeOf(url: string): Promise<Scrape> {
  return parseScrape(await (await fetch(`${url}/metrics`)).text());
}

/** A daemon with a chain and a receiver of webhooks, once its first epoch is posted, active and claimed. */
async function startClaimedPool() {
  const pool = await openPool();
  const distributor = await deployTestDistributor(anvil, { activationDelaySeconds: 3600 });
  const env = {
    ...pool.env,
    S3_SENSOR_INTERVAL_SECONDS: "1",
    EPOCH_SECONDS: "1",
    CHAIN_ID: "31337",
    DISTRIBUTOR_ADDRESS: distributor.address,
    ETH_RPC_ENDPOINT: anvil.local().rpcUrl,
    ETH_PRIVATE_KEY: secrets.privateKey,
    AUTO_PUBLISH: "true",
    WEBHOOK_URLS: (await startReceiver(webhookSecret)).url,
    WEBHOOK_SECRET: webhookSecret,
  };
  const daemon = start([...program, "run"], env);
  const [, url = ""] = await daemon.until(/serving (\S+), see/);
  await pool.write(transcodeKey("1"), [transcodeJob({ id: "1", account: account(0) })]);
  await daemon.until(/epoch 1 is posted/);
  await anvil.control().pass(3700);
  const claimed = await pool.call(["claim", account(0), "--broadcast"], { env });
  expect(claimed.code, claimed.stderr).toBe(0);
  await anvil.control().mine(3);
  // The claim is final, and the money was looked at since.
  const seen = async () => {
    const scrape = await scrapeOf(url);
    const held = Object.values(samplesOf(scrape, "payroot_distributor_balance_wei"))[0] ?? 1e18;
    return samplesOf(scrape, "payroot_claims_total")[""] === 1 && held < 1e18;
  };
  await expect.poll(seen, { timeout: 20_000 }).toBe(true);
  return { pool, daemon, url, env };
}

test("given a pool with a claim behind it, the figures are those of /v1/stats, the same after a restart, and all that dashboard and alerts ask for", async () => {
  const { daemon, url, env } = await startClaimedPool();

  const scrape = await scrapeOf(url);

  const stats = (await (await fetch(`${url}/v1/stats`)).json()) as PoolStats;
  const [asset] = stats.assets;
  const label = `{asset="${asset?.asset}"}`;
  expect(samplesOf(scrape, "payroot_claimed_wei_total")).toEqual({ [label]: Number(asset?.claimed) });
  expect(samplesOf(scrape, "payroot_liability_wei")).toEqual({ [label]: 0 });
  expect(samplesOf(scrape, "payroot_distributor_balance_wei")).toEqual({
    [label]: 1e18 - Number(asset?.claimed),
  });
  expect(samplesOf(scrape, "payroot_newest_epoch")).toEqual({
    '{state="closed"}': stats.epochs.closed,
    '{state="posted"}': stats.epochs.posted,
    '{state="active"}': stats.epochs.active,
  });
  for (const name of ["payroot_publisher_balance_wei", "payroot_publisher_gas_spent_wei_total"])
    expect(samplesOf(scrape, name)[""]).toBeGreaterThan(0);
  expect(Object.values(samplesOf(scrape, "payroot_stage_up"))).not.toContain(0);
  expectKnown(scrape);

  daemon.kill("SIGTERM");
  await daemon.ended;
  const again = start([...program, "run"], env);
  const [, next = ""] = await again.until(/serving (\S+), see/);
  await expect.poll(async () => (await fetch(`${next}/ready`)).status, { timeout: 20_000 }).toBe(200);
  const restarted = await scrapeOf(next);
  for (const [name, type] of scrape.types) {
    if (type !== "counter" || !name.startsWith("payroot_")) continue;
    expect([name, samplesOf(restarted, name)]).toEqual([name, samplesOf(scrape, name)]);
  }
});

/** Checks that everything that the dashboard, and each rule for alerts, asks for is there. */
function expectKnown({ types }: Scrape): void {
  const dashboard = JSON.parse(textOf("grafana/dashboard.json")) as {
    panels: { targets: { expr: string }[] }[];
  };
  const { groups } = parse(textOf("prometheus/alerts.yaml")) as {
    groups: { rules: { alert: string; expr: string; annotations: Record<string, string> }[] }[];
  };
  const rules = groups.flatMap((group) => group.rules);
  const asked = [...dashboard.panels.flatMap(({ targets }) => targets), ...rules].map(({ expr }) => expr);
  expect(asked.length).toBeGreaterThan(30);
  for (const expr of asked) {
    const names = expr.match(/\b(payroot|process|nodejs)_\w+/g) ?? [];
    const known = names.map((name) => name.replace(/_(bucket|count|sum)$/, ""));
    expect(known.length > 0 || expr.startsWith("up{"), expr).toBe(true);
    for (const name of known) expect([...types.keys()], expr).toContain(name);
  }
  for (const { annotations } of rules) {
    expect(annotations).toEqual({ summary: expect.any(String), description: expect.any(String) });
  }
}

test("given the files beside the daemon, each of them can be read", () => {
  const folders = ["prometheus", "grafana", "grafana/provisioning/datasources"];
  const files = folders.flatMap((folder) =>
    readdirSync(join(root, "deployments", folder))
      .filter((name) => /\.(yaml|json)$/.test(name))
      .map((name) => `${folder}/${name}`),
  );
  expect(files.length).toBeGreaterThan(3);
  for (const file of files) expect(parse(textOf(file))).toBeInstanceOf(Object);
});

function textOf(file: string): string {
  return readFileSync(join(root, "deployments", file), "utf8");
}
