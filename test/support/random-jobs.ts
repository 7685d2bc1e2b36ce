import fc from "fast-check";
import { account, aiJob, aiReceipt, objectKey, transcodeJob, type WireEvent } from "./events.ts";

/** Jobs and receipts of some partitions, and how they are spread over objects: any order, any number of times. */
export type RandomJobs = { readonly events: readonly WireEvent[]; readonly objects: readonly WireObject[] };

/** An object of the log. */
export type WireObject = { readonly key: string; readonly events: readonly WireEvent[] };

type Draft = {
  kind: number;
  label: number;
  second: number;
  account: number;
  response: number;
  duration: number;
  units: number;
  price: number;
  gap: number;
};

const anyDraft: fc.Arbitrary<Draft> = fc.record({
  kind: fc.nat(5),
  label: fc.oneof(fc.nat(3), fc.nat(60)),
  second: fc.nat(100),
  account: fc.nat(3),
  response: fc.oneof(fc.constantFrom(0, 1, 240, 241), fc.integer({ min: 1, max: 10 ** 9 })),
  duration: fc.nat(4000),
  units: fc.oneof(fc.constantFrom(0, 1, 1_000_003), fc.nat(2 ** 31 - 1)),
  price: fc.nat(2000),
  gap: fc.nat(30),
});

function eventsOf(draft: Draft, index: number): WireEvent[] {
  const { kind, label, second, units, price } = draft;
  const base = { id: `${kind} ${label}`, second, account: account(draft.account) };
  if (kind <= 3) {
    const region = kind === 3 ? "us-west" : "eu-central";
    const job = transcodeJob({ ...base, region, units, price });
    Object.assign(job.Payload, { responseTime: draft.response, duration: draft.duration });
    job.Payload.realTimeRatio = Math.floor(draft.duration / (draft.response || 1));
    return [spoiled(job, draft.gap)];
  }
  const requestID = `r${index}`;
  const modelID = `model ${label % 2}`;
  const job = aiJob({ ...base, id: `job ${index}`, requestID, fees: units });
  Object.assign(job.Payload, { responseTime: draft.response, modelID });
  if (kind === 5) job.Payload.ethAddress = base.account;
  const receipt = aiReceipt({ ...base, id: `receipt ${index}`, requestID });
  return kind === 5 ? [spoiled(job, draft.gap)] : [spoiled(job, draft.gap), receipt];
}

/** Leaves out, or makes useless, a field that only performance needs. */
function spoiled(job: WireEvent, gap: number): WireEvent {
  const { Payload: payload } = job;
  if (gap === 0) delete payload.responseTime;
  if (gap === 1) payload.responseTime = "240";
  if (gap === 2) delete payload.realTimeRatio;
  if (gap === 3) payload.realTimeRatio = 8.5;
  if (gap === 4) delete payload.modelID;
  if (gap === 5) payload.realTimeRatio = -1;
  if (gap === 6) {
    delete payload.realTimeRatio;
    delete payload.duration;
  }
  return job;
}

/** Any jobs, some under one id with other contents, in objects in which they repeat. */
export const anyJobs: fc.Arbitrary<RandomJobs> = fc
  .record({
    drafts: fc.array(anyDraft, { minLength: 1, maxLength: 40 }),
    picks: fc.array(fc.array(fc.nat(1000), { minLength: 1, maxLength: 12 }), { maxLength: 6 }),
  })
  .map(({ drafts, picks }) => {
    const events = drafts.flatMap(eventsOf);
    const places = picks.map((list) => list.map((pick) => events[pick % events.length] as WireEvent));
    return {
      events,
      objects: [...objectsOf(events, "all"), ...places.flatMap((list, n) => objectsOf(list, `${n}`))],
    };
  });

/** The events as one object a partition. */
export function objectsOf(events: readonly WireEvent[], name: string): WireObject[] {
  const groups = Map.groupBy(events, ({ NodeType, Region }) => objectKey(NodeType, Region, name));
  return [...groups].map(([key, own]) => ({ key, events: own }));
}

/** What figures should be, worked out one job at a time from the set of events; numbers as texts that show all digits. */
export function slowFigures(events: readonly WireEvent[], span: { from: number; until: number }) {
  const contents = Map.groupBy(events, ({ ID }) => ID);
  const counted = [...contents.values()].flatMap((same) => {
    const [first] = same;
    const clash = same.some((event) => JSON.stringify(event) !== JSON.stringify(first));
    return first === undefined || clash ? [] : [first];
  });
  const receipts = counted.filter(({ EventType }) => EventType === "job-received");
  const groups = new Map<string, WireEvent[]>();
  for (const job of counted) {
    const { EventType, NodeType, Region, DT, Payload: p } = job;
    const time = Date.parse(DT);
    if (EventType !== "job-processed" || time < span.from || time > span.until) continue;
    const receipt = receipts.find((one) => one.Payload.requestID === p.requestID);
    const who = p.ethAddress ?? receipt?.Payload.ethAddress;
    const ratio =
      p.realTimeRatio ??
      (p.duration === undefined ? undefined : Math.floor(Number(p.duration) / Number(p.responseTime)));
    const whole = (value: unknown): boolean => Number.isInteger(value) && Number(value) >= 0;
    const known = NodeType === "ai" ? p.modelID !== undefined : whole(ratio);
    if (who === undefined || !known || !whole(p.responseTime) || p.responseTime === 0) continue;
    const task = NodeType === "ai" ? ` ${p.pipeline} ${p.modelID}` : "";
    const name = `${NodeType}|${Region} ${who}${task}`;
    groups.set(name, [...(groups.get(name) ?? []), { ...job, Payload: { ...p, realTimeRatio: ratio } }]);
  }
  return new Map([...groups].map(([name, jobs]) => [name, slowGroup(jobs)]));
}

function slowGroup(jobs: readonly WireEvent[]) {
  const of = (name: string): number[] => jobs.map(({ Payload }) => Number(Payload[name]));
  const ai = jobs[0]?.NodeType === "ai";
  const perSecond = ai ? 1e9 : 1000;
  const times = of("responseTime");
  return {
    jobs: jobs.length,
    computeUnits: jobs.reduce((sum, { Payload }) => sum + BigInt(String(Payload.computeUnits)), 0n),
    feesWei: jobs.reduce((sum, { Payload }) => sum + BigInt(String(Payload.fees)), 0n),
    realTimeRatio: ai ? null : slowSpread(of("realTimeRatio")),
    responseTimeMs: slowSpread(times, perSecond / 1000),
    computeUnitsPerSecond: slowSpread(
      of("computeUnits").map((units, n) => (units * perSecond) / (times[n] ?? 1)),
    ),
  };
}

/** The spread by the definition: the quantile averages where the empirical distribution has a step. */
function slowSpread(values: readonly number[], unit = 1) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (percent: bigint): number => {
    const n = BigInt(sorted.length);
    const whole = Number((n * percent) / 100n);
    const [below = 0, above = 0] = [sorted[whole - 1], sorted[whole]];
    return ((n * percent) % 100n === 0n ? (below + above) / 2 : above) / unit;
  };
  const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length / unit;
  const [min = 0, max = 0] = [sorted[0], sorted.at(-1)];
  return {
    mean,
    min: min / unit,
    p50: at(50n),
    p90: at(90n),
    p95: at(95n),
    p99: at(99n),
    max: max / unit,
  };
}
