import { expect, test } from "vitest";
import type { Address } from "../../../offchain/core/address.ts";
import type { AuditReport } from "../../../offchain/pipeline/audit/audit.ts";
import { auditOf, failuresOf, twoEpochs } from "../../support/auditing.ts";
import { account, transcodeJob, transcodeKey, uuid } from "../../support/events.ts";
import { type Draft, republish } from "../../support/hostile.ts";

// What a hostile operator could do, each by name. Published epochs stay in themselves without a fault wherever they can.

const fee = (units: bigint): bigint => units * 1200n;
const earned = (units: bigint): bigint => fee(units) - fee(units) / 4n;

test("a leaf plus one wei", async () => {
  const ledger = await twoEpochs();
  await republish(ledger.artifacts, 2, ({ leaves }) => {
    leafOf(leaves, account(1)).cumulative += 1n;
  });

  const report = await auditOf(ledger);

  expect(Object.keys(failuresOf(report))).toEqual([
    "2 leaves",
    "2 conservation",
    "2 root",
    "2 proofs",
    "2 manifest hash",
  ]);
  const check = checkIn(report, "leaves");
  expect(check.expected).toContain(`"cumulative":"${earned(380_000n)}"`);
  expect(check.actual).toContain(`"cumulative":"${earned(380_000n) + 1n}"`);
  expect(check.detail).toBe(
    `1 wei too much for ${account(1)}, whose amount comes from event ${uuid("8")} in object ${transcodeKey("c")} at position 1 earned ${earned(80_000n)}`,
  );
});

test("an event dropped", async () => {
  const ledger = await twoEpochs();
  await republish(ledger.artifacts, 2, (draft) => {
    lower(draft, account(0), fee(900n));
    Object.assign(draft.objects[1] ?? {}, { events: 0, accepted: 0 });
    draft.inputs.events -= 1;
    draft.inputs.accepted -= 1;
  });

  const report = await auditOf(ledger);

  const failures = failuresOf(report);
  const exact = `${earned(900n)} wei too little for ${account(0)}: exactly what event ${uuid("9")} in object ${transcodeKey("d")} at position 0 earned`;
  expect(failures).toMatchObject({ "2 earnings": exact, "2 leaves": exact });
  expect(failures["2 events"]).toBe(`first of all in object ${transcodeKey("d")}`);
  expect(failures["2 objects"]).toContain(transcodeKey("d"));
});

