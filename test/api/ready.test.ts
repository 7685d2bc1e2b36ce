import { rename } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { zeroAddress } from "../../offchain/core/address.ts";
import { createDaemon } from "../../offchain/pipeline/operate/daemon.ts";
import { closeStage, ingestStage } from "../../offchain/pipeline/operate/stages.ts";
import { account, transcodeJob, transcodeKey } from "../support/events.ts";
import { ruleset, type TestLedger } from "../support/ledger.ts";
import { jsonOf, openApi } from "./open-api.ts";

const start = Date.UTC(2025, 10, 5, 16);

function daemonOf(ledger: TestLedger) {
  const clock = { now: start };
  const told: string[] = [];
  const reading = { ruleset, partitions: undefined };
  const daemon = createDaemon(
    [
      ingestStage(ledger, { ...reading, onPass: () => {} }),
      closeStage(ledger, {
        ...reading,
        chainId: 0,
        distributor: zeroAddress,
        epochSeconds: 3600,
        now: () => clock.now,
        onClosed: ({ state }) => told.push(`closed ${state.epoch}`),
      }),
    ],
    {
      intervalMs: 1,
      now: () => clock.now,
      onFailure: (stage) => told.push(`${stage} behind`),
      onRecovery: (stage) => told.push(`${stage} recovered`),
    },
  );
  return { daemon, clock, told };
}

test("given a daemon whose log goes away and comes back, /ready says who is behind, since when, why and what to do", async () => {
  const api = await openApi();
  const { daemon, clock, told } = daemonOf(api.ledger);
  const ready = async (status: number) => {
    api.seen.stages = daemon.stages();
    return jsonOf(await api.request("/ready"), status);
  };
  const starting = { state: "starting", since: "2025-11-05T16:00:00Z" };
  expect(await ready(503)).toEqual({
    ready: false,
    stages: [
      { stage: "ingest", ...starting },
      { stage: "close", ...starting },
    ],
  });

  await daemon.round();
  const ok = { state: "ok", since: "2025-11-05T16:00:00Z" };
  expect(await ready(200)).toMatchObject({ ready: true, stages: [ok, ok] });

  const log = join(api.ledger.folder, "log");
  await rename(log, `${log}-away`);
  for (const second of [30, 60]) {
    clock.now = start + second * 1000;
    await daemon.round();
  }
  expect(await ready(503)).toMatchObject({
    ready: false,
    stages: [
      {
        stage: "ingest",
        state: "behind",
        since: "2025-11-05T16:00:30Z",
        code: "directory-missing",
        reason: "The directory does not exist.",
        next: expect.stringContaining("create it"),
      },
      { stage: "close", ...ok },
    ],
  });
  expect((await api.request(`/v1/workers/${account(0)}`)).status).toBe(200);

  await rename(`${log}-away`, log);
  await api.ledger.write(transcodeKey("late"), [transcodeJob({ id: "late" })]);
  clock.now = start + 90_000;
  await daemon.round();
  expect(await ready(200)).toMatchObject({
    stages: [{ stage: "ingest", state: "ok", since: "2025-11-05T16:01:30Z" }, ok],
  });
  expect(told).toEqual(["ingest behind", "ingest recovered"]);
  expect(await jsonOf(await api.request("/status"))).toMatchObject({
    asOf: { object: transcodeKey("late") },
  });
});

test("given a stage that neither fails nor comes back, /ready says after a minute that it is at it, and since when", async () => {
  const clock = { now: start };
  const api = await openApi();
  const answer = Promise.withResolvers<void>();
  let awaited: Promise<void> = Promise.resolve();
  const daemon = createDaemon(
    [
      { name: "ingest", run: () => awaited },
      { name: "close", run: () => Promise.resolve() },
    ],
    { intervalMs: 1, now: () => clock.now, onFailure: () => undefined, onRecovery: () => undefined },
  );
  const ready = async (status: number) => {
    api.seen.stages = daemon.stages();
    return jsonOf(await api.request("/ready"), status);
  };
  await daemon.round();
  awaited = answer.promise;
  const round = daemon.round();
  clock.now = start + 59_000;
  await ready(200);
  clock.now = start + 75_000;
  expect(await ready(503)).toMatchObject({
    stages: [
      {
        ...{ stage: "ingest", state: "behind", code: "stage-slow", since: "2025-11-05T16:00:00Z" },
        reason: "It has been at work for 75 s and is not done.",
        next: expect.stringContaining("payroot doctor"),
      },
      { stage: "close", state: "ok" },
    ],
  });
  expect(daemon.ready()).toBe(false);

  answer.resolve();
  await round;

  await ready(200);
  expect(daemon.ready()).toBe(true);
});
