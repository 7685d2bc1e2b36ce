/** A partition of the event log: the region and the kind of node that produced an object. */
export type Partition = { readonly region: string; readonly nodeType: string };

const eventObjectKey = /^([\w.-]+)\/([\w.-]+)\/([^/]+)\.(?:json|ndjson|jsonl)(?:\.gz)?$/;
const keyTimes = /-(\d{8}T\d{6}Z)_(\d{8}T\d{6}Z)/;

/**
 * The partition of an object key `{region}/{nodeType}/{region}-{nodeType}-….json`, or undefined when the key is not
 * that of an event object: such an object is not part of the log.
 */
export function partitionOfKey(key: string): Partition | undefined {
  const match = eventObjectKey.exec(key);
  if (match === null) return undefined;
  const [, region = "", nodeType = "", name = ""] = match;
  const known = name.startsWith(`${region}-${nodeType}-`) && /^[\x20-\x7e]+$/.test(name);
  return known ? { region, nodeType } : undefined;
}

/** `nodeType|region`, the name of a partition. */
export function partitionName(partition: Partition): string {
  return `${partition.nodeType}|${partition.region}`;
}

/** The partition of a name `nodeType|region`, or undefined. */
export function parsePartitionName(name: string): Partition | undefined {
  const match = /^([\w.-]+)\|([\w.-]+)$/.exec(name);
  return match === null ? undefined : { nodeType: match[1] ?? "", region: match[2] ?? "" };
}

/** The folder of a partition in the log, with its trailing slash. */
export function partitionFolder(partition: Partition): string {
  return `${partition.region}/${partition.nodeType}/`;
}

/** The key that sorts before every object of the partition whose first event is at `time` (ms since 1970) or later. */
export function keyFloorAt(partition: Partition, time: number): string {
  const stamp = new Date(time).toISOString().replace(/[-:]|\.\d{3}/g, "");
  return `${partitionFolder(partition)}${partition.region}-${partition.nodeType}-${stamp}`;
}

/** When the first event of an object happened according to its key (ms since 1970), or undefined. */
export function firstTimeOfKey(key: string): number | undefined {
  return timeOfStamp(keyTimes.exec(key)?.[1]);
}

/** When the last event of an object happened according to its key (ms since 1970), or undefined. */
export function lastTimeOfKey(key: string): number | undefined {
  return timeOfStamp(keyTimes.exec(key)?.[2]);
}

/** True for the key of an object that an intake wrote: its name ends in `-intake-{uuid}.json`. */
export function isIntakeKey(key: string): boolean {
  return /-intake-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.json$/.test(key);
}

function timeOfStamp(stamp: string | undefined): number | undefined {
  if (stamp === undefined) return undefined;
  const time = Date.parse(stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"));
  return Number.isNaN(time) ? undefined : time;
}
