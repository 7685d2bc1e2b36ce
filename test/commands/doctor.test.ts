import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { startS3Server } from "../../offchain/demo/s3-server.ts";
import type { Finding } from "../../offchain/pipeline/operate/doctor.ts";
import { deployTestDistributor, startRpcProxy, useAnvil } from "../support/anvil.ts";
import { transcodeJob, transcodeKey } from "../support/events.ts";
import { openPool, type TestPool } from "./payroot.ts";

const anvil = useAnvil();

const all = [
  ...["log", "archive", "artifacts", "data directory", "disk", "clock"],
  ...["rpc", "chain id", "contract", "role", "gas", "funding"],
];

test("given a pool in good health with everything it needs, every finding is ok", async () => {
  const { pool } = await healthyPool();
  const { ok, findings } = await examined(pool);
  expect(ok).toBe(true);
  expect([...findings.keys()]).toEqual(all);
  for (const finding of findings.values()) expect(finding).toMatchObject({ state: "ok", next: null });
  expect(await artifactsLeft(pool)).toEqual([]);
  const { stdout, code } = await pool.call(["doctor"]);
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^nothing stands in the way$/m)]);
});

test("given no chain, its findings are skipped and tell how to configure one", async () => {
  const pool = await openPool();
  await pool.write(transcodeKey("a"), [transcodeJob({ id: "a" })]);
  const { ok, findings } = await examined(pool);
  expect(ok).toBe(true);
  expect(findings.get("rpc")).toMatchObject({
    state: "skipped",
    next: expect.stringContaining("ETH_RPC_ENDPOINT"),
  });
  expect(findings.get("clock")).toMatchObject({ state: "skipped" });
  expect(findings.get("data directory")).toMatchObject({
    state: "ok",
    found: expect.stringMatching("not there yet"),
  });
});

test("given an empty log, it is a warning; given none at all or none configured, an error", async () => {
  const pool = await openPool();
  const empty = await examined(pool);
  expect([empty.ok, empty.findings.get("log")?.state]).toEqual([true, "warning"]);
  expect(empty.findings.get("log")?.next).toContain("LOG_URL");
  await rm(`${pool.folder}/log`, { recursive: true });
  expect((await examined(pool, {}, 1)).findings.get("log")).toMatchObject({
    state: "error",
    next: expect.stringContaining("create it"),
  });
  expect((await examined(pool, { LOG_URL: "" }, 1)).findings.get("log")).toMatchObject({
    state: "error",
    next: expect.stringContaining("set LOG_URL"),
  });
});

test("given S3 with wrong credentials or a missing bucket, each store says so", async () => {
  const pool = await openPool();
  const server = await startS3Server({ directory: `${pool.folder}/s3`, buckets: ["log"] });
  onTestFinished(() => server.stop());
  const s3 = { S3_ENDPOINT: server.endpoint, LOG_URL: "s3://log/", ARCHIVE_URL: "s3://missing/" };
  const keys = { AWS_ACCESS_KEY_ID: server.accessKeyId, AWS_SECRET_ACCESS_KEY: server.secretAccessKey };
  const { findings } = await examined(pool, { ...s3, ...keys }, 1);
  expect(findings.get("log")).toMatchObject({ state: "warning" });
  expect(findings.get("archive")).toMatchObject({ state: "error", next: expect.stringMatching(/bucket/i) });
  expect(findings.get("clock")).toMatchObject({
    state: "ok",
    found: expect.stringContaining("the S3 server"),
  });
  const wrong = await examined(pool, { ...s3, ...keys, AWS_ACCESS_KEY_ID: "WRONG" }, 1);
  expect(wrong.findings.get("log")).toMatchObject({ state: "error", next: expect.stringContaining("AWS_") });
});

test.each(["archive", "artifacts"])("given %s where nothing can be written, it is an error", async (name) => {
  const pool = await openPool();
  await writeFile(`${pool.folder}/${name}`, "a file where the directory should be");
  const { ok, findings } = await examined(pool, {}, 1);
  expect(ok).toBe(false);
  expect(findings.get(name)).toMatchObject({ state: "error", next: expect.stringMatching(/\w/) });
});

test("given a data directory that another process holds, it is ok and says who", async () => {
  const { pool } = await healthyPool();
  const cli = fileURLToPath(new URL("../../offchain/cli.ts", import.meta.url));
  const daemon = spawn(process.execPath, [cli, "run"], { env: { ...process.env, ...pool.env } });
  onTestFinished(async () => {
    daemon.kill("SIGKILL");
    if (daemon.exitCode === null && daemon.signalCode === null) await once(daemon, "close");
  });
  const url = await new Promise<string | undefined>((resolve) => {
    let seen = "";
    daemon.stderr.on("data", (text: Buffer) => {
      seen += text.toString();
      const found = /serving (http:\S+),/.exec(seen)?.[1];
      if (found !== undefined) resolve(found);
    });
    daemon.on("close", () => resolve(undefined));
  });
  expect((await examined(pool)).findings.get("data directory")).toMatchObject({
    state: "ok",
    found: `held by process ${daemon.pid}, which answers at ${url}`,
  });
});

