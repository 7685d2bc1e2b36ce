import { expect, test } from "vitest";
import { revokeFromCall } from "../../../offchain/chain/calls.ts";
import type { LatestPointer, Manifest } from "../../../offchain/core/artifacts.ts";
import { publishEpoch } from "../../../offchain/pipeline/publish/publish.ts";
import { revocationOf, revokeEpochs } from "../../../offchain/pipeline/publish/revoke.ts";
import { postings } from "../../../offchain/store/keys.ts";
import { getOne } from "../../../offchain/store/keyspace.ts";
import { deployTestDistributor, startRpcProxy, type TestDistributor, useAnvil } from "../../support/anvil.ts";
import { openTestLedger, type TestLedger } from "../../support/ledger.ts";
import { closeForChain } from "../../support/published-epochs.ts";
import { reopen } from "../../support/reopening.ts";

const anvil = useAnvil();

test("given waiting epochs, when one is revoked dry, then what would go and the time left are told, and nothing is sent", async () => {
  const { ports, distributor } = await posted(3);

  const report = await revokeEpochs(ports, 2, { broadcast: false, signer: distributor.guardian });

  expect(report).toMatchObject({ epoch: 2, last: 3, state: "dry", transaction: null, moved: [] });
  expect(report.secondsLeft).toBeGreaterThan(0);
  expect(report.plan?.gas).toBeGreaterThan(0n);
  expect(await ports.chain.latestEpoch()).toBe(3);
});

test("given waiting epochs, when one is revoked, then it and all after it are gone and their files are kept aside", async () => {
  const { ledger, ports, distributor } = await posted(3);
  const manifests = [await manifestOf(ledger, 2), await manifestOf(ledger, 3)];

  const report = await revokeEpochs(ports, 2, sending(distributor));

  expect(report).toMatchObject({ state: "revoked", last: 3, transaction: expect.any(String) });
  expect(await ports.chain.latestEpoch()).toBe(1);
  expect(report.moved.map((folder) => folder.slice(0, 15))).toEqual(["revoked/000002-", "revoked/000003-"]);
  const kept = report.moved.map((folder) => readJson<Manifest>(ledger, `${folder}manifest.json`));
  expect(await Promise.all(kept)).toEqual(manifests);
  expect(await readJson(ledger, `${report.moved[0]}record.json`)).toMatchObject({ record: { epoch: 2 } });
  expect(await keysIn(ledger, "epochs/000002/")).toEqual([]);
  expect(await readJson<LatestPointer>(ledger, "latest.json")).toMatchObject({ epoch: 1, posted: true });
});

test("given the only epoch, when it is revoked, then no epoch is the latest", async () => {
  const { ledger, ports, distributor } = await posted(1);
  await revokeEpochs(ports, 1, sending(distributor));
  expect(await ports.chain.latestEpoch()).toBe(0);
  expect(await ledger.artifacts.get("latest.json")).toBeUndefined();
});

test("given an active epoch, when it is revoked or reopened, then it is refused: it stands for ever", async () => {
  const { ledger, ports, distributor } = await posted(1);
  await anvil.control().pass(120);

  await expect(revokeEpochs(ports, 1, sending(distributor))).rejects.toMatchObject({ code: "epoch-active" });
  await expect(reopen(ledger, { epoch: 1, chain: ports.chain })).rejects.toMatchObject({
    code: "epoch-active",
  });
});

test("given a key without the role, when it revokes, then it is refused and told who may", async () => {
  const { ports, distributor } = await posted(1);
  const revoking = revokeEpochs(ports, 1, { ...sending(distributor), signer: distributor.poster });
  await expect(revoking).rejects.toMatchObject({ code: "signer-not-guardian", exitCode: 2 });
});

test("given no key, when it revokes, then it is told how to sign elsewhere", async () => {
  const { ports } = await posted(1);
  const revoking = revokeEpochs(ports, 1, { broadcast: true });
  await expect(revoking).rejects.toMatchObject({
    code: "signer-missing",
    next: expect.stringContaining("--output"),
  });
});

test("given an epoch that is not on chain, when it is revoked, then it is sent to reopen", async () => {
  const { ports, ledger, distributor } = await posted(1);
  await closeForChain(ledger, { epoch: 2, distributor: distributor.address });
  await expect(revokeEpochs(ports, 2, sending(distributor))).rejects.toMatchObject({
    code: "epoch-not-on-chain",
    next: expect.stringContaining("payroot epoch reopen 2"),
  });
});

test("given a revocation that was signed elsewhere, when the command runs again, then it moves the files", async () => {
  const { ledger, ports, distributor } = await posted(2);
  const { call, before } = await revocationOf(ports.chain, 2);
  expect(call).toEqual(revokeFromCall(2, before?.record ?? never()));
  await anvil
    .control()
    .send({ from: distributor.guardian.address, to: distributor.address, data: call.data });

  const report = await revokeEpochs(ports, 2, { broadcast: false });

  expect(report).toMatchObject({ state: "revoked", transaction: null, moved: [expect.any(String)] });
  expect(await keysIn(ledger, "epochs/000002/")).toEqual([]);
});

