import { keccak256, stringToHex } from "viem";
import { expect, test } from "vitest";
import { type SafeBatch, signingOutput } from "../../offchain/chain/output.ts";

const chain = { chainId: 42_161, distributor: "0xAb5801a7D398351b8bE11C439e05C5B3259aeC9B" } as const;
const calls = [
  { data: "0x01", valueWei: 0n },
  { data: "0x0203", valueWei: 10n ** 20n },
] as const;

test("given calls as calldata, each has what any wallet asks for", () => {
  const output = signingOutput(calls, { chain, format: "calldata", name: "two calls", now: 0 });
  expect(output).toEqual({
    calls: [
      { chainId: 42_161, to: chain.distributor, value: "0", data: "0x01" },
      { chainId: 42_161, to: chain.distributor, value: "100000000000000000000", data: "0x0203" },
    ],
  });
});

test("given calls for a Safe, the file is a batch of its Transaction Builder", () => {
  const output = signingOutput(calls, { chain, format: "safe", name: "two calls", now: 1_762_000_000_000 });
  expect(output).toMatchObject({
    version: "1.0",
    chainId: "42161",
    createdAt: 1_762_000_000_000,
    meta: { name: "two calls", checksum: expect.stringMatching(/^0x[0-9a-f]{64}$/) },
    transactions: [
      { to: chain.distributor, value: "0", data: "0x01", contractMethod: null, contractInputsValues: null },
      { to: chain.distributor, value: "100000000000000000000", data: "0x0203" },
    ],
  });
});

test("given one call for a Safe, the checksum is that of the builder's own text", () => {
  const batch = signingOutput(calls.slice(0, 1), { chain, format: "safe", name: "any", now: 7 }) as SafeBatch;
  const transaction =
    '{["contractInputsValues","contractMethod","data","to","value"]' +
    `null,null,"0x01","${chain.distributor}","0",}`;
  const meta =
    '{["createdFromOwnerAddress","createdFromSafeAddress","description","name","txBuilderVersion"]' +
    `"","","RewardsDistributor ${chain.distributor}",null,"1.18.0",}`;
  const text = `{["chainId","createdAt","meta","transactions","version"]"42161",7,${meta},[${transaction}],"1.0",}`;
  expect(batch.meta.checksum).toBe(keccak256(stringToHex(text)));
});
