import type { Address } from "../../core/address.ts";
import { claimedSums, closedSums, cumulatives, within } from "../../store/keys.ts";
import { walk } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import type { AuditCheck } from "../../store/records.ts";
import { readHead } from "../ingest/ingest.ts";
import type { ChainAccount } from "./chain.ts";
import { checkOf } from "./lines.ts";

/** That the distributor holds what it still owes of every asset that the newest record declares. */
export async function checkSolvency(account: ChainAccount): Promise<AuditCheck> {
  const { chain, postings, newest } = account;
  const books: { asset: Address; owed: bigint; held: bigint }[] = [];
  for (const { asset, cumulative } of postings.get(newest)?.at(-1)?.record.totals ?? []) {
    const { claimed, held } = await chain.asset(asset);
    books.push({ asset, owed: BigInt(cumulative) - claimed, held });
  }
  const short = books.find(({ owed, held }) => held < owed);
  const expected = books.map(({ asset, owed }) => `at least ${owed} of ${asset}`).join("; ");
  const actual = books.map(({ asset, held }) => `${held} of ${asset}`).join("; ");
  const missing = short && `${short.owed - short.held} of ${short.asset} are missing`;
  return checkOf("solvency", { expected, actual, ok: short === undefined, detail: missing });
}

type Claims = {
  confirmed: number;
  unclaimed: number;
  overpaid: number;
  unknown: number;
  first: string | undefined;
};

/**
 * That nobody was paid more than the newest epoch on chain entitles it to, and nobody who is entitled to nothing. An
 * account counts as confirmed when all it was paid is covered, and as unclaimed while there is more to claim.
 */
export async function checkClaims(cache: LedgerStore, account: ChainAccount): Promise<AuditCheck> {
  const recent = recentClaims(account);
  const found: Claims = { confirmed: 0, unclaimed: 0, overpaid: 0, unknown: 0, first: undefined };
  const sums = walk(cache, claimedSums)[Symbol.asyncIterator]();
  let sum = await sums.next();
  const paidTo = async (name: string, entitled: bigint, whose: { account: Address; asset: Address }) => {
    // Both are in the order of account and asset, so that neither has to be held.
    while (sum.done !== true && compare(sum.value.key, whose) < 0) {
      judge(found, { ...sum.value.key, entitled: 0n, paid: take(recent, sum.value.key) + sum.value.value });
      sum = await sums.next();
    }
    let paid = take(recent, whose);
    if (sum.done !== true && nameOf(sum.value.key) === name) {
      paid += sum.value.value;
      sum = await sums.next();
    }
    judge(found, { ...whose, entitled, paid });
  };
  const { epoch: open } = await readHead(cache);
  for await (const { key, value } of walk(cache, cumulatives)) {
    let entitled = value;
    for (let epoch = account.newest + 1; epoch < open; epoch += 1) {
      entitled -= await earnedIn(cache, { ...key, epoch });
    }
    await paidTo(nameOf(key), entitled, key);
  }
  for (; sum.done !== true; sum = await sums.next()) {
    judge(found, { ...sum.value.key, entitled: 0n, paid: take(recent, sum.value.key) + sum.value.value });
  }
  for (const { account: whose, asset, paid } of recent.values()) {
    judge(found, { account: whose, asset, entitled: 0n, paid });
  }
  const { confirmed, unclaimed, overpaid, unknown, first } = found;
  return checkOf("claims", {
    expected: "0 overpaid, 0 unknown",
    actual: `${overpaid} overpaid, ${unknown} unknown`,
    ok: overpaid + unknown === 0,
    detail: [`${confirmed} confirmed, ${unclaimed} with more to claim`, first].filter(Boolean).join("; "),
  });
}

/** What an account earned of an asset in a derived epoch. */
async function earnedIn(
  cache: LedgerStore,
  of: { account: Address; asset: Address; epoch: number },
): Promise<bigint> {
  let earned = 0n;
  const own = within.accountEpoch(of.account, of.epoch);
  for await (const { key, value } of walk(cache, closedSums, { within: own })) {
    if (key.asset === of.asset) earned += value.grossWei - value.commissionWei;
  }
  return earned;
}

type Paid = { readonly account: Address; readonly asset: Address; readonly paid: bigint };

/** What was claimed in blocks that are not final yet. */
function recentClaims({ overlay }: ChainAccount): Map<string, Paid> {
  const sums = new Map<string, Paid>();
  for (const log of overlay.logs) {
    if (log.kind !== "claimed") continue;
    const { account, asset, amount } = log;
    sums.set(nameOf(log), { account, asset, paid: (sums.get(nameOf(log))?.paid ?? 0n) + amount });
  }
  return sums;
}

function take(recent: Map<string, Paid>, whose: { account: Address; asset: Address }): bigint {
  const paid = recent.get(nameOf(whose))?.paid ?? 0n;
  recent.delete(nameOf(whose));
  return paid;
}

function judge(
  found: Claims,
  { account, asset, entitled, paid }: Paid & { readonly entitled: bigint },
): void {
  if (paid > 0n && paid <= entitled) found.confirmed += 1;
  if (paid < entitled) found.unclaimed += 1;
  if (paid <= entitled) return;
  if (entitled === 0n) found.unknown += 1;
  else found.overpaid += 1;
  found.first ??= `${account} was paid ${paid} of ${asset}, and is entitled to ${entitled}`;
}

function nameOf({ account, asset }: { account: Address; asset: Address }): string {
  return `${account} ${asset}`.toLowerCase();
}

function compare(a: { account: Address; asset: Address }, b: { account: Address; asset: Address }): number {
  return nameOf(a) < nameOf(b) ? -1 : nameOf(a) > nameOf(b) ? 1 : 0;
}
