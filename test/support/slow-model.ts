import { accounts } from "./events.ts";
import type { LogObject, Origin, Value } from "./random-log.ts";

/**
 * The ledger again, written from its specification for clarity alone: Maps over the set of events, no store, no
 * increments. It knows only the forms of events that random logs contain.
 */
export type Model = {
  /** Folds in the objects of an epoch that were not read before; undefined when nobody earned and it stays open. */
  readonly close: (objects: readonly LogObject[]) => ModelEpoch | undefined;
  /** Connections that are up, per partition and account. */
  readonly connections: () => Map<string, number>;
};

/** An earning row, amounts in wei. */
export type ModelRow = { events: number; gross: bigint; commission: bigint; earned: bigint };

/** What an epoch should publish. */
export type ModelEpoch = {
  readonly rows: Map<string, ModelRow>;
  readonly leaves: Map<string, bigint>;
  readonly earned: Map<string, bigint>;
  readonly unmatched: string[];
  readonly rejections: string[];
  readonly objects: string[];
  readonly inputs: Record<string, number>;
};

type Judged = { id: string | null; reason: string } | { id: string; reason?: undefined; event: Accepted };
type Accepted = {
  id: string;
  content: string;
  time: number;
  origin: Origin;
  type: string;
  account: string | undefined;
  requestID: string;
  connection: string;
  fees: bigint;
};
type Reading = { object: LogObject; position: number; judged: Judged };
type Place = { time: number; key: string; position: number };

const windowMs = 3600 * 1000;
const limitWei = 10n ** 19n;

/** A model of a ledger that has read nothing, at a commission of 25 %. */
export function slowModel(): Model {
  const standing = new Map<string, string>();
  const cumulative = new Map<string, bigint>();
  const folded: (Accepted & Place)[] = [];
  let carried: Accepted[] = [];
  let opensAt: number | undefined;
  let epochs = 0;

  const close = (objects: readonly LogObject[]): ModelEpoch | undefined => {
    const sorted = [...objects].sort((a, b) => (`${a.key}\0${a.sha256}` < `${b.key}\0${b.sha256}` ? -1 : 1));
    const readings = sorted.flatMap((object) =>
      (object.elements ?? []).map((element, position) => ({
        object,
        position,
        judged: judge(element, object.origin),
      })),
    );
    const fates = decideFates(readings, standing);
    const accepted = readings.filter((reading) => fates.get(reading) === "accepted");
    const events = accepted.flatMap(({ judged }) => (judged.reason === undefined ? [judged.event] : []));
    const { pairs, alone } = correlate([...carried, ...events.filter(waits)]);
    const paid = [
      ...events.filter((event) => event.type === "job-processed" && event.account !== undefined),
      ...pairs,
    ];
    const rows = sumRows(paid);
    const earned = new Map<string, bigint>();
    for (const [name, row] of rows) {
      const who = name.split(" ")[0] ?? "";
      earned.set(who, (earned.get(who) ?? 0n) + row.earned);
    }
    if (earned.size === 0) return undefined;

    const opened = opensAt;
    for (const [who, wei] of earned) cumulative.set(who, (cumulative.get(who) ?? 0n) + wei);
    for (const { object, position, judged } of accepted) {
      if (judged.reason !== undefined) continue;
      standing.set(judged.id, judged.event.content);
      folded.push({ ...judged.event, key: object.key, position });
    }
    carried = alone;
    epochs += 1;
    opensAt = Date.UTC(2025, 10, 16) + epochs * 1000;
    const late = opened === undefined ? 0 : events.filter((event) => event.time < opened).length;
    return { rows, earned, leaves: new Map(cumulative), ...report({ sorted, readings, fates, late, alone }) };
  };
  return { close, connections: () => foldConnections(folded) };
}

