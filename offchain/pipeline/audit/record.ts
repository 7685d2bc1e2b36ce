import { type EpochRecord, noRecordHash, recordHash } from "../../chain/record.ts";
import type { Hash } from "../../core/artifacts.ts";
import { canonicalJson } from "../../core/canonical.ts";
import type { AuditCheck, DerivedSummary } from "../../store/records.ts";
import { type ChainAccount, type Posted, plainRecord } from "./chain.ts";
import { checkOf } from "./lines.ts";

/** What the chain says of one epoch, compared with what it should say. Nothing but `posted once` before it is posted. */
export async function checkPosting(
  account: ChainAccount,
  { epoch, derived }: { readonly epoch: number; readonly derived: DerivedSummary | undefined },
): Promise<AuditCheck[]> {
  const posted = account.postings.get(epoch) ?? [];
  const once = checkPostedOnce(posted, account.newest >= epoch);
  const [first] = posted;
  // Of several, the last is the one that the chain goes by.
  const last = posted.at(-1) ?? first;
  if (last === undefined) return [once];
  const previous = account.postings.get(epoch - 1)?.at(-1)?.recordHash ?? noRecordHash;
  const checks = [once];
  if (derived !== undefined) checks.push(checkRecord(account, { posted: last, derived, previous }));
  checks.push(await checkRecordChain(account, { posted: last, previous }));
  if (derived !== undefined) checks.push(checkDeclared(last, derived));
  return checks;
}

function checkPostedOnce(posted: readonly Posted[], due: boolean): AuditCheck {
  const name = "posted once";
  const expected = due ? "1 posting" : "at most 1 posting";
  const actual = `${posted.length} ${posted.length === 1 ? "posting" : "postings"}`;
  const ok = due ? posted.length === 1 : posted.length <= 1;
  const places = posted.map(
    ({ transaction, recordHash }) => `record ${recordHash} in transaction ${transaction}`,
  );
  return checkOf(name, {
    expected,
    actual,
    ok,
    detail: ok ? undefined : places.join("; ") || "a later epoch is on chain",
  });
}

/** That the chain holds the record that the derived manifest declares, and that it was made for this distributor. */
function checkRecord(
  { chain }: ChainAccount,
  { posted, derived, previous }: { posted: Posted; derived: DerivedSummary; previous: Hash },
): AuditCheck {
  const place = (of: { readonly chainId: number; readonly distributor: string }) =>
    `a record for distributor ${of.distributor} on chain ${of.chainId}`;
  if (place(chain) !== place(derived)) {
    return checkOf("record", { expected: place(chain), actual: place(derived) });
  }
  const wanted = derivedRecord(derived, previous);
  const [ours, theirs] = [plainRecord(wanted), posted.record];
  const fields = (Object.keys(ours) as (keyof typeof ours)[]).filter(
    (field) => canonicalJson(ours[field]) !== canonicalJson(theirs[field]),
  );
  const expected = fields.length === 0 ? posted.ownHash : recordHash(wanted);
  if (expected === posted.recordHash) return checkOf("record", { expected, actual: posted.recordHash });
  const pairs = fields.map((field) => `${field} ${text(theirs[field])} instead of ${text(ours[field])}`);
  const detail = pairs.join("; ") || "the hash is not that of the record";
  return checkOf("record", { expected, actual: posted.recordHash, detail });
}

/** That the record goes on from the one before, hashes to what was posted, and that the newest is the chain's head. */
async function checkRecordChain(
  { chain, newest }: ChainAccount,
  { posted, previous }: { readonly posted: Posted; readonly previous: Hash },
): Promise<AuditCheck> {
  const name = "record chain";
  const given = posted.record.previous;
  if (given !== previous) {
    const detail = `the record of epoch ${posted.epoch} does not go on from that of the epoch before`;
    return checkOf(name, { expected: previous, actual: given, detail });
  }
  const own = posted.ownHash;
  if (own !== posted.recordHash) {
    return checkOf(name, {
      expected: own,
      actual: posted.recordHash,
      detail: "the log's record has another hash",
    });
  }
  if (posted.epoch !== newest) return checkOf(name, { expected: previous, actual: given });
  const head = await chain.head();
  if (head === own) return checkOf(name, { expected: previous, actual: given });
  return checkOf(name, {
    expected: own,
    actual: head,
    detail: "the head of the chain of records is another one",
  });
}

/** That what was declared of each asset is the sum of its leaves: more could be drawn by a wrong tree. */
function checkDeclared(posted: Posted, derived: DerivedSummary): AuditCheck {
  const name = "declared totals";
  const sums = derived.totals.map(({ asset, cumulative }) => ({ asset, cumulative }));
  const [expected, actual] = [canonicalJson(sums), canonicalJson(posted.record.totals)];
  if (expected === actual) return checkOf(name, { expected, actual });
  const details = posted.record.totals.flatMap(({ asset, cumulative }) => {
    const own = sums.find((total) => total.asset === asset)?.cumulative ?? "0";
    const excess = BigInt(cumulative) - BigInt(own);
    if (excess === 0n) return [];
    return [
      `${excess < 0n ? -excess : excess} wei ${excess < 0n ? "less" : "more"} than the leaves of ${asset}`,
    ];
  });
  return checkOf(name, { expected, actual, detail: details.join("; ") || "an asset is left out" });
}

/** The record that declares a derived epoch. */
export function derivedRecord(derived: DerivedSummary, previous: Hash): EpochRecord {
  const { epoch, root, earningsRoot, manifestHash } = derived;
  const totals = derived.totals.map(({ asset, cumulative }) => ({ asset, cumulative: BigInt(cumulative) }));
  return { epoch: BigInt(epoch), previous, root, earningsRoot, manifestHash, totals };
}

function text(value: unknown): string {
  return typeof value === "string" ? value : canonicalJson(value);
}
