import { encodeFunctionData } from "viem";
import { expect, onTestFinished, test } from "vitest";
import { distributorAbi } from "../../../offchain/chain/distributor-artifact.ts";
import { recordTypedData } from "../../../offchain/chain/record.ts";
import type { Signer } from "../../../offchain/chain/signer.ts";
import type { Manifest } from "../../../offchain/core/artifacts.ts";
import { type AttestPorts, attestEpoch, putAttestation } from "../../../offchain/pipeline/publish/attest.ts";
import { collectAttestations } from "../../../offchain/pipeline/publish/attestations.ts";
import { postingOf } from "../../../offchain/pipeline/publish/epoch-record.ts";
import { publishEpoch } from "../../../offchain/pipeline/publish/publish.ts";
import { openLevelStore } from "../../../offchain/store/level.ts";
import { deployTestDistributor, signerAt, type TestDistributor, useAnvil } from "../../support/anvil.ts";
import { transcodeKey } from "../../support/events.ts";
import { openTestLedger, type TestLedger, temporaryFolder } from "../../support/ledger.ts";
import { closeForChain } from "../../support/published-epochs.ts";

const anvil = useAnvil();

test("given a quorum of two, when two attestors derived the epoch, then it is posted with both signatures, ascending", async () => {
  const { ledger, ports, distributor, attestors } = await closedWithQuorum(2);
  await publish(ports, distributor, 1, attestors.slice(0, 2));

  const report = await publish(ports, distributor, 2, attestors);

  expect(report).toMatchObject({ state: "posted" });
  const record = await readJson<{ attestations: { signer: string }[] }>(ledger, "epochs/000002/record.json");
  const signers = record.attestations.map(({ signer }) => signer.toLowerCase());
  expect(signers).toEqual([...signers].sort());
  expect(signers).toHaveLength(2);
});

test("given too few attestations, when the epoch is published, then it is refused and nothing is sent", async () => {
  const { ports, distributor, attestors } = await closedWithQuorum(1);
  await expect(publish(ports, distributor, 1, attestors.slice(0, 1))).rejects.toMatchObject({
    code: "attestations-missing",
    facts: { given: 1, required: 2 },
    next: expect.stringContaining("payroot attest 1"),
  });
  expect(await ports.chain.latestEpoch()).toBe(0);
});

test("given attestations that are none, when they are collected, then each is left out with its reason", async () => {
  const { ledger, ports, distributor, attestors } = await closedWithQuorum(1);
  const [first, second] = attestors;
  const good = await attest(ports, 1, first);
  await putAttestation(ledger.artifacts, good);
  const stranger = await signerAt(anvil.local(), 7);
  const folder = "epochs/000001/attestations/";
  const put = (name: string, content: unknown) =>
    ledger.artifacts.put(`${folder}${name}.json`, Buffer.from(JSON.stringify(content)));
  await put("forged", { ...good, signer: second?.address });
  await put("other-record", { ...good, recordHash: `0x${"11".repeat(32)}` });
  await put("rubbish", { hello: 1 });
  const high = { ...good, signature: highS(good.signature) };
  await put("malleable", high);
  const { chainId, distributor: verifyingContract } = ports.chain;
  const posting = await postingOf(ports, 1);

  const typed = recordTypedData(posting.record, { chainId, distributor: verifyingContract });
  await put("stranger", {
    ...good,
    signer: stranger.address,
    signature: await stranger.signTypedData(typed),
  });

  const { attestations, ignored, quorum } = await collectAttestations(ports, posting);

  expect(quorum).toBe(2);
  expect(attestations).toEqual([{ signer: first?.address, signature: good.signature }]);
  expect(Object.fromEntries(ignored.map(({ file, reason }) => [file.slice(folder.length), reason]))).toEqual({
    "forged.json": `is not signed by ${second?.address}`,
    "malleable.json": `is not signed by ${first?.address}`,
    "other-record.json": `signs another record, 0x${"11".repeat(32)}`,
    "rubbish.json": "no attestation",
    "stranger.json": `${stranger.address} has not the role ATTESTOR`,
  });
  expect(distributor.address).toBe(verifyingContract);
});

test("given an epoch that was not closed, when it is attested, then it is unknown", async () => {
  const { ports, attestors } = await closedWithQuorum(1);
  await expect(attest(ports, 2, attestors[0])).rejects.toMatchObject({ code: "epoch-unknown" });
});

test("given the same attestor again, when the next epoch is attested, then only that one is derived", async () => {
  const { ledger, ports, distributor, attestors } = await closedWithQuorum(1);
  const [signer] = attestors;
  if (signer === undefined) throw new Error("no attestor");
  await attestEpoch(ports, 1, { signer });
  await closeForChain(ledger, { epoch: 2, distributor: distributor.address });
  const derived = new Set<number>();
  const onProgress = ({ epoch }: { epoch: number }) => void derived.add(epoch);

  const file = await attestEpoch(ports, 2, { signer, onProgress });

  expect([...derived]).toEqual([2]);
  expect(file).toEqual(await attest(ports, 2, signer));
});

test("given a key without the role, when it attests, then it is refused", async () => {
  const { ports } = await closedWithQuorum(1);
  const stranger = await signerAt(anvil.local(), 7);
  await expect(attest(ports, 1, stranger)).rejects.toMatchObject({
    code: "signer-not-attestor",
    exitCode: 2,
  });
});

