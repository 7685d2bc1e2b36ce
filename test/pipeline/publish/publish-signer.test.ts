import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import { hexToBigInt, hexToNumber } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { expect, onTestFinished, test } from "vitest";
import type { Signer } from "../../../offchain/chain/signer.ts";
import { publishEpoch } from "../../../offchain/pipeline/publish/publish.ts";
import { deployTestDistributor, useAnvil } from "../../support/anvil.ts";
import { openTestLedger } from "../../support/ledger.ts";
import { closeForChain } from "../../support/published-epochs.ts";

const anvil = useAnvil();

type Wire = Record<"to" | "data" | "value" | "nonce" | "gas" | "fee" | "tip" | "chainId", `0x${string}`>;

test("given a signer in another process, when an epoch is published, then what it signed stands on chain", async () => {
  const { ports, distributor } = await closedEpoch();
  const asked: Wire[] = [];
  const signer = await remoteSigner((wire) => void asked.push(wire));

  const report = await publishEpoch(ports, 1, { broadcast: true, signer, pollMs: 20 });

  expect(report.state).toBe("posted");
  expect(asked).toMatchObject([{ to: distributor.address }]);
  expect(await ports.chain.latestEpoch()).toBe(1);
});

test("given a signer that signs something else, when an epoch is published, then nothing is sent", async () => {
  const { ports, distributor } = await closedEpoch();
  const signer = await remoteSigner((wire) => {
    wire.to = "0x000000000000000000000000000000000000dEaD";
  });

  const publishing = publishEpoch(ports, 1, { broadcast: true, signer, pollMs: 20 });

  await expect(publishing).rejects.toMatchObject({ code: "signer-misbehaved" });
  expect(await ports.chain.transactionCount(distributor.poster.address, "latest")).toBe(
    await ports.chain.transactionCount(distributor.poster.address, "pending"),
  );
  expect(await ports.chain.latestEpoch()).toBe(0);
});

async function closedEpoch() {
  const distributor = await deployTestDistributor(anvil);
  const ledger = await openTestLedger();
  await closeForChain(ledger, { epoch: 1, distributor: distributor.address });
  return { distributor, ports: { ...ledger, chain: distributor.open() } };
}

/** A signer whose key only a server has; `tamper` sees, and may change, what the server is asked to sign. */
async function remoteSigner(tamper: (wire: Wire) => void): Promise<Signer> {
  const account = privateKeyToAccount(anvil.local().accounts[1]?.privateKey ?? "0x");
  const server = createServer((request, response) => {
    void (async () => {
      const wire = (await json(request)) as Wire;
      tamper(wire);
      const { to, data, value, nonce, gas, fee, tip, chainId } = wire;
      const transaction = { to, data, value: hexToBigInt(value), nonce: hexToNumber(nonce) };
      const fees = { maxFeePerGas: hexToBigInt(fee), maxPriorityFeePerGas: hexToBigInt(tip) };
      const rest = { gas: hexToBigInt(gas), chainId: hexToNumber(chainId), type: "eip1559" } as const;
      response.end(await account.signTransaction({ ...transaction, ...fees, ...rest }));
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const place = server.address();
  const url = `http://127.0.0.1:${typeof place === "object" ? place?.port : ""}`;
  const hex = (value: unknown) => `0x${BigInt(String(value ?? 0)).toString(16)}` as const;
  return {
    address: account.address,
    async signTransaction({ to, data, value, nonce, gas, maxFeePerGas, maxPriorityFeePerGas, chainId }) {
      const fees = { fee: hex(maxFeePerGas), tip: hex(maxPriorityFeePerGas), chainId: hex(chainId) };
      const wire = { to, data, value: hex(value), nonce: hex(nonce), gas: hex(gas), ...fees };
      const answer = await fetch(url, { method: "POST", body: JSON.stringify(wire) });
      return (await answer.text()) as never;
    },
    signTypedData: () => Promise.reject(new Error("this signer signs transactions only")),
  };
}