test("given an answer that gets lost, when an epoch is revoked, then the transaction is looked up", async () => {
  const { ports, distributor } = await posted(1);
  const proxy = await startRpcProxy(anvil.local().rpcUrl);
  proxy.rule = async ({ method, forward }) => {
    if (method !== "eth_sendRawTransaction") return undefined;
    await forward();
    return "hang-up";
  };
  const blind = { ...ports, chain: distributor.open({ rpcUrl: proxy.url }) };

  const report = await revokeEpochs(blind, 1, sending(distributor));

  expect(report).toMatchObject({ state: "revoked", block: expect.any(Number) });
});

test("given an epoch on chain, when it is reopened, then it is refused with what the guardian should run", async () => {
  const { ledger, ports } = await posted(1);
  await expect(reopen(ledger, { epoch: 1, chain: ports.chain })).rejects.toMatchObject({
    code: "epoch-on-chain",
    next: expect.stringContaining("payroot epoch revoke 1 --broadcast"),
  });
});

test("given an epoch for a chain, when it is reopened with none configured, then it is refused", async () => {
  const { ledger } = await posted(1);
  await expect(reopen(ledger, { epoch: 1 })).rejects.toMatchObject({ code: "chain-needed", exitCode: 2 });
});

test("given a revocation that is not final, when the epoch is reopened, then it waits", async () => {
  const { ledger, ports, distributor } = await posted(1);
  await anvil.control().mine(5);
  await revokeEpochs(ports, 1, sending(distributor));
  await expect(reopen(ledger, { epoch: 1, chain: ports.chain })).rejects.toMatchObject({
    code: "revocation-not-final",
    retryable: true,
  });
});

test("given a signed post that may still be mined, when the epoch is reopened, then it is refused", async () => {
  const distributor = await deployTestDistributor(anvil);
  const ledger = await openTestLedger();
  await closeForChain(ledger, { epoch: 1, distributor: distributor.address });
  const proxy = await startRpcProxy(anvil.local().rpcUrl);
  proxy.rule = ({ method }) => (method === "eth_sendRawTransaction" ? "hang-up" : undefined);
  const swallowed = { ...ledger, chain: distributor.open({ rpcUrl: proxy.url }) };
  const options = { broadcast: true, signer: distributor.poster, pollMs: 10, waitSeconds: 0 };
  await expect(publishEpoch(swallowed, 1, options)).rejects.toMatchObject({ code: "post-unconfirmed" });

  await expect(reopen(ledger, { epoch: 1, chain: distributor.open() })).rejects.toMatchObject({
    code: "post-under-way",
  });
});

test("reposting a corrected epoch under the same number, with the history kept", async () => {
  const { ledger, ports, distributor } = await posted(2);
  const wrong = await manifestOf(ledger, 2);
  await revokeEpochs(ports, 2, sending(distributor));
  await anvil.control().mine(5);
  // The very record that was revoked is not posted again by itself, and what it was can still be seen.
  await expect(publishEpoch(ports, 2, posting(distributor))).rejects.toMatchObject({ code: "epoch-revoked" });

  const report = await reopen(ledger, { epoch: 2, chain: ports.chain, rules: { commissionPpm: 100_000 } });
  expect(report).toMatchObject({ reopened: [{ epoch: 2 }], rulesChanged: true });
  await closeForChain(ledger, {
    epoch: 2,
    distributor: distributor.address,
    rules: { commissionPpm: 100_000 },
  });
  const right = await manifestOf(ledger, 2);
  const published = await publishEpoch(ports, 2, posting(distributor));

  expect(right.root).not.toBe(wrong.root);
  expect(published).toMatchObject({ state: "posted" });
  expect(await ports.chain.epoch(2)).toMatchObject({ root: right.root });
  const journal = await getOne(ledger.store, postings, 2);
  expect(journal?.attempts).toHaveLength(2);
  expect(journal?.posted?.transaction).toBe(published.transaction);
  expect(await readJson<Manifest>(ledger, `${report.reopened[0]?.files}manifest.json`)).toEqual(wrong);
  expect(await publishEpoch(ports, 2, posting(distributor))).toMatchObject({ state: "posted" });
});

async function posted(count: number) {
  const distributor = await deployTestDistributor(anvil);
  const ledger = await openTestLedger();
  const ports = { ...ledger, chain: distributor.open() };
  for (let epoch = 1; epoch <= count; epoch += 1) {
    await closeForChain(ledger, { epoch, distributor: distributor.address });
    await publishEpoch(ports, epoch, posting(distributor));
  }
  return { ledger, ports, distributor };
}

function posting({ poster }: TestDistributor) {
  return { broadcast: true, signer: poster, pollMs: 10, waitSeconds: 20 };
}

function sending({ guardian }: TestDistributor) {
  return { broadcast: true, signer: guardian, pollMs: 10, waitSeconds: 20 };
}

async function readJson<T>(ledger: TestLedger, key: string): Promise<T> {
  const stored = await ledger.artifacts.get(key);
  return JSON.parse(Buffer.from(stored?.bytes ?? []).toString() || "null") as T;
}

function manifestOf(ledger: TestLedger, epoch: number): Promise<Manifest> {
  return readJson(ledger, `epochs/00000${epoch}/manifest.json`);
}

async function keysIn(ledger: TestLedger, prefix: string): Promise<string[]> {
  const pages = await Array.fromAsync(ledger.artifacts.list({ prefix }));
  return pages.flat().map(({ key }) => key);
}

function never(): never {
  throw new Error("it is there");
}