test("an object edited after publishing", async () => {
  const ledger = await twoEpochs();
  const edited = [transcodeJob({ id: "9", units: 901 })];
  await ledger.archive.put(`archive/${transcodeKey("d")}`, Buffer.from(JSON.stringify(edited)));

  const report = await auditOf(ledger);

  expect(checkIn(report, "objects")).toMatchObject({
    ok: false,
    expected: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  expect(checkIn(report, "objects").detail).toBe(
    `object ${transcodeKey("d")}, archived as archive/${transcodeKey("d")}: it was edited after it was published`,
  );
  expect(checkIn(report, "earnings").detail).toContain(`900 wei too little for ${account(0)}`);
  expect(checkIn(report, "earnings").detail).toContain(`event ${uuid("9")} in object ${transcodeKey("d")}`);
});

test("a total lowered", async () => {
  const ledger = await twoEpochs();
  await republish(ledger.artifacts, 2, ({ leaves }) => {
    leafOf(leaves, account(3)).cumulative -= 5n;
  });

  const report = await auditOf(ledger);

  expect(checkIn(report, "monotonic totals")).toMatchObject({
    ok: false,
    expected: "at least 750000006",
    actual: "750000001",
    detail: `${account(3)} was entitled to 750000006 after the epoch before`,
  });
  expect(checkIn(report, "leaves").detail).toBe(
    `5 wei too little for ${account(3)}: no event of this epoch earned it anything`,
  );
});

test("an account left out", async () => {
  const ledger = await twoEpochs();
  await republish(ledger.artifacts, 2, (draft) => {
    draft.rows = draft.rows.filter((row) => row.account !== account(1));
    draft.leaves = draft.leaves.filter((leaf) => leaf.account !== account(1));
  });

  const report = await auditOf(ledger);

  expect(checkIn(report, "earnings")).toMatchObject({ actual: "no such line" });
  expect(checkIn(report, "earnings").detail).toContain(
    `exactly what event ${uuid("8")} in object ${transcodeKey("c")} at position 1 earned`,
  );
  expect(checkIn(report, "leaves").detail).toContain(account(1));
  expect(checkIn(report, "monotonic totals")).toMatchObject({ ok: false, actual: "no leaf" });
  expect(checkIn(report, "proofs").detail).toContain(account(1));
});

test("a wrong commission", async () => {
  const ledger = await twoEpochs();
  await republish(ledger.artifacts, 2, (draft) => {
    for (const row of draft.rows) {
      const more = row.grossWei / 20n;
      row.commissionWei += more;
      row.earnedWei -= more;
      leafOf(draft.leaves, row.account).cumulative -= more;
    }
  });

  const report = await auditOf(ledger);

  expect(Object.keys(failuresOf(report))).toEqual(
    expect.arrayContaining(["2 earnings", "2 leaves", "2 root", "2 earnings root"]),
  );
  const { detail, expected, actual } = checkIn(report, "earnings");
  expect(JSON.parse(expected)).toMatchObject({ account: account(1), commission: String(fee(20_000n)) });
  expect(JSON.parse(actual)).toMatchObject({ account: account(1), commission: String(fee(24_000n)) });
  expect(detail).toContain(`event ${uuid("8")} in object ${transcodeKey("c")} at position 1 earned`);
});

test("a ruleset changed inside an epoch", async () => {
  const ledger = await twoEpochs();
  // Object d is paid at a commission of a half, the rest at the published quarter.
  await republish(ledger.artifacts, 2, (draft) => {
    const row = draft.rows.find((own) => own.account === account(0));
    if (row === undefined) throw new Error("no row");
    row.commissionWei += fee(900n) / 4n;
    row.earnedWei -= fee(900n) / 4n;
    leafOf(draft.leaves, account(0)).cumulative -= fee(900n) / 4n;
  });

  const report = await auditOf(ledger);

  const { detail } = checkIn(report, "earnings");
  expect(detail).toContain(`${fee(900n) / 4n} wei too little for ${account(0)}`);
  expect(detail).toContain(`event ${uuid("9")} in object ${transcodeKey("d")} at position 0 earned`);
});

test("rules published under the hash of others", async () => {
  const ledger = await twoEpochs();
  const key = "epochs/000002/manifest.json";
  const text = Buffer.from((await ledger.artifacts.get(key))?.bytes ?? []).toString();
  await ledger.artifacts.put(
    key,
    Buffer.from(text.replace('"commissionPpm":250000', '"commissionPpm":300000')),
  );

  const report = await auditOf(ledger);

  expect(checkIn(report, "ruleset")).toMatchObject({ ok: false });
  expect(checkIn(report, "ruleset").detail).toContain('"commissionPpm":300000');
  expect(checkIn(report, "earnings").detail).toContain(account(1));
});

test("a withheld object", async () => {
  const ledger = await twoEpochs();
  const key = transcodeKey("20251105T150000Z_20251105T150100Z");
  await ledger.write(key, [transcodeJob({ id: "11" })]);
  // One that ends after the newest close is not due yet.
  await ledger.write(transcodeKey("20251106T010000Z_20251106T010100Z"), [transcodeJob({ id: "12" })]);

  const report = await auditOf(ledger, { log: ledger.log });

  expect(failuresOf(report)).toEqual({
    "1 withheld objects": expect.stringContaining(`object ${key} ended before`),
  });
  expect(checkIn(report, "withheld objects", 1).actual).toBe("1 objects of the log left out");
});

test("a missing proof file", async () => {
  const ledger = await twoEpochs();
  const shard = account(1).slice(2, 4).toLowerCase();
  await ledger.artifacts.delete(`epochs/000002/proofs/${shard}.json`);

  const report = await auditOf(ledger);

  expect(failuresOf(report)).toEqual({
    "2 files": `proofs/${shard}.json is missing`,
    "2 proofs": `proofs/${shard}.json: the file is missing, so ${account(1)} has no proof`,
  });
});

test("a proof that leads nowhere", async () => {
  const ledger = await twoEpochs();
  const key = `epochs/000002/proofs/${account(1).slice(2, 4).toLowerCase()}.json`;
  const text = Buffer.from((await ledger.artifacts.get(key))?.bytes ?? []).toString();
  await ledger.artifacts.put(key, Buffer.from(text.replace(/"proof":\["0x./, '"proof":["0x0')));

  expect(checkIn(await auditOf(ledger), "proofs").detail).toContain(
    `the proof of ${account(1)} is another one, which leads not even to the published root`,
  );
});

test("an edited earnings.ndjson", async () => {
  const ledger = await twoEpochs();
  const key = "epochs/000002/earnings.ndjson";
  const text = Buffer.from((await ledger.artifacts.get(key))?.bytes ?? []).toString();
  const more = String(earned(80_000n) + 3n);
  await ledger.artifacts.put(key, Buffer.from(text.replace(String(earned(80_000n)), more)));

  const report = await auditOf(ledger);

  expect(Object.keys(failuresOf(report))).toEqual(["2 files", "2 earnings", "2 conservation"]);
  expect(checkIn(report, "files").detail).toBe("earnings.ndjson was edited after it was published");
  expect(checkIn(report, "earnings").detail).toContain(`3 wei too much for ${account(1)}`);
  expect(checkIn(report, "earnings").detail).toContain(`event ${uuid("8")} in object ${transcodeKey("c")}`);
});

test("a rejection that was none", async () => {
  const ledger = await twoEpochs();
  await republish(ledger.artifacts, 2, (draft) => {
    lower(draft, account(0), fee(900n));
    Object.assign(draft.objects[1] ?? {}, { accepted: 0, rejected: 1 });
    draft.inputs.accepted -= 1;
    draft.inputs.rejected += 1;
    const detail = "fees 1, expected a non-negative integer of wei";
    const object = transcodeKey("d");
    draft.rejections.push({ object, position: 0, id: uuid("9"), reason: "invalid-amount", detail });
  });

  expect(checkIn(await auditOf(ledger), "rejections")).toMatchObject({
    expected: "no such line",
    detail: `event ${uuid("9")} in object ${transcodeKey("d")} at position 0`,
  });
});

test("an object missing in the archive", async () => {
  const ledger = await twoEpochs();
  await ledger.archive.delete(`archive/${transcodeKey("d")}`);

  const report = await auditOf(ledger);

  expect(checkIn(report, "objects").detail).toContain(`object ${transcodeKey("d")}`);
  expect(checkIn(report, "objects")).toMatchObject({ ok: false, actual: "no such object" });
});

test.each([
  ["no JSON", "{"],
  ["another epoch's", undefined],
  ["with an amount that is none", '"cumulative":"-1"'],
])("a manifest that is %s", async (_, content) => {
  const ledger = await twoEpochs();
  const key = "epochs/000002/manifest.json";
  const text = Buffer.from((await ledger.artifacts.get(key))?.bytes ?? []).toString();
  const other = (await ledger.artifacts.get("epochs/000001/manifest.json"))?.bytes ?? Buffer.of();
  const forged =
    content === undefined
      ? other
      : content.startsWith('"')
        ? text.replace(/"cumulative":"\d+"/, content)
        : content;
  await ledger.artifacts.put(key, Buffer.from(forged));

  const report = await auditOf(ledger);

  expect(Object.keys(failuresOf(report))).toEqual(["2 manifest"]);
  expect(report.epochs.map(({ ok }) => ok)).toEqual([true, false]);
});

function checkIn(
  report: AuditReport,
  name: string,
  epoch = 2,
): AuditReport["epochs"][number]["checks"][number] {
  const found = report.epochs.find((own) => own.epoch === epoch)?.checks.find((check) => check.name === name);
  if (found === undefined) throw new Error(`no check ${name}`);
  return found;
}

function leafOf(leaves: Draft["leaves"], whose: Address): Draft["leaves"][number] {
  const leaf = leaves.find((own) => own.account === whose);
  if (leaf === undefined) throw new Error(`no leaf of ${whose}`);
  return leaf;
}

/** Takes an event away from an account, everywhere. */
function lower({ rows, leaves }: Draft, whose: Address, feesWei: bigint): void {
  const row = rows.find((own) => own.account === whose);
  if (row === undefined) throw new Error(`no row of ${whose}`);
  row.events -= 1;
  row.grossWei -= feesWei;
  row.commissionWei -= feesWei / 4n;
  row.earnedWei -= feesWei - feesWei / 4n;
  leafOf(leaves, whose).cumulative -= feesWei - feesWei / 4n;
}