/** What becomes of each reading: accepted, duplicate, or a reason. */
function decideFates(
  readings: readonly Reading[],
  standing: ReadonlyMap<string, string>,
): Map<Reading, string> {
  const fates = new Map<Reading, string>();
  const contents = new Map<string, Set<string>>();
  for (const { judged } of readings) {
    if (judged.reason === undefined)
      contents.set(judged.id, (contents.get(judged.id) ?? new Set()).add(judged.event.content));
  }
  const met = new Set<string>();
  for (const reading of readings) {
    const { judged } = reading;
    if (judged.reason !== undefined) {
      fates.set(reading, judged.reason);
      continue;
    }
    const { id, content } = judged.event;
    const stands = standing.get(id);
    const first = !met.has(`${id}\0${content}`);
    met.add(`${id}\0${content}`);
    if (stands === content || !first) fates.set(reading, "duplicate");
    else if (stands !== undefined || (contents.get(id)?.size ?? 0) > 1)
      fates.set(reading, "conflicting-duplicate");
    else fates.set(reading, "accepted");
  }
  return fates;
}

function judge(element: Value, origin: Origin): Judged {
  if (typeof element !== "object" || element === null || Array.isArray(element))
    return { id: null, reason: "malformed" };
  const { ID: id, Payload: payload, EventType: type, DT: text } = element;
  if (typeof id !== "string" || id === "") return { id: null, reason: "malformed" };
  if (typeof payload !== "object" || payload === null || Array.isArray(payload))
    return { id, reason: "malformed" };
  const job = type === "job-processed";
  const ai = element.NodeType === "ai";
  const address = payload.ethAddress;
  const needsRequest = type === "job-received" || (job && ai && address === undefined);
  if (job && payload.fees === undefined) return { id, reason: "malformed" };
  if (needsRequest && payload.requestID === undefined) return { id, reason: "malformed" };
  if (element.Version !== 1) return { id, reason: "unsupported-version" };
  if (type === "mystery") return { id, reason: "unknown-type" };
  if (typeof text !== "string" || !text.includes("T")) return { id, reason: "invalid-timestamp" };
  if (element.NodeType !== origin.nodeType || element.Region !== origin.region)
    return { id, reason: "wrong-partition" };
  const worker = String(type).startsWith("worker-") || type === "job-received" || job;
  if (worker && address === undefined && !(job && ai)) return { id, reason: "missing-address" };
  const known = accounts.find((one) => one.toLowerCase() === String(address).toLowerCase());
  if (worker && address !== undefined && address !== known && address !== known?.toLowerCase())
    return { id, reason: "invalid-address" };
  let fees = 0n;
  if (job) {
    fees = BigInt(String(payload.fees));
    if (fees < 0n) return { id, reason: "invalid-amount" };
    if (fees > limitWei) return { id, reason: "amount-over-limit" };
    const product = BigInt(String(payload.pricePerComputeUnit)) * BigInt(String(payload.computeUnits));
    if (product !== fees) return { id, reason: "fee-mismatch" };
  }
  return {
    id,
    event: {
      id,
      content: sortedText(element),
      time: Date.parse(text),
      origin,
      type: String(type),
      account: worker ? known : undefined,
      requestID: String(payload.requestID),
      connection: String(payload.connection),
      fees,
    },
  };
}

function waits(event: Accepted): boolean {
  return event.type === "job-received" || (event.type === "job-processed" && event.account === undefined);
}

/** Pairs receipts with jobs; a pair is its job with the receipt's account. */
function correlate(events: readonly Accepted[]): { pairs: Accepted[]; alone: Accepted[] } {
  const groups = new Map<string, Accepted[]>();
  for (const event of events) {
    const name = `${event.origin.nodeType} ${event.origin.region} ${event.requestID}`;
    groups.set(name, [...(groups.get(name) ?? []), event]);
  }
  const pairs: Accepted[] = [];
  const alone: Accepted[] = [];
  for (const group of groups.values()) {
    const sorted = group.sort((a, b) => a.time - b.time || (a.id < b.id ? -1 : 1));
    const receipts = sorted.filter((event) => event.account !== undefined);
    const jobs = sorted.filter((event) => event.account === undefined);
    while (receipts[0] !== undefined && jobs[0] !== undefined) {
      const [receipt] = receipts;
      const [job] = jobs;
      if (Math.abs(receipt.time - job.time) <= windowMs) {
        pairs.push({ ...job, account: receipt.account });
        receipts.shift();
        jobs.shift();
      } else if (receipt.time < job.time) alone.push(...receipts.splice(0, 1));
      else alone.push(...jobs.splice(0, 1));
    }
    alone.push(...receipts, ...jobs);
  }
  return { pairs, alone };
}

