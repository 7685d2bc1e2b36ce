import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { deployDistributor, isDistributor } from "../../offchain/chain/deploy.ts";
import { distributorReader } from "../../offchain/chain/distributor.ts";
import { artifactFile, renderArtifact } from "../../scripts/abi.ts";
import { hardhatChain, type LocalChain } from "../support/chain.ts";

let chain: LocalChain;
beforeAll(async () => {
  chain = await hardhatChain();
});
afterAll(() => chain.close());

test("the generated artifact is that of the source", async () => {
  expect(await readFile(artifactFile, "utf8")).toBe(await renderArtifact());
  // On a fresh clone this compiles.
}, 180_000);

test("a deployed distributor has its arguments, its roles and this source's code", async () => {
  const [deployer, admin, poster, guardian] = chain.wallets;
  const deployed = await deployDistributor(
    { publicClient: chain.publicClient, walletClient: deployer },
    {
      admin: admin.account.address,
      adminDelaySeconds: 60,
      poster: poster.account.address,
      guardian: guardian.account.address,
      activationDelaySeconds: 3600,
    },
  );
  const { read } = distributorReader({ address: deployed.address, publicClient: chain.publicClient });
  expect(await read.defaultAdmin()).toBe(admin.account.address);
  expect(await read.defaultAdminDelay()).toBe(60);
  expect(await read.hasRole([await read.POSTER(), poster.account.address])).toBe(true);
  expect(await read.hasRole([await read.GUARDIAN(), guardian.account.address])).toBe(true);
  expect(await read.activationDelay()).toBe(3600n);
  expect(await read.attestationQuorum()).toBe(0);
  expect(await isDistributor(chain.publicClient, deployed.address)).toBe(true);
});

test("an address without code, or with other code, is not a distributor", async () => {
  const [wallet] = chain.wallets;
  expect(await isDistributor(chain.publicClient, wallet.account.address)).toBe(false);
  await chain.testClient.setCode({ address: wallet.account.address, bytecode: "0x6001" });
  expect(await isDistributor(chain.publicClient, wallet.account.address)).toBe(false);
});
