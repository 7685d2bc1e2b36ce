import { expect, test } from "vitest";
import { correlateWaiting } from "../../../offchain/pipeline/close/open-epoch.ts";
import { readPerformance } from "../../../offchain/pipeline/performance/performance.ts";
import { recentJobs } from "../../../offchain/pipeline/performance/recent-jobs.ts";
import { noChainView } from "../../../offchain/pipeline/workers/worker.ts";
import { account, objectKey } from "../../support/events.ts";
import { openTestLedger, ruleset } from "../../support/ledger.ts";

// Small events, well within the largest object of the default rules, and more than a call can have arguments.

const many = 150_000;
const time = "2025-11-05T15:00:00Z";

/** An object's text of one line an event, as short as events can be. */
function objectOf(nodeType: string, eventOf: (index: number) => { type: string; payload: object }): string {
  const lines = Array.from({ length: many }, (_, index) => {
    const { type, payload } = eventOf(index);
    const envelope = { DT: time, EventType: type, ID: `${index}`, NodeType: nodeType };
    return JSON.stringify({ ...envelope, Payload: payload, Region: "eu", Version: 1 });
  });
  const text = `[${lines.join(",\n")}]`;
  expect(text.length).toBeLessThan(ruleset.maxObjectBytes);
  return text;
}

const workerOf = (index: number): string => `0x${index.toString(16).padStart(40, "0")}`;

test("given an object of 150,000 jobs of as many workers, when it is read and looked at, then each of them counts", async () => {
  const ledger = await openTestLedger();
  const job = (index: number) => {
    const work = { computeUnits: 1, duration: 1, responseTime: 1 };
    return { type: "job-processed", payload: { ...work, ethAddress: workerOf(index + 1), fees: 4 } };
  };
  await ledger.write(objectKey("transcode", "eu", "a"), objectOf("transcode", job));
  expect(await ledger.ingest()).toMatchObject({ events: many, accepted: many, rejected: 0 });
  const { store } = ledger;
  const { rows } = await readPerformance({ store, chain: noChainView, ruleset }, { epoch: 1 });
  expect(rows.length).toBe(many);
  expect(await recentJobs({ store }, { since: 0, limit: 3, ruleset })).toHaveLength(3);
}, 120_000);

test("given 150,000 receipts of one request, when others contradict them, then all are taken back and refused", async () => {
  const ledger = await openTestLedger();
  const receipt = (of: string) => () => {
    return { type: "job-received", payload: { ethAddress: of, requestID: "r" } };
  };
  await ledger.write(objectKey("ai", "eu", "a"), objectOf("ai", receipt(account(0))));
  expect(await ledger.ingest()).toMatchObject({ events: many, accepted: many });
  const waiting = async () => (await correlateWaiting(ledger.store, ruleset)).receipts.length;
  expect(await waiting()).toBe(many);
  await ledger.write(objectKey("ai", "eu", "b"), objectOf("ai", receipt(account(1))));
  expect(await ledger.ingest()).toMatchObject({ events: many, accepted: 0, rejected: many });
  expect(await waiting()).toBe(0);
}, 120_000);
