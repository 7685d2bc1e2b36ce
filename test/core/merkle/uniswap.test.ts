import fc from "fast-check";
import { encodePacked, keccak256, toHex } from "viem";
import { expect, test } from "vitest";
import type { Address } from "../../../offchain/core/address.ts";
import { verifyProof } from "../../../offchain/core/merkle/proof.ts";
import { uniswapDistribution } from "../../../offchain/core/merkle/uniswap.ts";
import { anyAddress, anyUint256 } from "./arbitrary.ts";

type Distribution = {
  readonly merkleRoot: Address;
  readonly tokenTotal: string;
  readonly claims: Record<Address, { index: number; amount: Address; proof: Address[] }>;
};

function fileOf(claims: Parameters<typeof uniswapDistribution>[0]): Distribution {
  return JSON.parse([...uniswapDistribution(claims).text()].join("")) as Distribution;
}

// From the tests of github.com/Uniswap/merkle-distributor: parseBalanceMap of 200, 300 and 250.
const wallets = [
  "0x17ec8597ff92C3F44523bDc65BF0f1bE632917ff",
  "0x63FC2aD3d021a4D7e64323529a55a9442C444dA0",
  "0xD1D84F0e28D6fedF03c73151f98dF95139700aa7",
] as const;
const both = "0xd31de46890d4a77baeebddbd77bf73b5c626397b73ee8c69b51efe4c9a5a72fa";
const published = {
  [wallets[0]]: {
    index: 0,
    amount: "0xc8",
    proof: ["0x2a411ed78501edb696adca9e41e78d8256b61cfac45612fa0434d7cf87d916c6"],
  },
  [wallets[1]]: {
    index: 1,
    amount: "0x012c",
    proof: ["0xbfeb956a3b705056020a3b64c540bff700c0f6c96c55c0a5fcab57124cb36f7b", both],
  },
  [wallets[2]]: {
    index: 2,
    amount: "0xfa",
    proof: ["0xceaacce7533111e902cc548e961d77b23a4d8cd073c6b68ccf55c62bd47fc36b", both],
  },
};

test("given the claims of Uniswap's own test in any order, its very entries come out", () => {
  const claims = [
    { account: wallets[2], amount: 250n },
    { account: wallets[0], amount: 200n },
    { account: wallets[1], amount: 300n },
  ];

  expect(fileOf(claims)).toMatchObject({ tokenTotal: "0x02ee", claims: published });
});

test("given any claims, every entry leads to the root as the contract hashes it", () => {
  const accounts = fc.uniqueArray(anyAddress, { minLength: 1, maxLength: 40 });
  const claims = accounts.chain((list) =>
    fc.tuple(...list.map((account) => anyUint256.map((amount) => ({ account, amount })))),
  );
  fc.assert(
    fc.property(claims, (given) => {
      const { merkleRoot, tokenTotal, claims: entries } = fileOf(given);

      expect(BigInt(tokenTotal)).toBe(given.reduce((sum, { amount }) => sum + amount, 0n));
      for (const { account, amount } of given) {
        const entry = entries[account];
        if (entry === undefined) throw new Error(`no entry of ${account}`);
        expect(BigInt(entry.amount)).toBe(amount);
        const packed = encodePacked(
          ["uint256", "address", "uint256"],
          [BigInt(entry.index), account, amount],
        );
        const proof = { root: merkleRoot, leaf: keccak256(packed), proof: entry.proof };
        expect(verifyProof(proof)).toBe(true);
        expect(verifyProof({ ...proof, leaf: keccak256(toHex(amount)) })).toBe(false);
      }
      expect(Object.values(entries).map(({ index }) => index)).toEqual(given.map((_, index) => index));
    }),
  );
});
