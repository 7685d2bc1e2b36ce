import { expect, test } from "vitest";
import type { DistributorChain } from "../../../offchain/chain/distributor-chain.ts";
import type { PublishPorts } from "../../../offchain/pipeline/publish/epoch-record.ts";
import { publishEpoch, resumePublish } from "../../../offchain/pipeline/publish/publish.ts";
import { deployTestDistributor, useAnvil } from "../../support/anvil.ts";
import { openTestLedger } from "../../support/ledger.ts";
import { closeForChain } from "../../support/published-epochs.ts";

const anvil = useAnvil();

test("a payment crash-marked pending paid twice", async () => {
  const survived: string[] = [];
  for (const moment of ["before", "after"] as const) {
    for (let step = 1; ; step += 1) {
      const { killed, effects } = await publishKilledAt({ step, moment });
      if (!killed) break;
      survived.push(`${moment} ${effects.at(-1)}`);
    }
  }

  // Every durable step of a post, killed before and after it took effect.
  const steps = ["journal", "journal", "send", "record.json", "latest.json", "journal"];
  expect(survived).toEqual(["before", "after"].flatMap((moment) => steps.map((name) => `${moment} ${name}`)));
});

test("given a kill during every restart, when the process is started often enough, then there is one post", async () => {
  const distributor = await deployTestDistributor(anvil);
  const ledger = await openTestLedger();
  await closeForChain(ledger, { epoch: 1, distributor: distributor.address });
  const options = { broadcast: true, signer: distributor.poster, pollMs: 5, waitSeconds: 20 };
  const nonce = await distributor.open().transactionCount(distributor.poster.address, "latest");

  for (let step = 1; step <= 6; step += 1) {
    const { ports } = mortal({ ...ledger, chain: distributor.open() }, { step, moment: "after" });
    await resumePublish(ports, options)
      .then((found) => (found.length === 0 ? publishEpoch(ports, 1, options) : undefined))
      .catch(onlyKills);
  }

  expect(await postedEpochs(distributor.open())).toEqual([1]);
  expect(await distributor.open().transactionCount(distributor.poster.address, "latest")).toBe(nonce + 1);
});

type KillAt = { readonly step: number; readonly moment: "before" | "after" };

async function publishKilledAt(kill: KillAt): Promise<{ killed: boolean; effects: string[] }> {
  const distributor = await deployTestDistributor(anvil);
  const ledger = await openTestLedger();
  await closeForChain(ledger, { epoch: 1, distributor: distributor.address });
  const options = { broadcast: true, signer: distributor.poster, pollMs: 5, waitSeconds: 20 };
  const nonce = await distributor.open().transactionCount(distributor.poster.address, "latest");
  const { ports, effects } = mortal({ ...ledger, chain: distributor.open() }, kill);
  const killed = await publishEpoch(ports, 1, options).then(
    () => false,
    (error: unknown) => onlyKills(error) ?? true,
  );

  // A new process: nothing of the old one is left but its store.
  const fresh = { ...ledger, chain: distributor.open() };
  await resumePublish(fresh, options);
  const report = await publishEpoch(fresh, 1, options);

  expect(report.state).toBe("posted");
  expect(await postedEpochs(fresh.chain)).toEqual([1]);
  expect(await fresh.chain.transactionCount(distributor.poster.address, "latest")).toBe(nonce + 1);
  const record = await ledger.artifacts.get("epochs/000001/record.json");
  expect(JSON.parse(Buffer.from(record?.bytes ?? []).toString())).toMatchObject({
    recordHash: await fresh.chain.head(),
    transaction: report.transaction,
  });
  const latest = await ledger.artifacts.get("latest.json");
  expect(JSON.parse(Buffer.from(latest?.bytes ?? []).toString())).toMatchObject({ epoch: 1, posted: true });
  return { killed, effects };
}

/** Ports whose `step`-th lasting effect is the last: the process dies before it, or right after it. */
function mortal(ports: PublishPorts, { step, moment }: KillAt): { ports: PublishPorts; effects: string[] } {
  const effects: string[] = [];
  const lasting = async <T>(name: string, effect: () => Promise<T>): Promise<T> => {
    effects.push(name);
    if (effects.length > step || (effects.length === step && moment === "before")) throw new Kill();
    const result = await effect();
    if (effects.length === step) throw new Kill();
    return result;
  };
  const { store, artifacts, chain } = ports;
  return {
    effects,
    ports: {
      store: { ...store, write: (...given) => lasting("journal", () => store.write(...given)) },
      artifacts: {
        ...artifacts,
        put: (key, ...rest) => lasting(key.split("/").at(-1) ?? key, () => artifacts.put(key, ...rest)),
      },
      chain: { ...chain, send: (raw) => lasting("send", () => chain.send(raw)) },
    },
  };
}

class Kill extends Error {}

function onlyKills(error: unknown): undefined {
  if (!(error instanceof Kill)) throw error;
  return undefined;
}

async function postedEpochs(chain: DistributorChain): Promise<number[]> {
  const latest = await chain.block("latest");
  const pages = await Array.fromAsync(chain.logs({ from: chain.deployedAtBlock, to: latest?.number ?? 0 }));
  return pages.flatMap(({ logs }) => logs.flatMap((log) => (log.kind === "posted" ? [log.epoch] : [])));
}
