import { expect, test } from "vitest";
import { zeroAddress } from "../../../offchain/core/address.ts";
import type { Explanation } from "../../../offchain/core/explanation.ts";
import { createProofBook } from "../../../offchain/pipeline/claims/proof-book.ts";
import { retryQuarantine } from "../../../offchain/pipeline/ingest/quarantine.ts";
import { type ExplainQuery, explain } from "../../../offchain/pipeline/workers/explain.ts";
import { createEstimates, noChainView, readWorker } from "../../../offchain/pipeline/workers/worker.ts";
import {
  account,
  aiJob,
  aiKey,
  aiReceipt,
  at,
  connection,
  reset,
  transcodeJob,
  transcodeKey,
  uuid,
  type WireEvent,
} from "../../support/events.ts";
import { openTestLedger, ruleset, type TestLedger } from "../../support/ledger.ts";

const partition = "transcode|eu-central";
const amounts = { gross: 1_200_003_600n, commission: 300_000_900n, earned: 900_002_700n };

function explained(ledger: TestLedger, query: Partial<ExplainQuery> = {}): Promise<Explanation> {
  const ports = {
    ...ledger,
    proofs: createProofBook(ledger.artifacts),
    estimates: createEstimates(ledger.store),
  };
  return explain(ports, { account: account(0), ruleset, ...query });
}

/** Reasons by the position of their event. */
function reasons({ excluded }: Explanation): string[] {
  return excluded.map(({ position, reason }) => `${position} ${reason}`);
}

function ids({ events }: Explanation): string[] {
  return events.map(({ id }) => id);
}

test("given jobs of two accounts, when one is explained, then its events stand with place, time and amounts", async () => {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("a"), [
    transcodeJob({ id: "other", account: account(1) }),
    transcodeJob({ id: "later", second: 9 }),
    reset({ id: "reset" }),
    transcodeJob({ id: "sooner", second: 3 }),
  ]);
  await ledger.close();

  expect(await explained(ledger, { epoch: 1 })).toEqual({
    account: account(0),
    epoch: 1,
    assets: [{ asset: zeroAddress, gross: 2_400_007_200n, commission: 600_001_800n, earned: 1_800_005_400n }],
    events: [
      {
        ...{ id: uuid("sooner"), DT: at(3), partition, object: transcodeKey("a"), position: 3 },
        ...{ ...amounts, late: false },
      },
      {
        ...{ id: uuid("later"), DT: at(9), partition, object: transcodeKey("a"), position: 1 },
        ...{ ...amounts, late: false },
      },
    ],
    excluded: [],
  });
});

const job = (id: string): WireEvent => transcodeJob({ id });
const withPayload = (event: WireEvent, changes: Record<string, unknown>): WireEvent => {
  return { ...event, Payload: { ...event.Payload, ...changes } };
};
const wrongCase = account(0).replace("Ab58", "aB58");
const tooMuch = { fees: "10000000000000000001", computeUnits: undefined };

test.each<[string, unknown[], string[]]>([
  ["malformed", [{ ...job("1"), DT: 5 }], ["0 malformed"]],
  ["malformed without an ID", [{ ...job("1"), ID: "" }], ["0 malformed"]],
  ["unsupported-version", [{ ...job("1"), Version: 2 }], ["0 unsupported-version"]],
  ["unknown-type", [{ ...job("1"), EventType: "mystery" }], ["0 unknown-type"]],
  ["invalid-timestamp", [{ ...job("1"), DT: "2025-11-05 15:00" }], ["0 invalid-timestamp"]],
  ["wrong-partition", [{ ...job("1"), Region: "us-west" }], ["0 wrong-partition"]],
  ["invalid-address", [withPayload(job("1"), { ethAddress: wrongCase })], ["0 invalid-address"]],
  ["invalid-amount", [withPayload(job("1"), { fees: -1 })], ["0 invalid-amount"]],
  ["amount-over-limit", [withPayload(job("1"), tooMuch)], ["0 amount-over-limit"]],
  ["fee-mismatch", [withPayload(job("1"), { fees: 5 })], ["0 fee-mismatch"]],
  [
    "conflicting-duplicate, and a repeat of one of the two",
    [job("1"), transcodeJob({ id: "1", units: 7 }), job("1")],
    ["0 conflicting-duplicate", "1 conflicting-duplicate", "2 duplicate"],
  ],
  ["duplicate", [job("1"), job("1")], ["1 duplicate"]],
  ["zero-fee", [transcodeJob({ id: "1", units: 0 })], ["0 zero-fee"]],
  [
    "a connection repeated, and not what is counted once",
    [...Array(2)].map(() => connection({ id: "1", type: "worker-connected" })),
    ["1 duplicate"],
  ],
  [
    "an address in lower case as a good one",
    [withPayload(job("1"), { ethAddress: account(0).toLowerCase() })],
    [],
  ],
  ["nothing that names no account", [null, 7, [], { ...job("1"), Payload: null }, reset({ id: "2" })], []],
])(
  "given %s, then it is excluded with that reason and its place, open and closed",
  async (_, events, expected) => {
    const ledger = await openTestLedger();
    await ledger.write(transcodeKey("a"), events);
    await ledger.write(transcodeKey("b"), [transcodeJob({ id: "other", account: account(1) })]);
    await ledger.ingest();
    const open = await explained(ledger);
    await ledger.close();
    const closed = await explained(ledger, { epoch: 1 });

    expect(reasons(open)).toEqual(expected);
    expect(closed).toEqual(open);
  },
);

