import { revokeFromCall } from "../../chain/calls.ts";
import type {
  DistributorCall,
  DistributorChain,
  PostedLog,
  TransactionPlan,
} from "../../chain/distributor-chain.ts";
import type { EpochRecord } from "../../chain/record.ts";
import type { Hash, LatestPointer } from "../../core/artifacts.ts";
import { epochFolder } from "../../core/artifacts.ts";
import { keccak256Hex } from "../../core/hash.ts";
import { exitCodes, PayrootError } from "../../errors.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import { pointBefore, shelveEpoch } from "../close/shelve.ts";
import { epochActive } from "../close/taken-back.ts";
import { findPosting, postingsOf } from "./find-posting.ts";
import { type TransactOptions, transact } from "./transact.ts";

/** What revoking works on: the chain and the published files. No data directory, so that any guardian can do it. */
export type RevokePorts = { readonly artifacts: ObjectStore; readonly chain: DistributorChain };

/** What was, or would be, revoked: the epochs from `epoch` to `last`. */
export type RevokeReport = {
  readonly epoch: number;
  readonly last: number;
  readonly state: "dry" | "revoked";
  /** Until the first of them is active and none can be taken back, in seconds; null when they were. */
  readonly secondsLeft: number | null;
  readonly transaction: Hash | null;
  readonly block: number | null;
  readonly plan: TransactionPlan | null;
  /** Where the files of the revoked epochs are now. */
  readonly moved: readonly string[];
};

/** A revocation that the contract would accept now. */
export type Revocation = {
  readonly call: DistributorCall;
  readonly secondsLeft: number;
  /** The postings that it takes back, oldest first, and the one before them. */
  readonly postings: readonly PostedLog[];
  readonly before: PostedLog | undefined;
};

/**
 * The call that takes back an epoch and all after it. Throws `epoch-not-on-chain`, `epoch-active`, `rpc-lagging`.
 */
export async function revocationOf(chain: DistributorChain, epoch: number): Promise<Revocation> {
  const standing = await chain.epoch(epoch);
  if (standing === undefined) throw epochNotOnChain({ epoch, newest: await chain.latestEpoch() });
  const now = (await chain.block("latest"))?.timestampSeconds ?? 0;
  const secondsLeft = standing.activatesAtSeconds - now;
  if (secondsLeft <= 0) throw epochActive(epoch);
  const postings: PostedLog[] = [];
  const latest = await chain.latestEpoch();
  for (let number = epoch; number <= latest; number += 1) postings.push(await findPosting({ chain }, number));
  const before = epoch === 1 ? undefined : await findPosting({ chain }, epoch - 1);
  const call = revokeFromCall(epoch, before?.record ?? noRecord);
  return { call, secondsLeft, postings, before };
}

/**
 * Takes back an epoch that is not active, and all after it: the guardian's transaction. Afterwards their files move
 * aside, which is made up for when the epoch was revoked elsewhere. Throws what `revocationOf` and `transact` throw,
 * and `signer-not-guardian`.
 */
export async function revokeEpochs(
  ports: RevokePorts,
  epoch: number,
  options: TransactOptions & { readonly broadcast: boolean },
): Promise<RevokeReport> {
  const { chain } = ports;
  if ((await chain.epoch(epoch)) === undefined) return tidyUp(ports, epoch);
  const { call, secondsLeft, postings, before } = await revocationOf(chain, epoch);
  const from = options.signer?.address;
  if (from !== undefined && !(await chain.hasRole("GUARDIAN", from))) throw signerNotGuardian(from);
  const report = { epoch, last: epoch + postings.length - 1, transaction: null, block: null, plan: null };
  if (!options.broadcast) {
    const plan = from === undefined ? null : await chain.plan(call, { from });
    return { ...report, state: "dry", secondsLeft, plan, moved: [] };
  }
  const { transaction, block } = await transact(chain, call, options);
  const moved = await moveAside(ports.artifacts, { postings, before });
  return { ...report, state: "revoked", secondsLeft: null, transaction, block, moved };
}

/** The epoch does not stand: if it did once and its files still lie there, they are moved now. */
async function tidyUp(ports: RevokePorts, epoch: number): Promise<RevokeReport> {
  const { artifacts, chain } = ports;
  const newest = await chain.latestEpoch();
  const postings: PostedLog[] = [];
  for (let number = epoch; newest === epoch - 1; number += 1) {
    const posting = await postingOfFiles(ports, number);
    if (posting === undefined) break;
    postings.push(posting);
  }
  if (postings.length === 0) throw epochNotOnChain({ epoch, newest });
  const before = epoch === 1 ? undefined : await findPosting({ chain }, epoch - 1);
  const moved = await moveAside(artifacts, { postings, before });
  const nothing = { secondsLeft: null, transaction: null, block: null, plan: null };
  return { epoch, last: epoch + postings.length - 1, state: "revoked", ...nothing, moved };
}

/** The posting that declared the files that lie in an epoch's folder. */
async function postingOfFiles(
  { artifacts, chain }: RevokePorts,
  epoch: number,
): Promise<PostedLog | undefined> {
  const manifest = await artifacts.get(`${epochFolder(epoch)}manifest.json`);
  if (manifest === undefined) return undefined;
  const hash = keccak256Hex(manifest.bytes);
  for await (const posting of postingsOf({ chain }, epoch)) {
    if (posting.record.manifestHash === hash) return posting;
  }
  return undefined;
}

async function moveAside(
  artifacts: ObjectStore,
  { postings, before }: Pick<Revocation, "postings" | "before">,
): Promise<string[]> {
  const moved: string[] = [];
  for (const { epoch, record } of postings) {
    moved.push(await shelveEpoch(artifacts, { epoch, manifestHash: record.manifestHash }));
  }
  const pointer = await artifacts.get("latest.json");
  const latest = pointer && (JSON.parse(new TextDecoder().decode(pointer.bytes)) as LatestPointer);
  if (latest !== undefined && latest.epoch >= (postings[0]?.epoch ?? 0)) {
    const { epoch, record } = before ?? {};
    const last = record && { epoch: epoch ?? 0, manifestHash: record.manifestHash, posted: true };
    await pointBefore(artifacts, last);
  }
  return moved;
}

const zeroHash = `0x${"0".repeat(64)}` as const;

// What the contract takes for the record before the first.
const noRecord: EpochRecord = {
  ...{ epoch: 0n, previous: zeroHash, root: zeroHash, earningsRoot: zeroHash, manifestHash: zeroHash },
  totals: [],
};

function epochNotOnChain(facts: { epoch: number; newest: number }): PayrootError {
  return new PayrootError("epoch-not-on-chain", "The epoch is not on chain, so there is nothing to revoke.", {
    facts: { epoch: facts.epoch, "newest on chain": facts.newest },
    next: `to correct it, run: payroot epoch reopen ${facts.epoch}`,
  });
}

function signerNotGuardian(signer: string): PayrootError {
  return new PayrootError("signer-not-guardian", "The signer may not revoke epochs.", {
    facts: { signer, "role needed": "GUARDIAN" },
    next: "sign with the guardian's key, or print the call for it: --output calldata or --output safe",
    exitCode: exitCodes.usage,
  });
}
