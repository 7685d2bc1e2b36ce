import { expect, test } from "vitest";
import { claimCall, postEpochCall } from "../../../offchain/chain/calls.ts";
import type {
  DistributorChain,
  DistributorLog,
  PostedLog,
} from "../../../offchain/chain/distributor-chain.ts";
import { type EpochRecord, recordHash } from "../../../offchain/chain/record.ts";
import { epochFolder, type Hash, type Manifest } from "../../../offchain/core/artifacts.ts";
import { readProof } from "../../../offchain/pipeline/claims/proof.ts";
import { recordOf } from "../../../offchain/pipeline/publish/epoch-record.ts";
import { publishEpoch } from "../../../offchain/pipeline/publish/publish.ts";
import { deployTestDistributor, type TestDistributor, useAnvil } from "../../support/anvil.ts";
import { auditOf, failuresOf, openCache } from "../../support/auditing.ts";
import { account } from "../../support/events.ts";
import { openTestLedger, type TestLedger } from "../../support/ledger.ts";
import { closeForChain } from "../../support/published-epochs.ts";

const anvil = useAnvil();
const chainChecks = ["posted once", "record", "record chain", "declared totals"];

test("given epochs on chain and claims, when they are audited, then every check of the chain holds", async () => {
  const { ledger, distributor, chain } = await postedEpochs(2);
  await anvil.control().pass(120);
  await claim(ledger, { distributor, epoch: 2 });
  await closeForChain(ledger, { epoch: 3, distributor: distributor.address });

  const report = await auditOf(ledger, { chain });

  expect(report.ok, JSON.stringify(failuresOf(report))).toBe(true);
  const names = report.epochs.map(({ checks }) => checks.slice(16).map(({ name }) => name));
  expect(names).toEqual([chainChecks, [...chainChecks, "solvency", "claims"], ["posted once"]]);
  const claims = report.epochs[1]?.checks.find(({ name }) => name === "claims");
  expect(claims?.detail).toBe("1 confirmed, 2 with more to claim");
});

test("given a cache, when the chain has gone on, then the outcome is that of an audit of all", async () => {
  const { ledger, distributor, chain } = await postedEpochs(1);
  const cache = await openCache();
  expect(await auditOf(ledger, { chain, cache })).toEqual(await auditOf(ledger, { chain }));
  await anvil.control().mine(100);
  await closeForChain(ledger, { epoch: 2, distributor: distributor.address });
  await publish(ledger, distributor, 2);
  await anvil.control().mine(1);

  expect(await auditOf(ledger, { chain, cache })).toEqual(await auditOf(ledger, { chain }));
  // Without a chain the same cache tells what holds without one.
  expect(await auditOf(ledger, { cache })).toEqual(await auditOf(ledger));
});

test("a declared total above the leaves", async () => {
  const { ledger, distributor, chain } = await closedEpochs(1);
  const record = await recordIn(ledger, 1);
  const totals = record.totals.map((total) => ({ ...total, cumulative: total.cumulative + 7n }));
  await post(distributor, { ...record, totals });

  const report = await auditOf(ledger, { chain });

  expect(Object.keys(failuresOf(report))).toEqual(["1 record", "1 declared totals"]);
  expect(failuresOf(report)["1 declared totals"]).toMatch(/^7 wei more than the leaves of 0x0{40}$/);
});

test("a posted root that is not the epoch's", async () => {
  const { ledger, distributor, chain } = await closedEpochs(1);
  const root: Hash = `0x${"11".repeat(32)}`;
  const record = await recordIn(ledger, 1);
  await post(distributor, { ...record, root });

  const failures = failuresOf(await auditOf(ledger, { chain }));

  expect(failures).toEqual({ "1 record": `root ${root} instead of ${record.root}` });
});

