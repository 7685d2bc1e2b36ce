import { expect, test } from "vitest";
import type { ObjectStore } from "../../../offchain/objects/object-store.ts";
import { type DoctorPorts, examine, type Finding } from "../../../offchain/pipeline/operate/doctor.ts";
import { openTestLedger, type TestLedger } from "../../support/ledger.ts";

const gibibyte = 1n << 30n;

test.each([
  [2n * gibibyte, "ok", "2.0 GiB free"],
  [2n * gibibyte - 1n, "warning", "1.9 GiB free"],
  [gibibyte / 8n - 1n, "error", "0.1 GiB free"],
])("given %d bytes free, the disk is %s", async (free, state, found) => {
  const disk = (await findings({ freeBytes: async () => free })).get("disk");
  expect(disk).toMatchObject({ state, found });
  expect(disk?.next ?? "").toMatch(state === "ok" ? /^$/ : /free disk space/);
});

test("given a disk that cannot be asked, it is an error", async () => {
  const fail = () => Promise.reject(new Error("statfs failed"));
  expect((await findings({ freeBytes: fail })).get("disk")).toMatchObject({
    state: "error",
    found: "statfs failed",
  });
});

test("given a store with a cache in front of it that gives old answers, it is an error", async () => {
  const stale = (store: ObjectStore): ObjectStore => ({ ...store, get: async () => undefined });
  const found = await findings(({ artifacts }) => ({ artifacts: () => stale(artifacts) }));
  expect(found.get("artifacts")).toMatchObject({ state: "error", next: expect.stringContaining("cache") });
});

test("given a store that may not delete, it is an error", async () => {
  const kept = (store: ObjectStore): ObjectStore => ({ ...store, delete: async () => {} });
  const found = await findings(({ archive }) => ({ archive: () => kept(archive) }));
  expect(found.get("archive")).toMatchObject({ state: "error", next: expect.stringContaining("deleting") });
});

test("given several clocks, the worst one counts, and those that do not tell are left out", async () => {
  const clock = (name: string, time: number | undefined) => ({ name, read: async () => time });
  const broken = { name: "a broken one", read: () => Promise.reject(new Error("no route")) };
  const clocks = [clock("S3", 100_000), clock("mute", undefined), broken, clock("the RPC", 60_000)];
  expect((await findings({ clocks, now: () => 100_000 })).get("clock")).toMatchObject({
    state: "warning",
    found: "40 s ahead of the RPC",
  });
});

/** The findings of a pool on real directories, with some ports replaced. */
async function findings(
  own: Partial<DoctorPorts> | ((ledger: TestLedger) => Partial<DoctorPorts>),
): Promise<Map<string, Finding>> {
  const ledger = await openTestLedger();
  const ports: DoctorPorts = {
    log: () => ledger.log,
    archive: () => ledger.archive,
    artifacts: () => ledger.artifacts,
    dataDirectory: async () => "opened",
    freeBytes: async () => 100n * gibibyte,
    clocks: [],
    now: Date.now,
    chain: () => undefined,
    signer: async () => undefined,
    autoPublish: false,
    ...(typeof own === "function" ? own(ledger) : own),
  };
  const { findings } = await examine(ports);
  return new Map(findings.map((finding) => [finding.name, finding]));
}
