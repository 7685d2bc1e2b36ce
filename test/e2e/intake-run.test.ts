import { readFile } from "node:fs/promises";
import { request } from "node:https";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openPool } from "../commands/payroot.ts";
import { account, transcodeJob } from "../support/events.ts";
import { intakeKeys, signed, signers } from "../support/intake.ts";
import { program, start } from "./process.ts";

const tag = (name: string, text: string) => `-----BEGIN ${name}-----\n${text}\n-----END ${name}-----\n`;
const secrets = Object.values(signers).map(({ secret }) => secret);

test("given settings of the intake or of HTTPS that cannot work, the start says which, and no secret", async () => {
  const pool = await openPool();
  const faults: readonly (readonly [NodeJS.ProcessEnv, string])[] = [
    [{ INTAKE_KEYS: `${intakeKeys},too:short:secret` }, "configuration-invalid"],
    [{ INTAKE_KEYS: `${intakeKeys},third:key:${signers.first.secret}` }, "configuration-invalid"],
    [{ INTAKE_KEYS: `${intakeKeys},orchestrator-1:third:${"x".repeat(32)}` }, "configuration-invalid"],
    [{ INTAKE_KEYS: intakeKeys, PARTITIONS: "transcode|eu-central" }, "intake-partition-unread"],
    [{ TLS_CERTIFICATE: tag("CERTIFICATE", "bm8=") }, "configuration-invalid"],
    [{ TLS_CERTIFICATE: tag("CERTIFICATE", "bm8="), TLS_KEY: tag("PRIVATE KEY", "c2VjcmV0") }, "tls-invalid"],
  ];
  for (const [env, code] of faults) {
    const { code: exitCode, stdout, stderr } = await pool.call(["run", "--json"], { env });
    expect([exitCode, JSON.parse(stdout).error.code], stderr).toEqual([2, code]);
    for (const secret of [...secrets, "c2VjcmV0"]) expect(stdout + stderr).not.toContain(secret);
  }
});

test("given a daemon with HTTPS and intake that is told to stop, what it has taken is answered and kept, and it showed no secret", async () => {
  const pool = await openPool({ INTAKE_KEYS: intakeKeys, TLS_DNS_NAME: "pool.example.org" });
  const daemon = start([...program, "run"], pool.env);
  const [, url = ""] = await daemon.until(/serving (https:\S+?),? /);
  const holder = JSON.parse(await readFile(join(pool.folder, "data", "process.json"), "utf8"));
  expect(holder.url).toBe(url);
  const ca = await readFile(join(pool.folder, "data", "certificate.pem"), "utf8");
  await daemon.until(/([0-9A-F]{2}:){31}[0-9A-F]{2}/);

  let stopped = false;
  const post = (index: number) =>
    new Promise<number>((resolve) => {
      const body = JSON.stringify([transcodeJob({ id: `${index}`, account: account(index) })]);
      const options = { method: "POST", ca, servername: "pool.example.org", headers: signed({ body }) };
      const sent = request(`${url}/v1/events`, options, (response) => {
        if (!stopped) daemon.kill("SIGTERM");
        stopped = true;
        response.resume().once("end", () => resolve(response.statusCode ?? 0));
      });
      sent.once("error", () => resolve(0));
      sent.end(body);
    });
  const statuses: number[] = [];
  const client = async (from: number): Promise<void> => {
    for (let index = from; index < from + 50; index++) statuses.push(await post(index));
  };
  await Promise.all(Array.from({ length: 20 }, (_, index) => client(index * 50)));
  const { code, stdout, stderr } = await daemon.ended;
  expect(code, stderr).toBe(0);
  const accepted = statuses.filter((status) => status === 201).length;
  expect(accepted).toBeGreaterThanOrEqual(20);
  expect(new Set(statuses)).toEqual(new Set([0, 201, ...statuses.filter((status) => status === 503)]));
  await pool.json(["ingest", "--once"]);
  const { openEpoch } = (await pool.json(["status"])) as { openEpoch: { accepted: number } };
  expect(openEpoch.accepted).toBe(accepted);
  for (const secret of [...secrets, "PRIVATE KEY"]) expect(stdout + stderr).not.toContain(secret);
});
