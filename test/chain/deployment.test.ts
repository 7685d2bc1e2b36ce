import { globSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type DeployRequest, deploy } from "../../offchain/chain/deployer.ts";
import { parseDeployment } from "../../offchain/chain/deployment.ts";
import { distributorCodeHash } from "../../offchain/chain/distributor-artifact.ts";
import { openSigner } from "../../offchain/chain/signer.ts";
import { Secret } from "../../offchain/core/secret.ts";

import { useAnvil } from "../support/anvil.ts";

const anvil = useAnvil();

async function requestWith(changes: Partial<DeployRequest>) {
  const folder = await mkdtemp(join(tmpdir(), "payroot-deploy-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const [admin, poster, guardian] = anvil.local().accounts;
  if (admin === undefined || poster === undefined || guardian === undefined) throw new Error("no accounts");
  const lines: string[] = [];
  const request: DeployRequest = {
    network: "local",
    rpcUrl: anvil.local().rpcUrl,
    signer: await openSigner({ key: new Secret(admin.privateKey) }),
    arguments: {
      admin: admin.address,
      adminDelaySeconds: 60,
      poster: poster.address,
      guardian: guardian.address,
      activationDelaySeconds: 3600,
    },
    broadcast: true,
    folder,
    confirm: async () => true,
    print: (line) => lines.push(line),
    ...changes,
  };
  return { request, folder, lines };
}

test("given a confirmation, the distributor is deployed and its file written in its format", async () => {
  const { request, folder, lines } = await requestWith({});
  const deployment = await deploy(request);
  const path = join(folder, "31337.json");
  expect(parseDeployment(await readFile(path, "utf8"), path)).toEqual(deployment);
  expect(deployment).toMatchObject({ chainId: 31_337, codeHash: distributorCodeHash });
  expect(lines.join("\n")).toContain("argument  activationDelaySeconds = 3600");
});

test("without --broadcast, or without a confirmation, nothing is sent", async () => {
  const before = await anvil.control().client.getBlockNumber({ cacheTime: 0 });
  for (const changes of [{ broadcast: false }, { confirm: async () => false }]) {
    const { request, folder } = await requestWith(changes);
    expect(await deploy(request)).toBeUndefined();
    expect(globSync(join(folder, "*"))).toEqual([]);
  }
  expect(await anvil.control().client.getBlockNumber({ cacheTime: 0 })).toBe(before);
});

test("given an RPC of another chain, it is refused before anything is asked of it", async () => {
  const { request } = await requestWith({ network: "arbitrum-one" });
  await expect(deploy(request)).rejects.toMatchObject({ code: "wrong-chain", exitCode: 2 });
});

test("every deployment in the repository has its format and this source's code", async () => {
  for (const path of globSync("deployments/*.json")) {
    const deployment = parseDeployment(await readFile(path, "utf8"), path);
    expect(path).toBe(`deployments/${deployment.chainId}.json`);
    expect(deployment.codeHash).toBe(distributorCodeHash);
  }
});

test("a deployment file that does not fit says where", () => {
  expect(() => parseDeployment("{", "x.json")).toThrow(/does not fit/);
  const broken = { format: "payroot/deployment@1", chainId: 0 };
  expect(() => parseDeployment(JSON.stringify(broken), "x.json")).toThrow(
    expect.objectContaining({
      code: "deployment-invalid",
      facts: expect.objectContaining({ path: "x.json" }),
    }),
  );
});