test("given a data directory that cannot be opened, it is an error", async () => {
  const pool = await openPool();
  await mkdir(`${pool.folder}/data`);
  await writeFile(`${pool.folder}/data/ledger`, "no database");
  expect((await examined(pool, {}, 1)).findings.get("data directory")).toMatchObject({
    state: "error",
    next: expect.stringContaining("--data-dir"),
  });
});

test.each([
  [10, "ok"],
  [-45, "warning"],
  [45, "warning"],
  [400, "error"],
])("given a server whose clock is %d s off, the clock is %s", async (seconds, state) => {
  const pool = await openPool();
  await pool.write(transcodeKey("a"), [transcodeJob({ id: "a" })]);
  const endpoint = await serverAt(() => Date.now() + seconds * 1000);
  const clock = (await examined(pool, { S3_ENDPOINT: endpoint }, state === "error" ? 1 : 0)).findings.get(
    "clock",
  );
  expect(clock).toMatchObject({ state, found: expect.stringContaining(seconds > 0 ? "behind" : "ahead of") });
  expect(clock?.next ?? "").toMatch(state === "ok" ? /^$/ : /NTP/);
});

test("given an RPC that does not answer, the rest of the chain is skipped and the URL's key is not shown", async () => {
  const { pool } = await healthyPool();
  const { findings } = await examined(pool, { ETH_RPC_ENDPOINT: "http://127.0.0.1:9/key-of-mine" }, 1);
  expect(findings.get("rpc")).toMatchObject({
    state: "error",
    next: expect.stringContaining("ETH_RPC_ENDPOINT"),
  });
  expect(findings.get("funding")).toMatchObject({ state: "skipped", found: "the RPC did not answer" });
  expect(JSON.stringify([...findings])).not.toContain("key-of-mine");
});

test("given a chain without an RPC, the setting that is missing is named", async () => {
  const { pool } = await healthyPool();
  expect((await examined(pool, { ETH_RPC_ENDPOINT: "" }, 1)).findings.get("rpc")).toMatchObject({
    state: "error",
    next: expect.stringContaining("set ETH_RPC_ENDPOINT"),
  });
});

test("given another chain, its id is the error", async () => {
  const { pool } = await healthyPool();
  const { findings } = await examined(pool, { CHAIN_ID: "42161" }, 1);
  expect(findings.get("chain id")).toMatchObject({
    state: "error",
    next: expect.stringContaining("CHAIN_ID"),
  });
  expect(findings.get("contract")).toMatchObject({ state: "skipped" });
});

test("given an address without a contract, or with another one, the contract is the error", async () => {
  const { pool } = await healthyPool();
  const nobody = "0x00000000000000000000000000000000000000aa";
  const missing = await examined(pool, { DISTRIBUTOR_ADDRESS: nobody }, 1);
  expect(missing.findings.get("chain id")).toMatchObject({ state: "ok" });
  expect(missing.findings.get("contract")).toMatchObject({
    state: "error",
    next: expect.stringContaining("payroot deploy"),
  });
  await anvil.control().client.setCode({ address: nobody, bytecode: "0x60016000f3" });
  expect((await examined(pool, { DISTRIBUTOR_ADDRESS: nobody }, 1)).findings.get("contract")).toMatchObject({
    state: "error",
    next: expect.stringContaining("version"),
  });
});

test("given a key without the role, it is a warning, and an error when the daemon posts by itself", async () => {
  const { pool } = await healthyPool();
  const key = { ETH_PRIVATE_KEY: anvil.local().accounts[6]?.privateKey ?? "" };
  const careful = await examined(pool, key);
  expect(careful.findings.get("role")).toMatchObject({
    state: "warning",
    next: expect.stringContaining("POSTER"),
  });
  const daemon = await examined(pool, { ...key, AUTO_PUBLISH: "true" }, 1);
  expect(daemon.findings.get("role")).toMatchObject({ state: "error" });
  const guardian = { ETH_PRIVATE_KEY: anvil.local().accounts[2]?.privateKey ?? "" };
  expect((await examined(pool, guardian)).findings.get("role")).toMatchObject({
    state: "ok",
    found: expect.stringContaining("GUARDIAN"),
  });
});

test("given no key, role and gas are skipped, and an error when the daemon posts by itself", async () => {
  const { pool } = await healthyPool();
  const none = await examined(pool, { ETH_PRIVATE_KEY: "" });
  expect([none.findings.get("role")?.state, none.findings.get("gas")?.state]).toEqual(["skipped", "skipped"]);
  const daemon = await examined(pool, { ETH_PRIVATE_KEY: "", AUTO_PUBLISH: "true" }, 1);
  expect(daemon.findings.get("role")).toMatchObject({
    state: "error",
    next: expect.stringContaining("ETH_PRIVATE_KEY"),
  });
});