test("given an AI receipt without its job, then it is unmatched in the epoch in which it was read, and only there", async () => {
  const ledger = await openTestLedger();
  await ledger.write(aiKey("a"), [aiReceipt({ id: "receipt", requestID: "r1", second: 5 })]);
  await ledger.write(transcodeKey("a"), [job("1")]);
  await ledger.close(0);
  await ledger.write(aiKey("b"), [aiJob({ id: "job", requestID: "r1", second: 1 })]);
  await ledger.ingest();
  const open = await explained(ledger);
  await ledger.close(1);

  const unmatched = { id: uuid("receipt"), object: aiKey("a"), position: 0, reason: "unmatched" };
  expect((await explained(ledger, { epoch: 1 })).excluded).toEqual([unmatched]);
  const second = await explained(ledger, { epoch: 2 });
  expect(second).toEqual(open);
  expect(second).toMatchObject({
    assets: [{ gross: 1_000_000_007n, commission: 250_000_001n, earned: 750_000_006n }],
    // The job was read in an epoch that opened after it: it is late.
    events: [{ id: uuid("job"), object: aiKey("b"), position: 0, DT: at(1), late: true }],
    excluded: [],
  });
});

test("given an AI job carried over from the epoch that it was read in, then waiting does not make it late", async () => {
  const ledger = await openTestLedger();
  await ledger.write(aiKey("a"), [aiJob({ id: "job", requestID: "r1", second: 1 })]);
  await ledger.write(transcodeKey("a"), [job("1")]);
  await ledger.close(0);
  await ledger.write(transcodeKey("b"), [job("2")]);
  await ledger.close(1);
  await ledger.write(aiKey("b"), [aiReceipt({ id: "receipt", requestID: "r1", second: 5 }), job("3")]);
  await ledger.ingest();
  const open = await explained(ledger);
  await ledger.close(2);

  expect((await explained(ledger, { epoch: 1 })).excluded).toEqual([]);
  const third = await explained(ledger, { epoch: 3 });
  expect(third).toEqual(open);
  expect(third.events).toMatchObject([{ id: uuid("job"), object: aiKey("a"), position: 0, late: false }]);
  expect(reasons(third)).toEqual(["1 wrong-partition"]);
});

test("given a zero-fee AI pair, then its job is excluded and its receipt is not unmatched", async () => {
  const ledger = await openTestLedger();
  const pair = [
    aiJob({ id: "job", requestID: "r1", fees: 0 }),
    aiReceipt({ id: "receipt", requestID: "r1" }),
  ];
  await ledger.write(aiKey("a"), pair);
  await ledger.write(transcodeKey("a"), [job("1")]);
  await ledger.ingest();
  const open = await explained(ledger);
  await ledger.close();
  const { excluded } = await explained(ledger, { epoch: 1 });
  expect(excluded).toEqual(open.excluded);
  expect(excluded).toEqual([{ id: uuid("job"), object: aiKey("a"), position: 0, reason: "zero-fee" }]);
});

test("given an event older than the epoch's opening, then it is late, and in the first epoch nothing is", async () => {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("a"), [job("1")]);
  await ledger.close(0);
  await ledger.write(transcodeKey("b"), [job("2"), transcodeJob({ id: "3", second: 9 * 3600 })]);
  await ledger.ingest();
  const open = await explained(ledger);
  await ledger.close(1);

  const late = ({ events }: Explanation) => events.map((event) => event.late);
  expect(late(open)).toEqual([true, false]);
  expect(late(await explained(ledger, { epoch: 2 }))).toEqual([true, false]);
  expect(late(await explained(ledger, { epoch: 1 }))).toEqual([false]);
});

