import type { Address } from "../../core/address.ts";
import type { EarningLine } from "../../core/artifacts.ts";
import {
  type Explanation,
  type PartitionSum,
  sumOfAsset,
  sumOfEvent,
  sumPartitions,
} from "../../core/explanation.ts";
import type { Ruleset } from "../../core/ruleset.ts";
import { invariant } from "../../errors.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import type { EpochState, Head } from "../../store/records.ts";
import type { ProofBook } from "../claims/proof-book.ts";
import { earningLines, readEarnings } from "../close/earnings-file.ts";
import { readManifest, requireEpoch } from "../close/epochs.ts";
import { readHead } from "../ingest/ingest.ts";
import { readSteadily } from "../operate/steady.ts";
import { closedRows, openRows } from "./account-rows.ts";
import {
  elementsOfObjects,
  judge,
  openPairs,
  type PlacedElement,
  type Trace,
  type TracePorts,
  traceClosedEpoch,
  tracedEpoch,
} from "./trace.ts";
import { type Estimates, noChainView, readWorker } from "./worker.ts";

/** What explaining works on. */
export type ExplainPorts = TracePorts & {
  readonly artifacts: ObjectStore;
  readonly proofs: ProofBook;
  readonly estimates: Estimates;
};

/** Whose amount in which epoch, the open one when none is given; `ruleset` are its rules while it has no object. */
export type ExplainQuery = {
  readonly account: Address;
  readonly epoch?: number | undefined;
  readonly ruleset: Ruleset;
};

/**
 * Every event behind what an account gained in an epoch, and every one left out. The sums are those of the ledger, of
 * `worker show`, and, once closed, those published: anything else throws `invariant-violated`. An account that never
 * worked gained zero. Throws `epoch-unknown`, `archive-incomplete`, `artifact-damaged`, `ledger-busy`, and
 * what the book of proofs throws.
 */
export async function explain(ports: ExplainPorts, query: ExplainQuery): Promise<Explanation> {
  const { account, epoch } = query;
  const head = await readHead(ports.store);
  if (epoch === undefined || epoch === head.epoch) return explainOpen(ports, query, head);
  return explainClosed(ports, { account, state: await requireEpoch(ports.store, epoch) });
}

async function explainClosed(
  ports: ExplainPorts,
  { account, state }: { account: Address; state: EpochState },
): Promise<Explanation> {
  const { store, artifacts, proofs } = ports;
  const manifest = await readManifest(artifacts, state);
  const { epoch, ruleset } = manifest;
  const trace = await traceClosedEpoch(ports, { account, ruleset, epoch: tracedEpoch(state) });
  const explanation = explanationOf(trace, { account, epoch, ruleset });
  checkSums(explanation, {
    source: "ledger",
    sums: await Array.fromAsync(closedRows(store, { account, epoch })),
  });
  const lines = [...earningLines(await readEarnings(artifacts, manifest), account)];
  checkSums(explanation, { source: "earnings.ndjson", sums: lines.map(publishedRow) });
  const before = epoch === 1 ? undefined : await requireEpoch(store, epoch - 1);
  const leaf = { account, asset: ruleset.asset };
  const growth = (await publishedLeaf(proofs, state, leaf)) - (await publishedLeaf(proofs, before, leaf));
  checkEarned(explanation, { source: "growth of the leaf", expected: growth });
  return explanation;
}

// Objects never change, so when the ledger has moved meanwhile only the new ones are read.
async function explainOpen(
  ports: ExplainPorts,
  query: ExplainQuery,
  { epoch, openFrom, opensAt }: Head,
): Promise<Explanation> {
  const { store } = ports;
  const { account } = query;
  let elements: PlacedElement[] = [];
  let from = openFrom;
  return readSteadily(store, async (head) => {
    // Closed meanwhile: asked for by its number it is a closed epoch now, and otherwise the next one is meant.
    if (head.epoch !== epoch) return explain(ports, query);
    const { nextOrdinal } = head;
    const ruleset = head.ruleset ?? query.ruleset;
    const range = { account, ruleset, from, to: nextOrdinal };
    elements = elements.concat(await Array.fromAsync(elementsOfObjects(ports, range)));
    from = nextOrdinal;
    const pairs = await openPairs(store, { account, ruleset });
    const traced = { epoch, openFrom, nextOrdinal, opensAt };
    const trace = await judge(store, { ruleset, epoch: traced, elements, pairs });
    const explanation = explanationOf(trace, { account, epoch, ruleset });
    checkSums(explanation, {
      source: "ledger",
      sums: await Array.fromAsync(openRows(store, { account, ruleset, pairs })),
    });
    const { assets } = await readWorker({ ...ports, chain: noChainView }, { account, ruleset });
    const accruing = assets.find(({ asset }) => asset === ruleset.asset)?.accruing ?? 0n;
    checkEarned(explanation, { source: "worker show", expected: accruing });
    return explanation;
  });
}

function explanationOf(trace: Trace, of: { account: Address; epoch: number; ruleset: Ruleset }): Explanation {
  const { account, epoch, ruleset } = of;
  return { account, epoch, assets: [sumOfAsset(ruleset.asset, trace.events.map(sumOfEvent))], ...trace };
}

function publishedRow({ partition, events, gross, commission, earned }: EarningLine): PartitionSum {
  const amounts = { grossWei: BigInt(gross), commissionWei: BigInt(commission), earnedWei: BigInt(earned) };
  return { partition, events, ...amounts };
}

async function publishedLeaf(
  proofs: ProofBook,
  state: EpochState | undefined,
  { account, asset }: { account: Address; asset: Address },
): Promise<bigint> {
  return state === undefined ? 0n : (await proofs.find(state, account)).amountOf(asset);
}

/** The events must sum to what is known elsewhere, partition by partition. */
function checkSums(
  { account, epoch, events }: Explanation,
  known: { source: string; sums: Iterable<PartitionSum> },
): void {
  const found = sumPartitions(events.map(sumOfEvent));
  const expected = sumPartitions(known.sums);
  for (const partition of new Set([...found.keys(), ...expected.keys()])) {
    const [ours, theirs] = [sumText(found.get(partition)), sumText(expected.get(partition))];
    const { source } = known;
    invariant(ours === theirs, "The events of an account do not sum to what is known of it.", {
      ...{ account, epoch, partition, source },
      expected: theirs,
      found: ours,
    });
  }
}

function sumText(sum: PartitionSum | undefined): string {
  if (sum === undefined) return "nothing";
  const { events, grossWei, commissionWei, earnedWei } = sum;
  return `${events} events, gross ${grossWei}, commission ${commissionWei}, earned ${earnedWei} wei`;
}

function checkEarned(
  { account, epoch, assets }: Explanation,
  known: { source: string; expected: bigint },
): void {
  const found = assets[0]?.earned ?? 0n;
  const { source, expected } = known;
  invariant(found === expected, "The events of an account do not sum to what is known of it.", {
    ...{ account, epoch, source, expected, found },
  });
}
