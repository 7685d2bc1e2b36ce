import type { DistributorChain } from "../../chain/distributor-chain.ts";
import { append } from "../../core/append.ts";
import type { LatestPointer } from "../../core/artifacts.ts";
import type { Partition } from "../../core/partition.ts";
import { exitCodes, PayrootError } from "../../errors.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";
import type { AuditCheck } from "../../store/records.ts";
import { epochUnknown } from "../close/epochs.ts";
import { readHead } from "../ingest/ingest.ts";
import type { ObjectParser } from "../ingest/parser.ts";
import { type AuditCache, emptied, recordAudit, usableCache } from "./cache.ts";
import { type ChainAccount, isOtherChain, readChain } from "./chain.ts";
import { checkClaims, checkSolvency } from "./claims.ts";
import { auditEpoch } from "./epoch.ts";
import { checkOf } from "./lines.ts";
import { checkWithheld, findWithheld } from "./log.ts";
import { readPublished } from "./published.ts";
import { checkPosting } from "./record.ts";

/** What an audit works on: a cache of its own, and what is public. `chain` and `log` where they are known. */
export type AuditPorts = {
  readonly cache: LedgerStore;
  readonly artifacts: ObjectStore;
  readonly archive: ObjectStore;
  readonly chain?: DistributorChain | undefined;
  readonly log?: ObjectStore | undefined;
  readonly parse?: ObjectParser | undefined;
};

/** How an audit is made; `epoch` asks for that epoch alone, though all before it are derived as well. */
export type AuditOptions = {
  readonly epoch?: number | undefined;
  readonly partitions?: readonly Partition[] | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: AuditProgress) => void) | undefined;
};

/** How far an audit is. */
export type AuditProgress = { readonly epoch: number; readonly last: number; readonly objects: number };

/** What an audit found in one epoch. */
export type AuditedEpoch = {
  readonly epoch: number;
  readonly ok: boolean;
  readonly checks: readonly AuditCheck[];
};

/** What an audit found; `ok` when every check of every epoch holds. */
export type AuditReport = { readonly ok: boolean; readonly epochs: readonly AuditedEpoch[] };

/**
 * Derives every published epoch again from the archive and compares it with what was published, with the chain and with
 * the log. What was derived before is kept in the cache, so that only new epochs cost anything; the outcome is the same
 * as without. Throws `nothing-published`, `epoch-unknown`, and what reading throws.
 */
export async function audit(ports: AuditPorts, options: AuditOptions = {}): Promise<AuditReport> {
  const { artifacts, log } = ports;
  const { epoch: wanted, partitions, signal } = options;
  if (wanted === 0) throw epochUnknown(wanted);
  const usable = await usableCache(ports.cache, artifacts, wanted);
  const { cache, account } = await withChain(usable, ports.chain);
  const { last, whole, unread } = await auditNewEpochs(ports, { ...options, cache, account });
  if (last === 0) throw nothingPublished(artifacts.url);
  if (wanted !== undefined && wanted > last) throw epochUnknown(wanted);

  // Only who knows every manifest can say that none names an object.
  const lists = log !== undefined && whole;
  const withheld = lists ? await findWithheld(cache.store, log, { partitions, signal }) : undefined;
  const epochs: AuditedEpoch[] = [];
  for (let epoch = wanted ?? 1; epoch <= (wanted ?? last); epoch += 1) {
    const own = cache.known.get(epoch);
    const checks = [...(own?.checks ?? unread(epoch))];
    if (account !== undefined) {
      append(checks, await checkPosting(account, { epoch, derived: own?.derived }));
      if (epoch === account.newest) append(checks, await liveChecks(cache.store, account, own !== undefined));
    }
    if (withheld !== undefined && own !== undefined) checks.push(checkWithheld(withheld.get(epoch)));
    epochs.push({ epoch, ok: checks.every(({ ok }) => ok), checks });
  }
  return { ok: epochs.every(({ ok }) => ok), epochs };
}