test("given an event read first in an object whose key comes later, then it belongs to the first by key", async () => {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("b"), [job("1")]);
  await ledger.ingest();
  expect((await explained(ledger)).events).toMatchObject([{ object: transcodeKey("b"), position: 0 }]);

  await ledger.write(transcodeKey("a"), [reset({ id: "2" }), job("1")]);
  await ledger.close();

  const { events, excluded } = await explained(ledger, { epoch: 1 });
  expect(events).toMatchObject([{ object: transcodeKey("a"), position: 1 }]);
  expect(excluded).toEqual([{ id: uuid("1"), object: transcodeKey("b"), position: 0, reason: "duplicate" }]);
});

test("given a conflict in a closed epoch and its ID used again since, then both epochs keep their account of it", async () => {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("a"), [job("1"), transcodeJob({ id: "1", units: 7 }), job("2")]);
  await ledger.close(0);
  await ledger.write(transcodeKey("b"), [job("1"), job("2")]);
  await ledger.close(1);

  const first = await explained(ledger, { epoch: 1 });
  const second = await explained(ledger, { epoch: 2 });
  expect([ids(first), reasons(first)]).toEqual([
    [uuid("2")],
    ["0 conflicting-duplicate", "1 conflicting-duplicate"],
  ]);
  expect([ids(second), reasons(second)]).toEqual([[uuid("1")], ["1 duplicate"]]);
});

test("given rejections of a closed epoch that are tried again, then that epoch is explained as before, and the open one pays", async () => {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("a"), [transcodeJob({ id: "1", units: 2_000_000 }), job("2")]);
  await ledger.ingest({ maxEventFeeWei: "2000000000" });
  await ledger.close(0);
  const before = await explained(ledger, { epoch: 1 });
  await retryQuarantine(ledger, ruleset);

  expect(reasons(before)).toEqual(["0 amount-over-limit"]);
  expect(await explained(ledger, { epoch: 1 })).toEqual(before);
  const open = await explained(ledger);
  expect([ids(open), reasons(open)]).toEqual([[uuid("1")], ["1 duplicate"]]);
});

test("given an object rejected whole, then it names nobody, and what comes in its place is explained", async () => {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("a"), JSON.stringify([job("1")]).slice(0, -1));
  await ledger.ingest();
  expect(await explained(ledger)).toMatchObject({ events: [], excluded: [] });
  await ledger.write(transcodeKey("a"), [job("1")]);
  await ledger.close();
  const { events, excluded } = await explained(ledger, { epoch: 1 });
  expect([events.map(({ object }) => object), excluded]).toEqual([[transcodeKey("a")], []]);
});

test("given an account that never worked, then its explanation is empty, with zeros", async () => {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("a"), [job("1")]);
  await ledger.close();
  const zeros = { asset: zeroAddress, gross: 0n, commission: 0n, earned: 0n };
  const nothing = { account: account(3), assets: [zeros], events: [], excluded: [] };
  expect(await explained(ledger, { account: account(3), epoch: 1 })).toEqual({ ...nothing, epoch: 1 });
  expect(await explained(ledger, { account: account(3) })).toEqual({ ...nothing, epoch: 2 });
});

test.each([0, 3, 2 ** 40])("given epoch %i, which there is not, then that is said", async (epoch) => {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("a"), [job("1")]);
  await ledger.close();
  await expect(explained(ledger, { epoch })).rejects.toMatchObject({ code: "epoch-unknown" });
});

test("given the rules changed between epochs, then each epoch is explained by its own", async () => {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("a"), [job("1")]);
  await ledger.close(0);
  await ledger.write(transcodeKey("b"), [job("2")]);
  await ledger.ingest({ commissionPpm: 0 });
  expect((await explained(ledger, { epoch: 2 })).assets[0]?.earned).toBe(amounts.gross);
  await ledger.close(1);
  const earned = async (epoch: number) => (await explained(ledger, { epoch })).assets[0]?.earned;
  expect(await earned(1)).toBe(amounts.earned);
  expect(await earned(2)).toBe(amounts.gross);
});

test("given the open epoch, then what is explained is what worker show has accruing", async () => {
  const ledger = await openTestLedger();
  const pair = [aiJob({ id: "job", requestID: "r1" }), aiReceipt({ id: "receipt", requestID: "r1" })];
  await ledger.write(aiKey("a"), pair);
  await ledger.write(transcodeKey("a"), [job("1")]);
  await ledger.ingest();
  const ports = { store: ledger.store, chain: noChainView, estimates: createEstimates(ledger.store) };
  const worker = await readWorker(ports, { account: account(0), ruleset });
  const { assets, events } = await explained(ledger);
  expect(assets[0]?.earned).toBe(worker.assets[0]?.accruing);
  expect(events).toHaveLength(2);
});
