import { type Address, addressBytes, addressFromBytes, parseAddress, writeAddress } from "./address.ts";
import { type AiTask, type JobWork, taskName } from "./work.ts";

/*
 * The accepted jobs of an object, in the order of their positions. Numbers are varints (LEB128), texts and fees follow
 * their length, fees are big-endian.
 *
 *   columns u8 · jobs · time of the first f64 (ms) · accounts, 20 bytes each · tasks, pipeline and model id each
 *   per job: position and time after the job before (ms, or seconds when all are whole; zigzag) · account + 1 (0: its
 *   receipt tells) · fees · then what `columns` names: units, response time, ratio, duration, task, each + 1 (0: none)
 */
const columnBits = { computeUnits: 1, responseTime: 2, realTimeRatio: 4, durationMs: 8, task: 16 };
const wholeSeconds = 32;

/** An accepted job at its position in its object. The account of an AI job without one is told by its receipt. */
export type JobSample = {
  readonly position: number;
  /** Ms since 1970. */
  readonly time: number;
  readonly account: Address | undefined;
  readonly feesWei: bigint;
  readonly work: JobWork;
};

/** The bytes of jobs, which must stand in the order of their positions. */
export function encodeSamples(jobs: readonly JobSample[]): Uint8Array {
  const accounts = new Map<Address, number>();
  const tasks = new Map<string, { number: number; task: AiTask }>();
  let columns = wholeSeconds;
  for (const { account, time, work } of jobs) {
    if (account !== undefined && !accounts.has(account)) accounts.set(account, accounts.size + 1);
    if (time % 1000 !== 0) columns &= ~wholeSeconds;
    if (work.computeUnits !== undefined) columns |= columnBits.computeUnits;
    if (work.responseTime !== undefined) columns |= columnBits.responseTime;
    if (work.realTimeRatio !== undefined) columns |= columnBits.realTimeRatio;
    if (work.durationMs !== undefined) columns |= columnBits.durationMs;
    if (work.task === undefined) continue;
    columns |= columnBits.task;
    const name = taskName(work.task);
    if (!tasks.has(name)) tasks.set(name, { number: tasks.size + 1, task: work.task });
  }
  at = 0;
  room(1 << 10);
  out[at++] = columns;
  putNumber(jobs.length);
  const first = jobs[0]?.time ?? 0;
  at = out.writeDoubleBE(first, at);
  putNumber(accounts.size);
  for (const account of accounts.keys()) {
    room(20);
    writeAddress(account, out, at);
    at += 20;
  }
  putNumber(tasks.size);
  for (const { task } of tasks.values()) {
    putText(task.pipeline);
    putText(task.modelID);
  }
  const unitMs = columns & wholeSeconds ? 1000 : 1;
  let position = 0;
  let time = first;
  for (const job of jobs) {
    // Eight numbers of at most eight bytes.
    room(64);
    putNumber(job.position - position);
    const step = (job.time - time) / unitMs;
    putNumber(step < 0 ? -2 * step - 1 : 2 * step);
    position = job.position;
    time = job.time;
    putNumber(job.account === undefined ? 0 : (accounts.get(job.account) ?? 0));
    putAmount(job.feesWei);
    const { work } = job;
    if (columns & columnBits.computeUnits) putNumber((work.computeUnits ?? -1) + 1);
    if (columns & columnBits.responseTime) putNumber((work.responseTime ?? -1) + 1);
    if (columns & columnBits.realTimeRatio) putNumber((work.realTimeRatio ?? -1) + 1);
    if (columns & columnBits.durationMs) putNumber((work.durationMs ?? -1) + 1);
    if (columns & columnBits.task)
      putNumber(work.task === undefined ? 0 : (tasks.get(taskName(work.task))?.number ?? 0));
  }
  return Buffer.from(out.subarray(0, at));
}