test("a record that breaks the chain: the contract refuses it, and a chain that holds it is named", async () => {
  const { ledger, distributor, chain } = await postedEpochs(2);
  const record = await recordIn(ledger, 2);
  const broken = { ...record, epoch: 3n, previous: `0x${"22".repeat(32)}` as const };
  await expect(chain.simulate(postEpochCall(broken, []), distributor.poster.address)).rejects.toMatchObject({
    code: "call-reverted",
    facts: { reason: expect.stringContaining("UnexpectedPrevious") },
  });

  const doctored = doctor(chain, (log) => {
    if (log.kind !== "posted" || log.epoch !== 2) return [log];
    const forged = { ...log.record, previous: broken.previous };
    return [{ ...log, record: forged, recordHash: recordHash(forged) }];
  });

  expect(failuresOf(await auditOf(ledger, { chain: doctored }))).toMatchObject({
    "2 record": expect.stringContaining(`previous ${broken.previous} instead of`),
    "2 record chain": "the record of epoch 2 does not go on from that of the epoch before",
  });
});

test("an epoch posted twice: the contract refuses it, and a chain that holds it is named", async () => {
  const { ledger, distributor, chain } = await postedEpochs(2);
  const record = await recordIn(ledger, 1);
  await expect(chain.simulate(postEpochCall(record, []), distributor.poster.address)).rejects.toMatchObject({
    facts: { reason: expect.stringContaining("UnexpectedEpoch") },
  });

  const doctored = doctor(chain, (log) => {
    if (log.kind !== "posted" || log.epoch !== 1) return [log];
    return [log, { ...log, logIndex: log.logIndex + 1000, transaction: `0x${"33".repeat(32)}` }];
  });

  expect(failuresOf(await auditOf(ledger, { chain: doctored }))).toEqual({
    "1 posted once": expect.stringContaining(
      `; record ${await hashOf(chain, 1)} in transaction 0x${"33".repeat(32)}`,
    ),
  });
});

test("a log whose record has another hash, and a head that is another record's", async () => {
  const { ledger, chain } = await postedEpochs(1);
  const doctored = doctor(chain, (log) => [
    log.kind === "posted" ? { ...log, record: { ...log.record, earningsRoot: `0x${"44".repeat(32)}` } } : log,
  ]);
  expect(failuresOf(await auditOf(ledger, { chain: doctored }))).toEqual({
    "1 record chain": "the log's record has another hash",
  });

  const headless = { ...chain, head: async (): Promise<Hash> => `0x${"55".repeat(32)}` };
  expect(failuresOf(await auditOf(ledger, { chain: headless }))).toEqual({
    "1 record chain": "the head of the chain of records is another one",
  });
});

test("a claim of more than was earned, and one by a stranger", async () => {
  const { ledger, distributor, chain } = await postedEpochs(1);
  await anvil.control().pass(120);
  await claim(ledger, { distributor, epoch: 1 });
  const stranger = "0x52908400098527886E0F7030069857D2E4169EE7";

  const overpaid = doctor(chain, (log) => {
    if (log.kind !== "claimed") return [log];
    return [{ ...log, amount: log.amount + 9n, cumulative: log.cumulative + 9n }];
  });
  expect(failuresOf(await auditOf(ledger, { chain: overpaid }))["1 claims"]).toMatch(
    new RegExp(
      `^0 confirmed, 2 with more to claim; ${account(0)} was paid \\d+ of 0x0{40}, and is entitled to \\d+$`,
    ),
  );

  const unknown = doctor(chain, (log) => [log.kind === "claimed" ? { ...log, account: stranger } : log]);
  const report = await auditOf(ledger, { chain: unknown });
  expect(failuresOf(report)["1 claims"]).toContain(`${stranger} was paid`);
  expect(report.epochs[0]?.checks.at(-1)?.actual).toBe("0 overpaid, 1 unknown");
});

test("a distributor that holds less than it owes", async () => {
  const { ledger, chain } = await postedEpochs(1);
  const robbed = {
    ...chain,
    asset: async (asset: Parameters<DistributorChain["asset"]>[0]) => ({
      ...(await chain.asset(asset)),
      held: 1n,
    }),
  };
  expect(failuresOf(await auditOf(ledger, { chain: robbed }))["1 solvency"]).toMatch(
    /^\d+ of 0x0{40} are missing$/,
  );
});

