import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Abi, Address, Hex } from "viem";
import type { LocalChain } from "./chain.ts";

const require = createRequire(import.meta.url);
const solc: { compile(input: string, callbacks: { import(path: string): { contents: string } }): string } =
  require("solc");

const source = `// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
contract PlainToken is ERC20("Plain", "PLN") {
    function mint(address to, uint256 amount) external { _mint(to, amount); }
}`;

/** A token on a chain. */
export type Token = { readonly address: Address; readonly abi: Abi };

/** Deploys OpenZeppelin's ERC-20 with a `mint` for everyone: what a common token costs. */
export async function deployToken(chain: LocalChain): Promise<Token> {
  const [wallet] = chain.wallets;
  const { abi, bytecode } = compileToken();
  const hash = await wallet.deployContract({ abi, bytecode });
  const { contractAddress } = await chain.publicClient.waitForTransactionReceipt({ hash });
  if (!contractAddress) throw new Error("the token was not deployed");
  return { address: contractAddress, abi };
}

function compileToken(): { readonly abi: Abi; readonly bytecode: Hex } {
  const input = {
    language: "Solidity",
    sources: { "PlainToken.sol": { content: source } },
    settings: {
      evmVersion: "cancun",
      optimizer: { enabled: true, runs: 1_000_000 },
      outputSelection: { "*": { PlainToken: ["abi", "evm.bytecode.object"] } },
    },
  };
  const resolve = (path: string) => ({ contents: readFileSync(require.resolve(path), "utf8") });
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: resolve }));
  const { abi, evm } = output.contracts["PlainToken.sol"].PlainToken;
  return { abi, bytecode: `0x${evm.bytecode.object}` };
}
