import type { Address } from "../../core/address.ts";
import type { Manifest } from "../../core/artifacts.ts";
import { PayrootError } from "../../errors.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import { closedSums, within } from "../../store/keys.ts";
import { walk } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import { earningLines, readEarnings } from "../close/earnings-file.ts";
import { readManifest, requireEpoch } from "../close/epochs.ts";

/**
 * What an account earned in an epoch beside its median: that over the newest 30 earlier epochs in which it earned
 * (`own`), or, for one that never earned before, that over everybody in the epoch before (`pool`). Amounts in the
 * asset's smallest unit.
 */
export type Jump = {
  readonly account: Address;
  readonly earned: bigint;
  readonly median: bigint;
  readonly of: "own" | "pool";
};

/** What is compared: who earned how much of an asset in an epoch. */
export type EpochEarnings = {
  readonly epoch: number;
  readonly asset: Address;
  readonly earned: ReadonlyMap<Address, bigint>;
};

/** Every account with something to compare it with, the largest jump first. Nothing in a pool's first epoch. */
export async function findJumps(
  ports: { readonly store: LedgerStore; readonly artifacts: ObjectStore },
  epoch: EpochEarnings,
): Promise<Jump[]> {
  const jumps: Jump[] = [];
  let pool: bigint | undefined;
  for (const [account, earned] of epoch.earned) {
    if (earned === 0n) continue;
    const own = median(await earlierEarnings(ports.store, { ...epoch, account }));
    if (own === undefined)
      pool ??= median((await earningsBefore(ports, epoch)).filter((amount) => amount > 0n)) ?? 0n;
    const against = own ?? pool ?? 0n;
    if (against > 0n)
      jumps.push({ account, earned, median: against, of: own === undefined ? "pool" : "own" });
  }
  return jumps.sort((a, b) => compare(b.earned * a.median, a.earned * b.median));
}

/**
 * That no account of a closed epoch earned more than `factor` times its median; 0 lets everything pass. Throws
 * `epoch-anomalous`.
 */
export async function checkAnomalies(
  ports: { readonly store: LedgerStore; readonly artifacts: ObjectStore },
  manifest: Manifest,
  factor: number,
): Promise<void> {
  if (factor === 0) return;
  const { epoch } = manifest;
  for (const { asset } of manifest.totals) {
    const earned = await earnedIn(ports.artifacts, { manifest, asset });
    const jumps = await findJumps(ports, { epoch, asset, earned });
    const outliers = jumps.filter((jump) => jump.earned > BigInt(factor) * jump.median);
    const [worst] = outliers;
    if (worst !== undefined) throw epochAnomalous({ epoch, factor, outliers: outliers.length, ...worst });
  }
}

/** How many times its median an account earned, with one decimal: "31.4". */
export function timesMedian({ earned, median }: Pick<Jump, "earned" | "median">): string {
  const tenths = (earned * 10n) / median;
  return `${tenths / 10n}.${tenths % 10n}`;
}

/** What each account earned of an asset in a closed epoch, from its published file. */
export async function earnedIn(
  artifacts: ObjectStore,
  { manifest, asset }: { manifest: Manifest; asset: Address },
): Promise<Map<Address, bigint>> {
  const earned = new Map<Address, bigint>();
  for (const line of earningLines(await readEarnings(artifacts, manifest))) {
    if (line.asset === asset)
      earned.set(line.account, (earned.get(line.account) ?? 0n) + BigInt(line.earned));
  }
  return earned;
}

/** What an account earned in each of its newest earlier epochs; epochs without earnings are none of its epochs. */
async function earlierEarnings(
  store: LedgerStore,
  of: { epoch: number; account: Address; asset: Address },
): Promise<bigint[]> {
  const earned = new Map<number, bigint>();
  for await (const { key, value } of walk(store, closedSums, {
    within: within.account(of.account),
    reverse: true,
  })) {
    if (key.epoch >= of.epoch || key.asset !== of.asset) continue;
    if (earned.size === mostEpochs && !earned.has(key.epoch)) break;
    earned.set(key.epoch, (earned.get(key.epoch) ?? 0n) + value.grossWei - value.commissionWei);
  }
  return [...earned.values()].filter((amount) => amount > 0n);
}

const mostEpochs = 30;

async function earningsBefore(
  { store, artifacts }: { store: LedgerStore; artifacts: ObjectStore },
  { epoch, asset }: EpochEarnings,
): Promise<bigint[]> {
  if (epoch === 1) return [];
  const manifest = await readManifest(artifacts, await requireEpoch(store, epoch - 1));
  return [...(await earnedIn(artifacts, { manifest, asset })).values()];
}

/** The middle amount, or the floor of the mean of the two in the middle; undefined of nothing. */
export function median(amounts: readonly bigint[]): bigint | undefined {
  const sorted = [...amounts].sort(compare);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return low === undefined || high === undefined ? undefined : (low + high) / 2n;
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function epochAnomalous(about: Jump & { epoch: number; factor: number; outliers: number }): PayrootError {
  const { epoch, factor, outliers, account, earned, median, of } = about;
  const whose = of === "own" ? "its median epoch" : "the median of all accounts in the epoch before";
  return new PayrootError("epoch-anomalous", "An account earned far more than it usually does.", {
    facts: {
      epoch,
      accounts: outliers,
      account,
      earned,
      [whose]: median,
      times: timesMedian(about),
      limit: factor,
    },
    next: `look at it with: payroot explain ${account} --epoch ${epoch}; if it is right, publish with --accept-anomaly`,
  });
}
