import { type Hash, type Manifest, manifestHash } from "../../core/artifacts.ts";
import { canonicalJson } from "../../core/canonical.ts";
import { manifestOf } from "../../core/epoch.ts";
import type { Leaf } from "../../core/merkle/leaf.ts";
import { rulesetHash } from "../../core/ruleset.ts";
import { parseTime } from "../../core/time.ts";
import { invariant } from "../../errors.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import type { LedgerStore, StoreWrite } from "../../store/ledger-store.ts";
import type { AuditCheck, DerivedSummary, Head, RecordedAudit } from "../../store/records.ts";
import { epochStateOf } from "../close/close-epoch.ts";
import { closingWrites } from "../close/closing-writes.ts";
import { cumulativeList, type DerivedEpoch, deriveEpoch, openingTime } from "../close/derive-epoch.ts";
import { readHead } from "../ingest/ingest.ts";
import type { ObjectParser } from "../ingest/parser.ts";
import { checkAmounts, checkLines, checkProofs, publishedAmounts } from "./amounts.ts";
import { checkFiles, compareFiles } from "./files.ts";
import { checkOf, type LineDifference } from "./lines.ts";
import { checkObjects, type ObjectFaults, replayPublished } from "./objects.ts";
import type { PublishedEpoch } from "./published.ts";
import { checkConservation, checkMonotonic, checkRoot } from "./sums.ts";
import { createTracer } from "./trace.ts";

/** What auditing an epoch works on: a ledger that stands right before it, and what was published. */
export type AuditEpochPorts = {
  readonly cache: LedgerStore;
  readonly archive: ObjectStore;
  readonly artifacts: ObjectStore;
  readonly parse?: ObjectParser | undefined;
};

/** What an epoch came to. `writes` close it in the cache as it was derived; none when it cannot be derived at all. */
export type EpochAudit = {
  readonly checks: readonly AuditCheck[];
  readonly complete: boolean;
  readonly derived: DerivedSummary | undefined;
  readonly writes: readonly StoreWrite[] | undefined;
};

/**
 * Derives an epoch from the archived objects that its published list names, by its published rules, and compares
 * everything that was published of it with what it should be.
 */
export async function auditEpoch(
  ports: AuditEpochPorts,
  published: PublishedEpoch,
  options: {
    readonly before: RecordedAudit | undefined;
    readonly signal?: AbortSignal | undefined;
    readonly onObject?: ((objects: number) => void) | undefined;
  },
): Promise<EpochAudit> {
  const { cache } = ports;
  const { manifest } = published;
  const faults = await replayPublished(ports, published, options);
  const head = { ...(await readHead(cache)), previousManifest: options.before?.manifestHash ?? null };
  const cumulatives = await cumulativeList(cache);
  const derived = await derive(cache, head, manifest);
  if (derived === undefined) {
    const detail = "by these objects and rules nobody earned anything, so there is no such epoch";
    const nothing = checkOf("earnings", {
      expected: "none",
      actual: `${manifest.earnings}`,
      ok: false,
      detail,
    });
    const checks = [checkRules(published, options), checkObjects(published, faults, undefined), nothing];
    return { checks, complete: faults.size === 0, derived: undefined, writes: undefined };
  }
  const { checks, own } = await compare(ports, published, { ...options, head, derived, cumulatives, faults });
  // What follows is compared with what this epoch should have been, under the hash that was published.
  const state = { ...epochStateOf(own, head), manifestHash: published.manifestHash };
  const writes = await closingWrites(cache, { head, state, ...derived });
  return { checks, complete: faults.size === 0, derived: summaryOf(own), writes };
}

function summaryOf(manifest: Manifest): DerivedSummary {
  const { epoch, chainId, distributor, ruleset, rulesetHash: rules, root, earningsRoot, totals } = manifest;
  const files = manifest.files.map(({ name }) => name);
  const roots = { root, earningsRoot, totals, manifestHash: manifestHash(manifest), files };
  return { epoch, chainId, distributor, ruleset, rulesetHash: rules, ...roots };
}

async function derive(cache: LedgerStore, head: Head, manifest: Manifest): Promise<DerivedEpoch | undefined> {
  const { chainId, distributor } = manifest;
  const closesAt = parseTime(manifest.closesAt);
  invariant(closesAt !== undefined, "A published manifest was read with a wrong time.");
  if (head.nextOrdinal === head.openFrom) return undefined;
  if ((await openingTime(cache, head)) === undefined) return undefined;
  const closing = { closesAt, chainId, distributor };
  return deriveEpoch(cache, { ...head, closing });
}