function sumRows(paid: readonly Accepted[]): Map<string, ModelRow> {
  const rows = new Map<string, ModelRow>();
  for (const { account, origin, fees } of paid) {
    if (fees === 0n) continue;
    const name = `${account} ${origin.nodeType}|${origin.region}`;
    const row = rows.get(name) ?? { events: 0, gross: 0n, commission: 0n, earned: 0n };
    const commission = fees / 4n;
    rows.set(name, {
      events: row.events + 1,
      gross: row.gross + fees,
      commission: row.commission + commission,
      earned: row.earned + fees - commission,
    });
  }
  return rows;
}

function report(epoch: {
  sorted: readonly LogObject[];
  readings: readonly Reading[];
  fates: ReadonlyMap<Reading, string>;
  late: number;
  alone: readonly Accepted[];
}): Pick<ModelEpoch, "unmatched" | "rejections" | "objects" | "inputs"> {
  const { sorted, readings, fates, late } = epoch;
  const count = (fate: (text: string) => boolean, among = readings): number =>
    among.filter((reading) => fate(fates.get(reading) ?? "")).length;
  const counts = (among: readonly Reading[]) => ({
    events: among.length,
    accepted: count((fate) => fate === "accepted", among),
    rejected: count((fate) => fate !== "accepted" && fate !== "duplicate", among),
    duplicates: count((fate) => fate === "duplicate", among),
  });
  const jobs = epoch.alone.filter((event) => event.account === undefined);
  const rejections = sorted.flatMap((object) => {
    if (object.elements === undefined)
      return [{ object, line: `${object.key} -1 null object-malformed`, position: -1 }];
    return readings
      .filter(
        (reading) =>
          reading.object === object && !["accepted", "duplicate"].includes(fates.get(reading) ?? ""),
      )
      .map((reading) => {
        const { position, judged } = reading;
        return { object, position, line: `${object.key} ${position} ${judged.id} ${fates.get(reading)}` };
      });
  });
  const byPlace = (a: (typeof rejections)[0], b: (typeof rejections)[0]): number =>
    a.object.key === b.object.key ? a.position - b.position : a.object.key < b.object.key ? -1 : 1;
  return {
    unmatched: jobs.map((job) => `${job.id} ${job.requestID} ${job.fees}`).sort(),
    rejections: rejections.sort(byPlace).map(({ line }) => line),
    objects: sorted.map((object) => {
      const own = counts(readings.filter((reading) => reading.object === object));
      return JSON.stringify({ key: object.key, sha256: object.sha256, bytes: object.bytes.length, ...own });
    }),
    inputs: {
      objects: sorted.length,
      bytes: sorted.reduce((total, object) => total + object.bytes.length, 0),
      ...counts(readings),
      late,
      unmatched: jobs.length,
    },
  };
}

/** Replays every accepted change, oldest first, and counts what is up in the end. */
function foldConnections(events: readonly (Accepted & Place)[]): Map<string, number> {
  const up = new Set<string>();
  const sorted = [...events].sort(
    (a, b) => a.time - b.time || compare(a.key, b.key) || a.position - b.position || compare(a.id, b.id),
  );
  for (const { type, origin, account, connection } of sorted) {
    const partition = `${origin.nodeType}|${origin.region}`;
    const name = `${partition} ${account} ${connection}`;
    if (type === "worker-connected") up.add(name);
    if (type === "worker-disconnected") up.delete(name);
    if (type === "orchestrator-reset")
      for (const one of up) if (one.startsWith(`${partition} `)) up.delete(one);
  }
  const counts = new Map<string, number>();
  for (const name of up) {
    const who = name.split(" ").slice(0, 2).join(" ");
    counts.set(who, (counts.get(who) ?? 0) + 1);
  }
  return counts;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function sortedText(value: Value): string {
  if (typeof value === "bigint") return value.toString();
  if (Array.isArray(value)) return `[${value.map(sortedText).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{${Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${sortedText(value[key] ?? null)}`)
    .join(",")}}`;
}