test("given a keystore that is not there, the role is an error and the rest is looked at", async () => {
  const { pool } = await healthyPool();
  const { findings } = await examined(pool, { ETH_PRIVATE_KEY: "./no-such-keystore.json" }, 1);
  expect([findings.get("role")?.state, findings.get("funding")?.state]).toEqual(["error", "ok"]);
});

test("given a signer with little or no ETH, it is a warning or an error and says whom to pay", async () => {
  const { pool, distributor } = await healthyPool();
  const { baseFeePerGas } = await anvil.control().client.getBlock();
  const post = 150_000n * (baseFeePerGas ?? 0n) * 2n;
  const address = distributor.poster.address;
  const before = await anvil.control().client.getBalance({ address });
  onTestFinished(() => anvil.control().client.setBalance({ address, value: before }));
  await anvil.control().client.setBalance({ address, value: post * 29n });
  const next = `send ETH to ${address}`;
  expect((await examined(pool)).findings.get("gas")).toMatchObject({ state: "warning", next });
  await anvil.control().client.setBalance({ address, value: post - 1n });
  expect((await examined(pool, {}, 1)).findings.get("gas")).toMatchObject({ state: "error", next });
});

test("given a distributor that holds too little for the newest epoch, what is lacking is told", async () => {
  const { pool, distributor } = await healthyPool({ fundsEth: "0" }, 1);
  const { findings } = await examined(pool, {}, 1);
  expect(findings.get("funding")).toMatchObject({
    state: "error",
    found: "lacks 900002700 of wei after epoch 1",
    next: expect.stringContaining(distributor.address),
  });
});

test("given no epoch, funding is skipped; given one whose manifest is lost, it is an error", async () => {
  const { pool } = await healthyPool();
  await rm(`${pool.folder}/artifacts/epochs`, { recursive: true });
  expect((await examined(pool, {}, 1)).findings.get("funding")).toMatchObject({
    state: "error",
    next: expect.stringContaining("payroot epoch rebuild 1"),
  });
  await rm(`${pool.folder}/artifacts`, { recursive: true });
  expect((await examined(pool)).findings.get("funding")).toMatchObject({ state: "skipped" });
});

test("given an RPC that fails half way, what it broke is an error and the rest is still told", async () => {
  const { pool } = await healthyPool();
  const proxy = await startRpcProxy(anvil.local().rpcUrl);
  proxy.rule = ({ method }) =>
    method === "eth_getBalance" ? { error: { code: -32_000, message: "no balance today" } } : undefined;
  const { findings } = await examined(pool, { ETH_RPC_ENDPOINT: proxy.url }, 1);
  expect(findings.get("gas")).toMatchObject({
    state: "error",
    found: expect.stringContaining("no balance today"),
  });
  expect(findings.get("role")).toMatchObject({ state: "ok" });
});

/** A pool with a funded distributor and one closed epoch; account 1 is its poster. */
async function healthyPool(options: { fundsEth?: string } = {}, expected = 0) {
  const distributor = await deployTestDistributor(anvil, options);
  const pool = await openPool({
    CHAIN_ID: "31337",
    DISTRIBUTOR_ADDRESS: distributor.address,
    ETH_RPC_ENDPOINT: anvil.local().rpcUrl,
    ETH_PRIVATE_KEY: anvil.local().accounts[1]?.privateKey ?? "",
  });
  await pool.write(transcodeKey("a"), [transcodeJob({ id: "a" })]);
  await pool.json(["epoch", "close", "--at", "2025-11-06T00:00:00Z"]);
  expect((await pool.call(["doctor"])).code).toBe(expected);
  return { pool, distributor };
}

async function examined(pool: TestPool, env: NodeJS.ProcessEnv = {}, code = 0) {
  const called = await pool.call(["doctor", "--json"], { env });
  expect(called.code, called.stdout + called.stderr).toBe(code);
  const { ok, findings } = JSON.parse(called.stdout) as { ok: boolean; findings: Finding[] };
  return { ok, findings: new Map(findings.map((finding) => [finding.name, finding])) };
}

async function artifactsLeft(pool: TestPool): Promise<string[]> {
  const names = [
    ...(await readdir(`${pool.folder}/artifacts`)),
    ...(await readdir(`${pool.folder}/archive`)),
  ];
  return names.filter((name) => name.startsWith("doctor"));
}

async function serverAt(now: () => number): Promise<string> {
  const server = createServer((_request, response) => {
    response.setHeader("date", new Date(now()).toUTCString());
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const place = server.address();
  return `http://127.0.0.1:${typeof place === "object" ? place?.port : 0}`;
}