test("given an epoch on chain whose files are gone, when it is audited, then it is missing", async () => {
  const { ledger, chain } = await postedEpochs(2);
  await ledger.artifacts.delete("epochs/000002/manifest.json");
  await ledger.artifacts.delete("latest.json");

  const report = await auditOf(ledger, { chain });

  expect(report.epochs.map(({ ok }) => ok)).toEqual([true, false]);
});

test("given an epoch of another distributor, when it is posted, then its record is not this one's", async () => {
  const { ledger, distributor } = await closedEpochs(1);
  const other = await deployTestDistributor(anvil);
  const record = await recordIn(ledger, 1);
  await post(other, record);

  const failures = failuresOf(await auditOf(ledger, { chain: other.open() }));

  expect(Object.keys(failures)).toEqual(["1 record"]);
  expect(distributor.address).not.toBe(other.address);
});

async function closedEpochs(count: number) {
  const distributor = await deployTestDistributor(anvil);
  const ledger = await openTestLedger();
  for (let epoch = 1; epoch <= count; epoch += 1) {
    await closeForChain(ledger, { epoch, distributor: distributor.address });
  }
  return { ledger, distributor, chain: distributor.open() };
}

async function postedEpochs(count: number) {
  const closed = await closedEpochs(count);
  for (let epoch = 1; epoch <= count; epoch += 1) await publish(closed.ledger, closed.distributor, epoch);
  return closed;
}

async function publish(ledger: TestLedger, distributor: TestDistributor, epoch: number): Promise<void> {
  const options = { broadcast: true, signer: distributor.poster, pollMs: 5 };
  await publishEpoch({ ...ledger, chain: distributor.open() }, epoch, options);
}

async function claim(
  ledger: TestLedger,
  { distributor, epoch }: { distributor: TestDistributor; epoch: number },
): Promise<void> {
  const { root } = await manifestOf(ledger, epoch);
  const [entry] = await readProof(ledger.artifacts, { epoch, root, account: account(0) });
  if (entry === undefined) throw new Error("no proof");
  const { asset, cumulative, proof } = entry;
  const leaf = { account: account(0), asset, cumulative: BigInt(cumulative) };
  const call = claimCall({ epoch, leaf, proof });
  await anvil.control().send({ from: distributor.poster.address, to: distributor.address, data: call.data });
}

/** Posts a record as it is, whatever it says. */
async function post(distributor: TestDistributor, record: EpochRecord): Promise<void> {
  const { data } = postEpochCall(record, []);
  await anvil.control().send({ from: distributor.poster.address, to: distributor.address, data });
}

async function manifestOf(ledger: TestLedger, epoch: number): Promise<Manifest> {
  const stored = await ledger.artifacts.get(`${epochFolder(epoch)}manifest.json`);
  return JSON.parse(Buffer.from(stored?.bytes ?? []).toString()) as Manifest;
}

async function recordIn(ledger: TestLedger, epoch: number): Promise<EpochRecord> {
  return recordOf(await manifestOf(ledger, epoch), `0x${"00".repeat(32)}`);
}

async function hashOf(chain: DistributorChain, epoch: number): Promise<Hash> {
  const logs = await Array.fromAsync(
    chain.logs({ from: 0, to: (await chain.block("latest"))?.number ?? 0, epoch }),
  );
  const [log] = logs.flatMap((page) => page.logs);
  return (log as PostedLog).recordHash;
}

/** The chain, whose logs are others. */
function doctor(
  chain: DistributorChain,
  change: (log: DistributorLog) => DistributorLog[],
): DistributorChain {
  return {
    ...chain,
    async *logs(range) {
      for await (const page of chain.logs(range)) yield { ...page, logs: page.logs.flatMap(change) };
    },
  };
}
