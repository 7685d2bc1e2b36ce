import { decodeFunctionData } from "viem";
import { expect, test } from "vitest";
import { distributorAbi } from "../../offchain/chain/distributor-artifact.ts";
import { zeroAddress } from "../../offchain/core/address.ts";
import type { ProofEntry } from "../../offchain/core/artifacts.ts";
import { account } from "../support/events.ts";
import { chainUpTo, closeEpochs, jsonOf, openApi, problemOf } from "./open-api.ts";

const stranger = "0x000000000000000000000000000000000000dEaD";
const distributor = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
const identity = { chainId: 31_337, distributor } as const;
const earned = 900_002_700n;
const path = (of: string) => `/v1/workers/${of}/claim`;

test("given an active epoch, the calldata is a claim of the worker's leaf with its proof, ready to send", async () => {
  const api = await openApi({ identity });
  await closeEpochs(api, 3);
  const claimed = 500n;
  api.seen.chain = {
    ...chainUpTo({ active: 2, posted: 3 }),
    amountsOf: async () => ({ posted: 3n * earned, active: 2n * earned, claimed }),
  };
  const shown = await jsonOf(await api.request(path(account(0))));
  const proof = await jsonOf(await api.request(`/v1/workers/${account(0)}/proof?epoch=2`));
  const [leaf] = proof.leaves as ProofEntry[];
  expect(shown).toMatchObject({
    ...{
      account: account(0),
      epoch: 2,
      root: proof.root,
      ...identity,
      to: distributor,
      value: "0",
      reason: null,
    },
    leaves: [{ ...leaf, claimed: "500", amount: String(2n * earned - claimed), data: shown.data }],
  });
  const { functionName, args } = decodeFunctionData({
    abi: distributorAbi,
    data: shown.data as `0x${string}`,
  });
  const expected = { account: account(0), asset: zeroAddress, cumulative: 2n * earned };
  expect([functionName, args]).toEqual(["claim", [2n, expected, leaf?.proof]]);
});

test("given nothing to claim, there is no calldata, and the reason", async () => {
  const api = await openApi({ identity });
  await closeEpochs(api, 1);
  const nothing = { data: null, leaves: [], to: distributor };
  expect(await jsonOf(await api.request(path(account(0))))).toMatchObject({
    ...{ ...nothing, epoch: null, root: null, reason: "no-active-epoch" },
  });
  api.seen.chain = {
    ...chainUpTo({ active: 1 }),
    amountsOf: async () => ({ posted: earned, active: earned, claimed: earned }),
  };
  const claimed = await jsonOf(await api.request(path(account(0))));
  expect(claimed).toMatchObject({ ...nothing, epoch: 1, reason: "everything-claimed" });
  expect(await jsonOf(await api.request(path(stranger)))).toMatchObject({
    ...nothing,
    reason: "nothing-earned",
  });
});

test("given a pool without a chain, it says so", async () => {
  const api = await openApi();
  await closeEpochs(api, 1);
  const problem = await problemOf(await api.request(path(account(0))));
  expect(problem).toMatchObject({
    status: 404,
    code: "chain-not-configured",
    next: expect.stringContaining("CHAIN_ID"),
  });
  expect(api.faults).toEqual([]);
});
