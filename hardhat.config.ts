import { createRequire } from "node:module";
import hardhatToolboxViem from "@nomicfoundation/hardhat-toolbox-viem";
import { configVariable, defineConfig } from "hardhat/config";

const require = createRequire(import.meta.url);

// The compiler is the npm package `solc`, so that a build needs nothing but the package registry.
export default defineConfig({
  plugins: [hardhatToolboxViem],
  solidity: {
    profiles: {
      default: {
        version: "0.8.37",
        path: require.resolve("solc/soljson.js"),
        settings: { viaIR: true, evmVersion: "cancun", optimizer: { enabled: true, runs: 1_000_000 } },
      },
    },
  },
  // For source verification only; deploying is scripts/deploy.ts.
  networks: {
    arbitrumOne: { type: "http", chainId: 42161, url: configVariable("ETH_RPC_ENDPOINT") },
    arbitrumSepolia: { type: "http", chainId: 421614, url: configVariable("ETH_RPC_ENDPOINT") },
  },
  // Two campaigns of invariants, honest and hostile: together 204,800 steps.
  test: {
    solidity: {
      fuzz: { runs: 256 },
      invariant: { runs: 256, depth: 400, failOnRevert: true, shrinkRunLimit: 500 },
    },
  },
  paths: { sources: "./contracts", tests: { solidity: "./test/contracts" } },
});