test("given a leaf plus one wei, when it is attested, then it is refused", async () => {
  const { ledger, ports, attestors } = await closedWithQuorum(1);
  const key = "epochs/000001/manifest.json";
  const manifest = await readJson<Manifest>(ledger, key);
  const totals = manifest.totals.map((total) => ({ ...total, earned: `${BigInt(total.earned) + 1n}` }));
  await ledger.artifacts.put(key, Buffer.from(JSON.stringify({ ...manifest, totals })));
  await expect(attest(ports, 1, attestors[0])).rejects.toMatchObject({
    code: "attest-refused",
    exitCode: 3,
    facts: { epoch: 1, check: "conservation" },
  });
});

test.each([
  ["an edited object", (ledger: TestLedger) => ledger.archive.put(archived, Buffer.from("[]"))],
  ["a missing object", (ledger: TestLedger) => ledger.archive.delete(archived)],
  ["a missing list", (ledger: TestLedger) => ledger.artifacts.delete("epochs/000001/objects.ndjson")],
  [
    "a manifest that is none",
    (ledger: TestLedger) => ledger.artifacts.put("epochs/000001/manifest.json", Buffer.from("{")),
  ],
  ["a missing manifest", (ledger: TestLedger) => ledger.artifacts.delete("epochs/000001/manifest.json")],
])("given %s in an earlier epoch, when an epoch is attested, then it is refused", async (_name, damage) => {
  const { ledger, ports, attestors } = await closedWithQuorum(2);
  await damage(ledger);
  await expect(attest(ports, 2, attestors[0])).rejects.toMatchObject({ code: "attest-refused", exitCode: 3 });
});

test("given another record on chain before it, when an epoch is attested, then it is refused", async () => {
  const { ports, distributor, attestors } = await closedWithQuorum(2);
  const other = await openTestLedger();
  const rules = { commissionPpm: 1 };
  await closeForChain(other, { epoch: 1, distributor: distributor.address, rules });
  const otherPorts = { ...other, chain: ports.chain, cache: ports.cache };
  await publish(otherPorts, distributor, 1, attestors.slice(0, 2));

  await expect(attest(ports, 2, attestors[0])).rejects.toMatchObject({
    code: "attest-refused",
    facts: { epoch: "1" },
  });
});

test("given an epoch for another distributor, when it is attested, then it is refused", async () => {
  const { ledger, attestors } = await closedWithQuorum(1);
  const elsewhere = await quorumOfTwo();
  const ports = { ...ledger, chain: elsewhere.distributor.open(), cache: await cacheStore() };
  await expect(attest(ports, 1, attestors[0])).rejects.toMatchObject({ code: "attest-refused" });
});

const archived = `archive/${transcodeKey("e1")}`;

type Ports = TestLedger & AttestPorts;

/** Attests with each, then publishes with what was collected. */
async function publish(
  ports: Ports,
  distributor: TestDistributor,
  epoch: number,
  attestors: readonly Signer[],
) {
  for (const attestor of attestors)
    await putAttestation(ports.artifacts, await attest(ports, epoch, attestor));
  const { attestations } = await collectAttestations(ports, await postingOf(ports, epoch));
  const options = { broadcast: true, signer: distributor.poster, pollMs: 10, attestations };
  return publishEpoch(ports, epoch, options);
}

async function attest(ports: Ports, epoch: number, signer: Signer | undefined) {
  if (signer === undefined) throw new Error("no attestor");
  return attestEpoch({ ...ports, cache: await cacheStore() }, epoch, { signer });
}

async function cacheStore() {
  const store = await openLevelStore(await temporaryFolder());
  onTestFinished(() => store.close());
  return store;
}

async function quorumOfTwo() {
  const distributor = await deployTestDistributor(anvil);
  const attestors = await Promise.all([5, 3, 4].map((index) => signerAt(anvil.local(), index)));
  const from = (await signerAt(anvil.local(), 0)).address;
  const send = (data: `0x${string}`) => anvil.control().send({ from, to: distributor.address, data });
  const role = await anvil
    .control()
    .client.readContract({ abi: distributorAbi, address: distributor.address, functionName: "ATTESTOR" });
  for (const { address } of attestors) {
    await send(encodeFunctionData({ abi: distributorAbi, functionName: "grantRole", args: [role, address] }));
  }
  await send(encodeFunctionData({ abi: distributorAbi, functionName: "setAttestationQuorum", args: [2] }));
  return { distributor, attestors };
}

async function closedWithQuorum(count: number) {
  const { distributor, attestors } = await quorumOfTwo();
  const ledger = await openTestLedger();
  for (let epoch = 1; epoch <= count; epoch += 1) {
    await closeForChain(ledger, { epoch, distributor: distributor.address });
  }
  const ports: Ports = { ...ledger, chain: distributor.open(), cache: await cacheStore() };
  return { ledger, ports, distributor, attestors };
}

/** The other signature of the same key: s mirrored at the order of the curve. */
function highS(signature: string): string {
  const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
  const s = (order - BigInt(`0x${signature.slice(66, 130)}`)).toString(16).padStart(64, "0");
  return `${signature.slice(0, 66)}${s}${signature.slice(130) === "1b" ? "1c" : "1b"}`;
}

async function readJson<T>(ledger: TestLedger, key: string): Promise<T> {
  const stored = await ledger.artifacts.get(key);
  return JSON.parse(Buffer.from(stored?.bytes ?? []).toString() || "null") as T;
}