/** What the chain says; a cache that has read another chain is emptied first. */
async function withChain(
  cache: AuditCache,
  chain: DistributorChain | undefined,
): Promise<{ cache: AuditCache; account: ChainAccount | undefined }> {
  if (chain === undefined) return { cache, account: undefined };
  try {
    return { cache, account: await readChain(cache.store, chain) };
  } catch (error) {
    if (!isOtherChain(error)) throw error;
    const fresh = await emptied(cache.store);
    return { cache: fresh, account: await readChain(fresh.store, chain) };
  }
}

function pointedEpoch(bytes: Uint8Array): number {
  try {
    const { epoch } = JSON.parse(new TextDecoder().decode(bytes)) as LatestPointer;
    return Number.isSafeInteger(epoch) && epoch > 0 ? epoch : 0;
  } catch {
    return 0;
  }
}

/**
 * How far an audit came: the newest epoch that anything speaks of, whether every one was to be and could be derived, and
 * the checks of those that were not.
 */
type Reached = {
  readonly last: number;
  readonly whole: boolean;
  readonly unread: (epoch: number) => readonly AuditCheck[];
};

/**
 * Audits the epochs that the cache does not hold yet. Stops after the last one, or at one that cannot be derived at all,
 * because none after it can.
 */
async function auditNewEpochs(
  ports: AuditPorts,
  options: AuditOptions & { readonly cache: AuditCache; readonly account: ChainAccount | undefined },
): Promise<Reached> {
  const { artifacts, archive, parse } = ports;
  const { cache, signal, account } = options;
  const { store, known } = cache;
  const pointer = await artifacts.get("latest.json");
  const newest = account?.newest ?? 0;
  const claimed = Math.max(newest, pointer === undefined ? 0 : pointedEpoch(pointer.bytes));
  let { epoch } = await readHead(store);
  const stoppedBy = (checks: readonly AuditCheck[]): Reached => {
    const at = epoch;
    return {
      last: Math.max(at, newest),
      whole: false,
      unread: (of) => (of === at ? checks : [notDerived(at)]),
    };
  };
  for (; epoch <= (options.epoch ?? Number.POSITIVE_INFINITY); epoch += 1) {
    signal?.throwIfAborted();
    const published = await readPublished(artifacts, epoch);
    if (published === undefined && epoch > claimed) break;
    if (published === undefined || "fault" in published) {
      const { file, fault } = published ?? { file: "manifest.json", fault: "it is missing" };
      return stoppedBy([checkOf("manifest", { expected: `a readable ${file}`, actual: fault })]);
    }
    const at = epoch;
    const onObject = (objects: number) =>
      options.onProgress?.({ epoch: at, last: Math.max(claimed, at), objects });
    const before = known.get(epoch - 1);
    const auditing = { cache: store, artifacts, archive, parse };
    const found = await auditEpoch(auditing, published, { before, signal, onObject });
    const { checks, complete, derived, writes } = found;
    if (derived === undefined || writes === undefined) return stoppedBy(checks);
    const audit = { manifestHash: published.manifestHash, complete, derived, checks };
    await recordAudit(cache, epoch, { audit, writes });
  }
  const last = Math.max(newest, epoch - 1);
  return { last, whole: options.epoch === undefined, unread: () => [notDerived(epoch)] };
}

function notDerived(epoch: number): AuditCheck {
  const detail = `epoch ${epoch} could not be derived, and every epoch goes on from the one before`;
  return checkOf("manifest", { expected: "an epoch that can be derived", actual: "not derived", detail });
}

/** What holds of the chain now, told with the newest epoch on it; the claims once everything up to it was derived. */
async function liveChecks(
  cache: LedgerStore,
  account: ChainAccount,
  derived: boolean,
): Promise<AuditCheck[]> {
  const solvency = await checkSolvency(account);
  return derived ? [solvency, await checkClaims(cache, account)] : [solvency];
}

function nothingPublished(store: string): PayrootError {
  return new PayrootError("nothing-published", "No epoch was published there.", {
    facts: { store },
    next: "give the folder that holds epochs/ and latest.json, with --from or --artifacts",
    exitCode: exitCodes.usage,
  });
}