type Context = Parameters<typeof auditEpoch>[2] & {
  readonly head: Head;
  readonly derived: DerivedEpoch;
  readonly cumulatives: readonly Leaf[];
  readonly faults: ObjectFaults;
};

async function compare(
  ports: AuditEpochPorts,
  published: PublishedEpoch,
  context: Context,
): Promise<{ checks: AuditCheck[]; own: Manifest }> {
  const { manifest } = published;
  const { head, derived, cumulatives, faults } = context;
  const { closed } = derived;
  const files = await compareFiles(ports.artifacts, manifest, derived);
  const entries = [...files.values()].map((file) => file.derived);
  const own = manifestOf(closed, { inputs: derived.inputs, files: entries });
  const tracer = createTracer({ ...ports, store: ports.cache }, { head, ruleset: manifest.ruleset });
  const amounts = publishedAmounts(closed, files);
  const checks = [
    checkIdentity(published, own),
    checkPrevious(published, context.before),
    checkRules(published, context),
    await checkFiles(manifest, [...files.keys()], (name) => files.get(name)?.stored),
    checkObjects(published, faults, files.get("objects.ndjson")?.line),
    checkEvents(own, manifest, files.get("objects.ndjson")?.line),
    checkLines("rejections", files),
    checkLines("unmatched", files),
    await checkAmounts("earnings", files, tracer),
    await checkAmounts("leaves", files, tracer),
    checkConservation(manifest, amounts, cumulatives),
    checkMonotonic(amounts, cumulatives),
    checkRoot(closed, manifest, amounts),
    checkOf("earnings root", { expected: closed.earningsTree.root, actual: manifest.earningsRoot }),
    checkProofs(files),
    checkManifestHash(own, published),
  ];
  return { checks, own };
}

/** That the manifest is in its one form, and the times of the epoch follow from the one before. */
function checkIdentity({ manifest, canonical }: PublishedEpoch, own: Manifest): AuditCheck {
  const name = "manifest";
  const expected = `canonical, opened ${own.opensAt}, closed later`;
  if (manifest.opensAt !== own.opensAt) {
    return checkOf(name, { expected, actual: `opened ${manifest.opensAt}` });
  }
  const [opensAt = 0, closesAt = 0] = [own.opensAt, manifest.closesAt].map(parseTime);
  if (closesAt <= opensAt) return checkOf(name, { expected, actual: `closed ${manifest.closesAt}` });
  return checkOf(name, { expected, actual: canonical ? expected : "not in canonical form" });
}

function checkPrevious({ manifest }: PublishedEpoch, before: RecordedAudit | undefined): AuditCheck {
  const text = (hash: Hash | null) => hash ?? "none";
  const expected = text(before?.manifestHash ?? null);
  return checkOf("previous manifest", { expected, actual: text(manifest.previousManifest) });
}

/** That the rules are those of the hash; a change of rules is no fault, and is told. */
function checkRules(
  { manifest }: PublishedEpoch,
  { before }: { readonly before: RecordedAudit | undefined },
): AuditCheck {
  const expected = rulesetHash(manifest.ruleset);
  const ok = expected === manifest.rulesetHash;
  const changed = before !== undefined && before.derived.rulesetHash !== expected;
  const rules = canonicalJson(manifest.ruleset);
  const detail = changed ? `changed from ${canonicalJson(before.derived.ruleset)} to ${rules}` : undefined;
  return checkOf("ruleset", { expected, actual: manifest.rulesetHash, ok, detail });
}

/** That as many events met each fate as the manifest says; names the first object in which it is otherwise. */
function checkEvents(own: Manifest, manifest: Manifest, line: LineDifference | undefined): AuditCheck {
  const [expected, actual] = [canonicalJson(own.inputs), canonicalJson(manifest.inputs)];
  const key = (line?.expected ?? line?.actual)?.row.key;
  const detail =
    expected === actual || key === undefined ? undefined : `first of all in object ${String(key)}`;
  return checkOf("events", { expected, actual, detail });
}

function checkManifestHash(own: Manifest, { manifest, manifestHash: actual }: PublishedEpoch): AuditCheck {
  const fields = (Object.keys(own) as (keyof Manifest)[]).filter(
    (field) => canonicalJson(own[field]) !== canonicalJson(manifest[field]),
  );
  const expected = manifestHash(own);
  const detail = expected === actual ? undefined : `what differs: ${fields.join(", ") || "its form"}`;
  return checkOf("manifest hash", { expected, actual, detail });
}
