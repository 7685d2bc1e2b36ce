import type { Address } from "../../core/address.ts";
import { addressOfName, SampleReader } from "../../core/job-samples.ts";
import { type Spread, sortSteps, spreadOf } from "../../core/spread.ts";
import { type AiTask, aiNodeType, responseUnitsPerSecond, taskName } from "../../core/work.ts";
import type { SpannedObject } from "./performance-jobs.ts";

/** What a worker did in a partition, of AI with one model in one pipeline. */
export type WorkFigures = {
  readonly account: Address;
  readonly task: AiTask | null;
  readonly jobs: number;
  /** Of transcoding: higher is faster. */
  readonly realTimeRatio: Spread | null;
  readonly responseTimeMs: Spread;
  readonly computeUnitsPerSecond: Spread;
  readonly computeUnits: bigint;
  readonly feesWei: bigint;
};

/** Jobs of a partition, gathered by who did them; of what is not measured nothing is kept. */
export type JobGroups = {
  /** Adds the jobs of an object from `from` to `until`, ms since 1970. */
  readonly add: (object: SpannedObject, time: { readonly from: number; readonly until: number }) => void;
  /** The figures of each group, in steps; nothing can be added afterwards. */
  readonly figures: () => Generator<void, WorkFigures[], void>;
};

/** Gathers the jobs of a partition of this node type. Keeps 24 bytes of a job, 16 of AI, and at most twice that. */
export function createJobGroups(nodeType: string): JobGroups {
  const groups = new Map<string, Group>();
  const names = new Map<string, Address>();
  const isAi = nodeType === aiNodeType;
  const addressOf = (name: string): Address => {
    const known = names.get(name);
    if (known !== undefined) return known;
    const address = addressOfName(name);
    names.set(name, address);
    return address;
  };
  const groupOf = (account: Address, task: AiTask | undefined): Group => {
    const name = task === undefined ? account : `${account} ${taskName(task)}`;
    const known = groups.get(name);
    if (known !== undefined) return known;
    const group = newGroup(account, task);
    groups.set(name, group);
    return group;
  };
  return {
    add({ samples, pairs, onlyPairs }, { from, until }) {
      const reader = new SampleReader(samples);
      const own: (Group | undefined)[] = [];
      let pair = 0;
      while (reader.next()) {
        const { account, task, time, computeUnits, responseTime, realTimeRatio } = reader;
        if (responseTime < 0 || computeUnits < 0 || (isAi ? task : realTimeRatio) < 0) continue;
        if (time < from || time > until) continue;
        let group: Group | undefined;
        if (account >= 0) {
          if (onlyPairs) continue;
          const place = account * (reader.tasks.length + 1) + task + 1;
          group = own[place] ??= groupOf(addressOf(reader.accountName(account)), reader.tasks[task]);
        } else {
          while (pair < pairs.length && (pairs[pair]?.position ?? 0) < reader.position) pair += 1;
          const worker = pairs[pair];
          if (worker === undefined || worker.position !== reader.position) continue;
          group = groupOf(worker.account, reader.tasks[task]);
        }
        addJob(group, { computeUnits, responseTime, realTimeRatio: isAi ? undefined : realTimeRatio });
        group.feesWei += reader.feesWei();
      }
    },
    *figures() {
      const found: WorkFigures[] = [];
      for (const [name, group] of groups) {
        found.push(yield* figuresOf(group, responseUnitsPerSecond(nodeType)));
        groups.delete(name);
      }
      return found;
    },
  };
}

type Group = {
  readonly account: Address;
  readonly task: AiTask | undefined;
  jobs: number;
  feesWei: bigint;
  computeUnits: Float64Array;
  responseTimes: Float64Array;
  ratios: Float64Array | undefined;
};

const firstRoom = 16;

function newGroup(account: Address, task: AiTask | undefined): Group {
  return {
    ...{ account, task, jobs: 0, feesWei: 0n },
    computeUnits: new Float64Array(firstRoom),
    responseTimes: new Float64Array(firstRoom),
    ratios: undefined,
  };
}

function addJob(
  group: Group,
  job: { computeUnits: number; responseTime: number; realTimeRatio: number | undefined },
): void {
  const at = group.jobs++;
  if (at === group.computeUnits.length) {
    group.computeUnits = larger(group.computeUnits);
    group.responseTimes = larger(group.responseTimes);
  }
  group.computeUnits[at] = job.computeUnits;
  group.responseTimes[at] = job.responseTime;
  if (job.realTimeRatio === undefined) return;
  group.ratios ??= new Float64Array(firstRoom);
  if (at === group.ratios.length) group.ratios = larger(group.ratios);
  group.ratios[at] = job.realTimeRatio;
}

function larger(values: Float64Array): Float64Array {
  const room = new Float64Array(2 * values.length);
  room.set(values);
  return room;
}

function* figuresOf(group: Group, unitsPerSecond: number): Generator<void, WorkFigures, void> {
  const { account, task, jobs, feesWei } = group;
  const units = group.computeUnits.subarray(0, jobs);
  const times = group.responseTimes.subarray(0, jobs);
  const ratios = group.ratios?.subarray(0, jobs);
  const computeUnits = yield* sumSteps(units);
  // Throughput takes the place of the units, which are summed.
  for (let i = 0; i < jobs; i++) {
    units[i] = ((units[i] ?? 0) * unitsPerSecond) / (times[i] ?? 1);
    if (i % jobsInAStep === 0) yield;
  }
  yield* sortSteps(units);
  yield* sortSteps(times);
  if (ratios !== undefined) yield* sortSteps(ratios);
  return {
    ...{ account, jobs, computeUnits, feesWei },
    task: task ?? null,
    realTimeRatio: ratios === undefined ? null : spreadOf(ratios),
    responseTimeMs: spreadOf(times, unitsPerSecond / 1000),
    computeUnitsPerSecond: spreadOf(units),
  };
}

const jobsInAStep = 1 << 17;

/** The sum of integers below 10^15. */
function* sumSteps(values: Float64Array): Generator<void, bigint, void> {
  let whole = 0n;
  let sum = 0;
  for (let i = 0; i < values.length; i++) {
    sum += values[i] ?? 0;
    if (sum >= 2 ** 52) {
      whole += BigInt(sum);
      sum = 0;
    }
    if (i % jobsInAStep === 0) yield;
  }
  return whole + BigInt(sum);
}
