import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { startS3Server } from "../../offchain/demo/s3-server.ts";
import { openPool } from "../commands/payroot.ts";
import { account, transcodeJob } from "../support/events.ts";
import { intakeKeys, signed, signers } from "../support/intake.ts";
import { closedPort, program, type Running, start } from "./process.ts";

const writes = 10_000;
const clients = 96;
/** After how many answers the process is killed. */
const kills = [1000, 2500, 4000, 6000, 9000];

type Sent = { readonly target: string; readonly body: string; readonly headers: Record<string, string> };

/** Every third write is a job of an earlier pool's client, the others are events. Each has fees of its own. */
function writeOf(index: number): Pick<Sent, "target" | "body"> {
  const transcoder = account(index);
  if (index % 3 === 0) {
    const jobDetails = { transcoder, pixels: 1000, profiles: 3, faceValue: feesOf(index), roundJob: index };
    return { target: "/recordTranscoderJob", body: JSON.stringify({ jobDetails }) };
  }
  const job = transcodeJob({ id: `${index}`, account: transcoder, units: feesOf(index), price: 1 });
  return { target: "/v1/events", body: JSON.stringify([job]) };
}

function feesOf(index: number): number {
  return 4 * (1_000_000 + index);
}

test(`given ${writes} signed writes and a process killed ${kills.length} times among them, none that was answered is lost and none is counted twice`, async () => {
  const pool = await openPool();
  const s3 = await startS3Server({ directory: join(pool.folder, "s3"), buckets: ["pool-log"] });
  onTestFinished(() => s3.stop());
  const port = await closedPort();
  const env = {
    ...pool.env,
    LOG_URL: "s3://pool-log/",
    S3_ENDPOINT: s3.endpoint,
    AWS_ACCESS_KEY_ID: s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    HTTP_PORT: String(port),
    INTAKE_KEYS: intakeKeys,
    // Its last boundary is after the events and before the recorded jobs.
    EPOCH_SECONDS: "31536000",
    S3_SENSOR_INTERVAL_SECONDS: "1",
  };
  const url = `http://127.0.0.1:${port}`;
  const accepted: Sent[] = [];
  const statuses = new Map<number | string, number>();
  let daemon: Running = start([...program, "run"], env);
  let next = 0;

  const send = async ({ target, body, headers }: Sent): Promise<number | string> => {
    const answer = await fetch(url + target, { method: "POST", body, headers }).then(
      async (response) => {
        await response.text();
        return response.status;
      },
      () => "no answer",
    );
    statuses.set(answer, (statuses.get(answer) ?? 0) + 1);
    return answer;
  };
  const client = async (): Promise<void> => {
    for (let index = next++; index < writes; index = next++) {
      const write = writeOf(index);
      for (;;) {
        // Every attempt is signed anew, and says the same.
        const signer = index % 2 === 0 ? signers.first : signers.second;
        const sent = { ...write, headers: signed({ ...write, signer }) };
        const status = await send(sent);
        if (status === 200 || status === 201) {
          accepted.push(sent);
          // At once: what was answered must be safe by then.
          if (kills.includes(accepted.length)) daemon.kill("SIGKILL");
          break;
        }
        if (typeof status === "number" && status !== 503)
          throw new Error(`${status}: ${JSON.stringify(sent)}`);
        await pause(50);
      }
    }
  };
  const killer = async (): Promise<void> => {
    for (const _ of kills) {
      expect((await daemon.ended).code).toBe("SIGKILL");
      const before = accepted.filter((_, index) => index % 500 === 0);
      daemon = start([...program, "run"], env);
      await daemon.until(/serving/);
      for (const sent of before) expect(await send(sent), "sent a second time").toBe(409);
    }
  };
  await Promise.all([killer(), ...Array.from({ length: clients }, client)]);
  expect(accepted).toHaveLength(writes);

  daemon.kill("SIGTERM");
  expect((await daemon.ended).code).toBe(0);
  const report = await pool.call(["ingest", "--once", "--json"], { env });
  expect(report.code, report.stderr).toBe(0);
  const read = async (...argv: string[]) =>
    JSON.parse((await pool.call([...argv, "--json"], { env })).stdout);
  // The epoch before the last turn of the year was closed in the middle of it all.
  const counts = [(await read("epoch", "show", "1")).inputs, (await read("status")).openEpoch];
  const total = (name: string) => counts.reduce((sum, part) => sum + part[name], 0);
  expect([total("accepted"), total("rejected")], JSON.stringify([...statuses])).toEqual([writes, 0]);
  for (let index = 0; index < 4; index++) {
    const own = Array.from({ length: writes }, (_, at) => at).filter((at) => account(at) === account(index));
    const earned = own.reduce((sum, at) => sum + (feesOf(at) / 4) * 3, 0);
    expect((await read("worker", "show", account(index))).assets).toMatchObject([{ earned: String(earned) }]);
  }
}, 300_000);
