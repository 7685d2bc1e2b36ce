import type { Address } from "../../core/address.ts";
import type { ExplainedEvent } from "../../core/explanation.ts";
import type { Ruleset } from "../../core/ruleset.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import type { Head } from "../../store/records.ts";
import { elementsOfObjects, judge, openPairs, type Trace } from "../workers/trace.ts";

/** An amount that was published too high (positive) or too low, in the asset's smallest unit. */
export type Excess = { readonly account: Address; readonly partition?: string; readonly excess: bigint };

/** Says which events are behind a wrong amount, each account being traced once. */
export type Tracer = (wrong: Excess) => Promise<string>;

/** Traces accounts through the epoch that is open in the cache, from the archived objects as they were read. */
export function createTracer(
  ports: { readonly store: LedgerStore; readonly archive: ObjectStore },
  { head, ruleset }: { readonly head: Head; readonly ruleset: Ruleset },
): Tracer {
  const known = new Map<Address, Promise<Trace>>();
  const { epoch, openFrom, nextOrdinal, opensAt } = head;
  const trace = async (account: Address): Promise<Trace> => {
    const range = { account, ruleset, from: openFrom, to: nextOrdinal };
    const elements = await Array.fromAsync(elementsOfObjects(ports, range));
    const pairs = await openPairs(ports.store, { account, ruleset });
    const traced = { epoch, openFrom, nextOrdinal, opensAt };
    return judge(ports.store, { ruleset, epoch: traced, elements, pairs });
  };
  return async (wrong) => {
    const traced = known.get(wrong.account) ?? trace(wrong.account);
    known.set(wrong.account, traced);
    return blame(await traced, wrong);
  };
}

/** The events behind an amount; the one that makes up for the whole difference where there is one. */
function blame({ events, excluded }: Trace, { account, partition, excess }: Excess): string {
  const own = events.filter((event) => partition === undefined || event.partition === partition);
  const size = excess < 0n ? -excess : excess;
  const much = `${size} wei too ${excess < 0n ? "little" : "much"} for ${account}`;
  const exact = own.find(({ earned }) => earned === size);
  if (exact !== undefined) return `${much}: exactly what ${placeOf(exact)} earned`;
  const left = excluded.map((event) => `${placeOf(event)} is left out as ${event.reason}`);
  if (own.length === 0) {
    const none = "no event of this epoch earned it anything";
    return [`${much}: ${none}`, ...shortened(left)].join("; ");
  }
  const earned = own.map((event) => `${placeOf(event)} earned ${event.earned}`);
  return `${much}, whose amount comes from ${[...shortened(earned), ...shortened(left)].join("; ")}`;
}

function placeOf(
  event: Pick<ExplainedEvent, "object" | "position"> & { readonly id: string | null },
): string {
  return `event ${event.id ?? "without id"} in object ${event.object} at position ${event.position}`;
}

function shortened(texts: readonly string[]): string[] {
  const most = 3;
  const rest = texts.length - most;
  return rest > 0 ? [...texts.slice(0, most), `and ${rest} more`] : [...texts];
}
