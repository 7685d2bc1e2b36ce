import { rename } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openPool } from "../commands/payroot.ts";
import { deployTestDistributor, startRpcProxy, useAnvil } from "../support/anvil.ts";
import { account, transcodeJob, transcodeKey } from "../support/events.ts";
import { program, type Running, secrets, start } from "./process.ts";

const anvil = useAnvil();
const own = {
  webhook: "webhook-secret-that-nobody-may-see",
  webhookPath: "path-of-a-webhook-that-nobody-may-see",
  intake: "intake-secret-that-nobody-may-see-at-all",
};

type Line = Readonly<Record<string, unknown>> & { level: string; time: string; msg: string };

const linesOf = (daemon: Running): Line[] =>
  daemon
    .said()
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);

test.each(["debug", "info"])(
  "given a daemon that fails in many ways at LOG_LEVEL=%s, each line is JSON and none has a secret",
  async (LOG_LEVEL) => {
    const pool = await openPool();
    const distributor = await deployTestDistributor(anvil);
    const rpc = await startRpcProxy(anvil.local().rpcUrl);
    // Nothing listens at port 1, and providers like to quote what they were sent.
    const env = {
      ...pool.env,
      LOG_LEVEL,
      S3_SENSOR_INTERVAL_SECONDS: "1",
      EPOCH_SECONDS: "1",
      CHAIN_ID: "31337",
      DISTRIBUTOR_ADDRESS: distributor.address,
      ETH_RPC_ENDPOINT: rpc.url.replace("//", `//user:${secrets.rpcPassword}@`),
      ETH_PRIVATE_KEY: secrets.privateKey,
      AUTO_PUBLISH: "true",
      WEBHOOK_URLS: `http://127.0.0.1:1/${own.webhookPath}`,
      WEBHOOK_SECRET: own.webhook,
      INTAKE_KEYS: `coordinator:first:${own.intake}`,
    };
    const daemon = start([...program, "run"], env);
    const [, url = ""] = await daemon.until(/serving (\S+), see/);
    rpc.rule = () => ({ error: { code: -32_000, message: `no access for ${secrets.rpcPassword}` } });
    await daemon.until(/is behind/);
    rpc.rule = undefined;
    await daemon.until(/has recovered/);
    await rename(join(pool.folder, "log"), join(pool.folder, "gone"));
    await daemon.until(/ingest is behind/);
    await rename(join(pool.folder, "gone"), join(pool.folder, "log"));
    await pool.write(transcodeKey("1"), [transcodeJob({ id: "1", account: account(0) })]);
    await daemon.until(/closed epoch 1/);
    await daemon.until(/epoch 1 is posted/);
    const authorization = `Basic ${secrets.s3Key}`;
    await fetch(`${url}/v1/workers/${account(0)}?key=${secrets.s3Key}`, { headers: { authorization } });
    await fetch(`${url}/v1/nothing/${own.intake}`);
    daemon.kill("SIGTERM");
    expect((await daemon.ended).code).toBe(0);

    const lines = linesOf(daemon);
    const said = daemon.said();
    for (const secret of [...Object.values(secrets), ...Object.values(own)]) {
      expect(said).not.toContain(secret.replace(/^0x/, ""));
    }
    for (const line of lines) {
      expect(Object.keys(line)).toEqual(expect.arrayContaining(["level", "time", "msg"]));
    }
    const debug = LOG_LEVEL === "debug";
    const behind = lines.find(({ msg }) => msg.startsWith("ingest is behind"));
    expect(behind).toMatchObject({ stage: "ingest", code: expect.any(String), next: expect.any(String) });
    expect(behind?.facts).toBeInstanceOf(Object);
    expect(behind?.stack !== undefined).toBe(debug);
    expect(lines).toContainEqual(expect.objectContaining({ epoch: 1, closesAt: expect.any(String) }));
    expect(lines).toContainEqual(
      expect.objectContaining({ epoch: 1, state: "posted", transaction: expect.stringMatching(/^0x/) }),
    );
    const asked = lines.filter(({ route }) => route === "/v1/workers/{account}");
    expect(asked).toMatchObject(
      debug
        ? [
            {
              method: "GET",
              status: expect.any(Number),
              ms: expect.any(Number),
              requestId: expect.any(String),
            },
          ]
        : [],
    );
    expect(lines.at(-1)?.msg).toMatch(/^stopping/);
  },
);