/** Reads the jobs of an object one after the other without making anything of each: for millions of them. */
export class SampleReader {
  readonly jobs: number;
  /** The job that `next` came to; −1 is none or not known. `account` and `task` number the lists. */
  position = 0;
  time: number;
  account = -1;
  computeUnits = -1;
  responseTime = -1;
  realTimeRatio = -1;
  durationMs = -1;
  task = -1;
  readonly tasks: readonly AiTask[];
  readonly accounts: number;
  readonly #bytes: Buffer;
  readonly #columns: number;
  readonly #unitMs: number;
  readonly #accountsAt: number;
  #at = 0;
  #fees = 0;
  #left: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#columns = this.#bytes[this.#at++] ?? 0;
    this.#unitMs = this.#columns & wholeSeconds ? 1000 : 1;
    this.jobs = this.#number();
    this.#left = this.jobs;
    this.time = this.#bytes.readDoubleBE(this.#at);
    this.#at += 8;
    this.accounts = this.#number();
    this.#accountsAt = this.#at;
    this.#at += 20 * this.accounts;
    const tasks: AiTask[] = [];
    for (let left = this.#number(); left > 0; left--) {
      const pipeline = this.#text();
      tasks.push({ pipeline, modelID: this.#text() });
    }
    this.tasks = tasks;
  }

  /** Goes on to the next job; false when there is none. */
  next(): boolean {
    if (this.#left === 0) return false;
    this.#left -= 1;
    this.position += this.#number();
    const step = this.#number();
    this.time += (step % 2 === 0 ? step / 2 : -(step + 1) / 2) * this.#unitMs;
    this.account = this.#number() - 1;
    this.#fees = this.#at;
    this.#at += 1 + (this.#bytes[this.#at] ?? 0);
    const columns = this.#columns;
    if (columns & columnBits.computeUnits) this.computeUnits = this.#number() - 1;
    if (columns & columnBits.responseTime) this.responseTime = this.#number() - 1;
    if (columns & columnBits.realTimeRatio) this.realTimeRatio = this.#number() - 1;
    if (columns & columnBits.durationMs) this.durationMs = this.#number() - 1;
    if (columns & columnBits.task) this.task = this.#number() - 1;
    return true;
  }

  /** The fees of the job. */
  feesWei(): bigint {
    const length = this.#bytes[this.#fees] ?? 0;
    const from = this.#fees + 1;
    if (length === 0) return 0n;
    if (length <= 6) return BigInt(this.#bytes.readUIntBE(from, length));
    return BigInt(`0x${this.#bytes.toString("hex", from, from + length)}`);
  }

  /** The 20 bytes of an account of the list as a text: cheaper than its address where it is only compared. */
  accountName(number: number): string {
    const from = this.#accountsAt + 20 * number;
    return this.#bytes.toString("latin1", from, from + 20);
  }

  /** The number of an account in the list; −1 when it is not there. */
  numberOf(account: Address): number {
    const name = accountNameOf(account);
    for (let number = 0; number < this.accounts; number++) {
      if (this.accountName(number) === name) return number;
    }
    return -1;
  }

  /** The job as a whole. */
  sample(): JobSample {
    const { position, time, computeUnits, responseTime, realTimeRatio, durationMs } = this;
    const work = {
      computeUnits: known(computeUnits),
      responseTime: known(responseTime),
      realTimeRatio: known(realTimeRatio),
      durationMs: known(durationMs),
      task: this.tasks[this.task],
    };
    const account = this.account < 0 ? undefined : addressOfName(this.accountName(this.account));
    return { position, time, account, feesWei: this.feesWei(), work };
  }

  #number(): number {
    const bytes = this.#bytes;
    let byte = bytes[this.#at++] ?? 0;
    if (byte < 128) return byte;
    let value = byte & 127;
    for (let scale = 128; ; scale *= 128) {
      byte = bytes[this.#at++] ?? 0;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }

  #text(): string {
    const length = this.#number();
    this.#at += length;
    return this.#bytes.toString("utf8", this.#at - length, this.#at);
  }
}

/** The jobs of an object from their bytes. */
export function decodeSamples(bytes: Uint8Array): JobSample[] {
  const reader = new SampleReader(bytes);
  const jobs: JobSample[] = [];
  while (reader.next()) jobs.push(reader.sample());
  return jobs;
}

function accountNameOf(account: Address): string {
  return Buffer.from(addressBytes(account)).toString("latin1");
}

/** The address whose 20 bytes `accountName` gave. */
export function addressOfName(name: string): Address {
  const bytes = Buffer.from(name, "latin1");
  return parseAddress(`0x${bytes.toString("hex")}`) ?? addressFromBytes(bytes);
}

function known(value: number): number | undefined {
  return value < 0 ? undefined : value;
}

// What is being written, and up to where: one object at a time, in one place that grows to the largest.
let out = Buffer.alloc(1 << 16);
let at = 0;

function room(bytes: number): void {
  if (at + bytes <= out.length) return;
  const larger = Buffer.alloc(2 * (at + bytes));
  larger.set(out);
  out = larger;
}

function putNumber(value: number): void {
  let rest = value;
  while (rest >= 2 ** 31) {
    out[at++] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
  }
  while (rest >= 128) {
    out[at++] = (rest & 127) | 128;
    rest >>>= 7;
  }
  out[at++] = rest;
}

function putText(text: string): void {
  const bytes = Buffer.from(text);
  room(bytes.length + 8);
  putNumber(bytes.length);
  out.set(bytes, at);
  at += bytes.length;
}

const word = new DataView(new ArrayBuffer(8));
const wordBytes = new Uint8Array(word.buffer);

// One byte tells the length: no limit of a fee has more than 600 digits.
function putAmount(value: bigint): void {
  if (value === BigInt.asUintN(64, value)) {
    word.setBigUint64(0, value);
    let first = 0;
    while (first < 8 && wordBytes[first] === 0) first += 1;
    out[at++] = 8 - first;
    while (first < 8) out[at++] = wordBytes[first++] ?? 0;
    return;
  }
  const hex = value.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
  room(bytes.length + 64);
  out[at++] = bytes.length;
  out.set(bytes, at);
  at += bytes.length;
}
