import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import type { Address } from "../../offchain/core/address.ts";
import { elementsNaming, explainJobs, type PaidJob, sumPartitions } from "../../offchain/core/explanation.ts";
import { account, aiJob, reset, transcodeJob, uuid } from "../support/events.ts";
import { ruleset } from "../support/ledger.ts";

const partition = { region: "eu-central", nodeType: "transcode" };
const job = transcodeJob({ id: "1" });
const others = [
  transcodeJob({ id: "0", account: account(1) }),
  reset({ id: "r" }),
  aiJob({ id: "a", requestID: "r" }),
];

function named(content: string | Uint8Array, of: Address = account(0)): string[] {
  const object = { bytes: Buffer.from(content), key: "a.json", partition, ruleset };
  return elementsNaming(of, object).map(({ position, parsed }) => `${position} ${parsed.id}`);
}

const array = JSON.stringify([...others, job]);
const escaped = array.replaceAll(account(0), account(0).replace("0x", "0\\u0078"));
test.each<[string, string | Uint8Array]>([
  ["plain", array],
  ["in lower case", array.replaceAll(account(0), account(0).toLowerCase())],
  ["in capitals", array.replaceAll(account(0), account(0).toUpperCase())],
  ["with a wrong checksum", array.replaceAll("0xAb58", "0xaB58")],
  ["spelled with escapes", escaped],
  ["compressed", gzipSync(array)],
  ["as lines", [...others, job].map((event) => JSON.stringify(event)).join("\n")],
])("given an address %s, then the element that has it in its payload names the account", (_, content) => {
  expect(named(content)).toEqual([`3 ${uuid("1")}`]);
  expect(named(content, account(2))).toEqual([]);
});

test("given an address elsewhere than in the payload's ethAddress, then it names nobody", () => {
  const { ethAddress, ...payload } = job.Payload;
  const elsewhere = [
    { ...job, ethAddress, Payload: payload },
    { ...job, ID: ethAddress, Payload: { ...payload, recipient: ethAddress } },
    { ...job, Payload: { ...payload, ethAddress: [ethAddress] } },
    { ...job, Payload: { ...payload, ethAddress: `${ethAddress}0` } },
    { ...job, Payload: [ethAddress] },
    ethAddress,
  ];
  expect(named(JSON.stringify(elsewhere))).toEqual([]);
});

test("given an object that is cut short, or above the limit, then it names nobody", () => {
  expect(named(array.slice(0, -1))).toEqual([]);
  const object = { bytes: Buffer.from(array), key: "a.json", partition };
  expect(elementsNaming(account(0), { ...object, ruleset: { ...ruleset, maxObjectBytes: 9 } })).toEqual([]);
});

test("given jobs in any order, then they are explained oldest first, then by object, position and id", () => {
  const at = (id: string, time: number, object = "a", position = 0): PaidJob => {
    return { id, time, partition: "p", object, position, feesWei: 7n, late: false };
  };
  const jobs = [at("e", 2), at("d", 1, "b"), at("0", 1, "a", 1), at("b", 1), at("a", 1)];
  const explained = explainJobs(jobs, ruleset);
  expect(explained.map(({ id }) => id)).toEqual(["a", "b", "0", "d", "e"]);
  expect(explained[4]).toEqual({
    ...{ id: "e", DT: "1970-01-01T00:00:00.002Z", partition: "p", object: "a", position: 0, late: false },
    ...{ gross: 7n, commission: 1n, earned: 6n },
  });
});

test("given sums of two partitions, then each is added up by itself", () => {
  const sum = (partition: string, wei: bigint) => {
    return { partition, events: 1, grossWei: wei, commissionWei: 1n, earnedWei: wei - 1n };
  };
  const sums = sumPartitions([sum("a", 5n), sum("b", 7n), sum("a", 3n)]);
  expect(sums.get("a")).toEqual({
    partition: "a",
    events: 2,
    grossWei: 8n,
    commissionWei: 2n,
    earnedWei: 6n,
  });
  expect(sums.get("b")).toEqual(sum("b", 7n));
});
