import { isJsonObject, type Json } from "../../core/json.ts";
import { decodeElements } from "../../core/object.ts";
import type { Ruleset } from "../../core/ruleset.ts";
import { invariant } from "../../errors.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import { objects } from "../../store/keys.ts";
import { getOne } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import type { Head } from "../../store/records.ts";
import { openRejections } from "../close/open-epoch.ts";
import { readArchived } from "./archived.ts";

/** Rejections of one reason: how many, the fees they name in wei, and how many name none that can be read. */
export type RejectedFees = {
  readonly reason: string;
  readonly count: number;
  readonly fees: bigint;
  readonly unknown: number;
};

/** The rejections of the open epoch by amount, the largest first; their objects are read again from the archive. */
export async function rejectedFees(
  { store, archive }: { readonly store: LedgerStore; readonly archive: ObjectStore },
  { head, ruleset }: { head: Head; ruleset: Ruleset },
): Promise<RejectedFees[]> {
  const byReason = new Map<string, RejectedFees>();
  let open: { ordinal: number; elements: readonly Json[] } | undefined;
  for await (const { ordinal, position, reason } of openRejections(store, head)) {
    if (open?.ordinal !== ordinal)
      open = { ordinal, elements: await elementsOf({ store, archive }, ordinal, ruleset) };
    const fees = feesOf(open.elements[position]);
    const known = byReason.get(reason) ?? { reason, count: 0, fees: 0n, unknown: 0 };
    byReason.set(reason, {
      reason,
      count: known.count + 1,
      fees: known.fees + (fees ?? 0n),
      unknown: known.unknown + (fees === undefined ? 1 : 0),
    });
  }
  return [...byReason.values()].sort((a, b) =>
    a.fees === b.fees ? b.count - a.count : a.fees < b.fees ? 1 : -1,
  );
}

async function elementsOf(
  { store, archive }: { store: LedgerStore; archive: ObjectStore },
  ordinal: number,
  ruleset: Ruleset,
): Promise<readonly Json[]> {
  const record = await getOne(store, objects, ordinal);
  invariant(record !== undefined, "A rejection names an object that the ledger does not know.", { ordinal });
  const content = await readArchived(archive, record);
  const elements = decodeElements(content, { key: record.key, maxBytes: ruleset.maxObjectBytes });
  return Array.isArray(elements) ? elements : [];
}

/** What a rejected event says it earned, when it says so in a whole number, even as text; no more than a figure to look at. */
function feesOf(element: Json | undefined): bigint | undefined {
  const payload = isJsonObject(element) ? element.Payload : undefined;
  const fees = isJsonObject(payload) ? payload.fees : undefined;
  const text = typeof fees === "number" || typeof fees === "bigint" ? fees.toString() : fees;
  return typeof text === "string" && /^\d{1,78}$/.test(text) ? BigInt(text) : undefined;
}
