import { randomUUID } from "node:crypto";
import { messageOf, PayrootError } from "../../errors.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import { type ChainPorts, checkChain } from "./doctor-chain.ts";

/** What one check came to; `next` says what to do, null when there is nothing to do. */
export type Finding = {
  readonly name: string;
  readonly state: "ok" | "warning" | "error" | "skipped";
  readonly found: string;
  readonly expected: string;
  readonly next: string | null;
};

/** Everything that was checked; not `ok` when any check found an error. */
export type DoctorReport = { readonly ok: boolean; readonly findings: readonly Finding[] };

/** What the doctor looks at. What opens something throws when it cannot be opened, and that is a finding. */
export type DoctorPorts = ChainPorts & {
  readonly log: () => ObjectStore;
  readonly archive: () => ObjectStore;
  readonly artifacts: () => ObjectStore;
  /** Opens the data directory, or says that it is not there yet. Throws what opening it throws. */
  readonly dataDirectory: () => Promise<"opened" | "absent">;
  readonly freeBytes: () => Promise<bigint>;
  /** Clocks of others: ms since 1970, undefined when one does not tell. */
  readonly clocks: readonly { readonly name: string; readonly read: () => Promise<number | undefined> }[];
  /** Our own clock, ms since 1970. */
  readonly now: () => number;
};

/** Checks everything that payroot depends on, each by itself, and changes nothing. */
export async function examine(ports: DoctorPorts): Promise<DoctorReport> {
  const findings = [
    await checkLog(ports),
    await checkStore("archive", ports.archive),
    await checkStore("artifacts", ports.artifacts),
    await checkDataDirectory(ports),
    await checkDisk(ports),
    await checkClock(ports),
    ...(await checkChain(ports)),
  ];
  return { ok: findings.every(({ state }) => state !== "error"), findings };
}

/** Makes a finding of a check; what it throws is an error that says what to do. */
export async function finding(
  about: Pick<Finding, "name" | "expected">,
  check: () => Promise<Partial<Pick<Finding, "state" | "next">> & Pick<Finding, "found">>,
): Promise<Finding> {
  try {
    return { ...about, state: "ok", next: null, ...(await check()) };
  } catch (error) {
    const known = error instanceof PayrootError ? error : undefined;
    const facts = Object.values(known?.facts ?? {}).filter((fact) => fact !== undefined);
    const found = [messageOf(error), ...(facts.length > 0 ? [`(${facts.join(", ")})`] : [])].join(" ");
    return {
      ...about,
      state: "error",
      found,
      next: known?.next ?? "correct what was found, then look again",
    };
  }
}

function checkLog({ log }: DoctorPorts): Promise<Finding> {
  return finding({ name: "log", expected: "objects that can be listed and read" }, async () => {
    const store = log();
    for (const region of await store.listFolders("")) {
      for await (const [first] of store.list({ prefix: region })) {
        if (first === undefined) continue;
        const stored = await store.get(first.key);
        if (stored === undefined) break;
        return { found: `${store.url}: ${first.key} read, ${stored.bytes.length} bytes` };
      }
    }
    const next = "wait for the first object, or point LOG_URL or S3_BUCKET to where producers write";
    return { state: "warning", found: `${store.url} is empty`, next };
  });
}

function checkStore(name: "archive" | "artifacts", open: () => ObjectStore): Promise<Finding> {
  return finding({ name, expected: "a probe that is written, read back and deleted" }, async () => {
    const store = open();
    const key = `doctor-probe-${randomUUID()}.json`;
    const bytes = Buffer.from(`{"probe":"${key}"}`);
    await store.put(key, bytes, { contentType: "application/json" });
    const read = await store.get(key);
    await store.delete(key);
    if (read === undefined || Buffer.compare(read.bytes, bytes) !== 0) throw probeDiffers(store.url);
    if ((await store.get(key)) !== undefined) throw probeRemains(store.url, key);
    return { found: `${store.url}: written, read back, deleted` };
  });
}

function checkDataDirectory({ dataDirectory }: DoctorPorts): Promise<Finding> {
  const expected = "a directory that opens, or that a running payroot holds";
  return finding({ name: "data directory", expected }, async () => {
    try {
      const state = await dataDirectory();
      return { found: state === "opened" ? "opened" : "not there yet; the first command makes it" };
    } catch (error) {
      if (!(error instanceof PayrootError) || error.code !== "data-directory-locked") throw error;
      const { process, answers } = error.facts;
      const who = `held by process ${process ?? "unknown"}`;
      return { found: answers === undefined ? who : `${who}, which answers at ${answers}` };
    }
  });
}

const gibibyte = 1n << 30n;
const warningBytes = 2n * gibibyte;
const errorBytes = gibibyte / 8n;

function checkDisk({ freeBytes }: DoctorPorts): Promise<Finding> {
  return finding({ name: "disk", expected: "at least 2 GiB free for the data directory" }, async () => {
    const free = await freeBytes();
    const found = `${(free * 10n) / gibibyte / 10n}.${((free * 10n) / gibibyte) % 10n} GiB free`;
    if (free >= warningBytes) return { found };
    const next = "free disk space, or move the data directory to a larger disk: --data-dir";
    return { state: free < errorBytes ? "error" : "warning", found, next };
  });
}

const warningSkewMs = 30_000;
const errorSkewMs = 300_000;

function checkClock({ clocks, now }: DoctorPorts): Promise<Finding> {
  return finding({ name: "clock", expected: "at most 30 seconds from the clocks of others" }, async () => {
    let worst: { name: string; ms: number } | undefined;
    for (const { name, read } of clocks) {
      const before = now();
      const theirs = await read().catch(() => undefined);
      if (theirs === undefined) continue;
      const ms = Math.round((before + now()) / 2) - theirs;
      if (worst === undefined || Math.abs(ms) > Math.abs(worst.ms)) worst = { name, ms };
    }
    if (worst === undefined) return { state: "skipped", found: "nothing that tells the time was reached" };
    const seconds = Math.trunc(worst.ms / 1000);
    const found = `${Math.abs(seconds)} s ${seconds < 0 ? "behind" : "ahead of"} ${worst.name}`;
    if (Math.abs(worst.ms) < warningSkewMs) return { found };
    const next =
      "set the clock of this machine by NTP: epochs close by it, and S3 refuses requests that are off";
    return { state: Math.abs(worst.ms) < errorSkewMs ? "warning" : "error", found, next };
  });
}

function probeDiffers(store: string): PayrootError {
  return new PayrootError("store-inconsistent", "What was written to the store was not read back.", {
    facts: { store },
    next: "use a store that reads back what was written (S3 does), without a cache in front of it",
  });
}

function probeRemains(store: string, key: string): PayrootError {
  return new PayrootError("store-inconsistent", "What was deleted is still there.", {
    facts: { store, object: key },
    next: "allow deleting below the store's prefix; moving a revoked epoch's files needs it",
  });
}
