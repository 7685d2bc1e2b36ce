import fc from "fast-check";
import { expect, test } from "vitest";
import { addressFromBytes } from "../../offchain/core/address.ts";
import {
  decodeSamples,
  encodeSamples,
  type JobSample,
  SampleReader,
} from "../../offchain/core/job-samples.ts";
import { jobSamples, lifeSums, pairedJobs } from "../../offchain/store/job-keys.ts";
import { keyOf } from "../../offchain/store/keyspace.ts";

const anyMeasure = fc.option(
  fc
    .oneof(fc.nat(300), fc.constantFrom(127, 128, 2 ** 31, 2 ** 32, 999_999_999_999_999), fc.maxSafeNat())
    .map((n) => Math.min(n, 999_999_999_999_999)),
  { nil: undefined },
);
const anyAccount = fc.nat(5).map((byte) => addressFromBytes(new Uint8Array(20).fill(byte + 1)));
const anyName = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 });
const anySample = fc.record({
  gap: fc.oneof(fc.nat(3), fc.nat(100_000)),
  time: fc.oneof(
    fc.integer({ min: -1000, max: 1000 }).map((second) => second * 1000),
    fc.constantFrom(-62_167_219_200_000, 253_402_300_799_999, 1, -1),
  ),
  account: fc.option(anyAccount, { nil: undefined }),
  feesWei: fc.oneof(fc.bigInt(0n, 300n), fc.bigInt(0n, 2n ** 64n + 1n), fc.bigInt(0n, 10n ** 60n)),
  work: fc.record({
    computeUnits: anyMeasure,
    responseTime: anyMeasure,
    realTimeRatio: anyMeasure,
    durationMs: anyMeasure,
    task: fc.option(fc.record({ pipeline: anyName, modelID: anyName }), { nil: undefined }),
  }),
});
const anySamples = fc.array(anySample, { maxLength: 30 }).map((list) => {
  let position = -1;
  return list.map(({ gap, ...sample }): JobSample => {
    position += gap + 1;
    return { ...sample, position };
  });
});

test("given any jobs of an object, then their bytes give them back, and are the same for the same jobs", () => {
  fc.assert(
    fc.property(anySamples, anySamples, (jobs, others) => {
      const bytes = encodeSamples(jobs);
      encodeSamples(others);
      expect(decodeSamples(bytes)).toEqual(jobs);
      expect(Buffer.compare(encodeSamples(decodeSamples(bytes)), bytes)).toBe(0);
    }),
    { numRuns: 500 },
  );
});

test("given usual jobs, then each takes twenty bytes", () => {
  const jobs = Array.from({ length: 10_000 }, (_, index): JobSample => {
    const account = addressFromBytes(new Uint8Array(20).fill((index % 200) + 1));
    const computeUnits = 1_000_000 + index;
    const work = { computeUnits, responseTime: 240, realTimeRatio: 8, durationMs: 2000, task: undefined };
    const time = 1_762_355_000_000 + Math.floor(index / 200) * 1000;
    return { position: index, time, account, feesWei: BigInt(computeUnits) * 1200n, work };
  });
  expect(encodeSamples(jobs).length / jobs.length).toBeLessThan(21);
});

test("given an account, then its number in the list is found, or none", () => {
  const account = addressFromBytes(new Uint8Array(20).fill(7));
  const work = {
    ...{ computeUnits: 1, responseTime: 1, realTimeRatio: 1, durationMs: undefined, task: undefined },
  };
  const reader = new SampleReader(encodeSamples([{ position: 3, time: 0, account, feesWei: 1n, work }]));
  expect(reader.numberOf(account)).toBe(0);
  expect(reader.numberOf(addressFromBytes(new Uint8Array(20).fill(8)))).toBe(-1);
});

test("given keys of jobs, pairs and sums, then they are read back, in the order of their parts", () => {
  const key = { partition: "ai|us-central", newest: 1000, ordinal: 7 };
  expect(jobSamples.key.decode(jobSamples.key.encode(key))).toEqual(key);
  const later = keyOf(jobSamples, { ...key, newest: 1001, ordinal: 0 });
  expect(Buffer.compare(keyOf(jobSamples, key), later)).toBe(-1);
  const pair = { ordinal: 3, epoch: 5 };
  expect(pairedJobs.key.decode(pairedJobs.key.encode(pair))).toEqual(pair);
  const account = addressFromBytes(new Uint8Array(20).fill(9));
  const jobs = [
    { position: 0, account },
    { position: 70_000, account },
  ];
  expect(pairedJobs.value.decode(pairedJobs.value.encode(jobs))).toEqual(jobs);
  const sum = { account, asset: account, partition: "transcode|us-west" };
  expect(lifeSums.key.decode(lifeSums.key.encode(sum))).toEqual(sum);
});
