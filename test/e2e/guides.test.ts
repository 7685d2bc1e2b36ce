import { spawnSync } from "node:child_process";
import { cp, mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { createPublicClient, createTestClient, createWalletClient, http, parseEther } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { arbitrumSepolia } from "viem/chains";
import { expect, onTestFinished, test } from "vitest";
import { startLocalChain } from "../../offchain/demo/local-chain.ts";
import { startS3Server } from "../../offchain/demo/s3-server.ts";
import { openObjectStore } from "../../offchain/objects/open.ts";
import { account, transcodeJob, transcodeKey } from "../support/events.ts";
import { type GuideShell, openGuideShell, readGuide } from "../support/guide.ts";
import { temporaryFolder } from "../support/ledger.ts";
import { pathsOf, root, textOf } from "../support/source.ts";
import { writeStandIns } from "../support/stand-ins.ts";
import { closedPort } from "./process.ts";

// The guides, in the order in which a pool comes to life. Every command in them is run as it stands, but for the texts
// that name a public place.
const guides = ["deployments/README.md", "README.md"];
// The producers' guide has a test of its own: intake-guide.test.ts.
const otherGuides = ["offchain/intake/README.md"];
const buckets = ["my-pool-log", "my-pool-archive", "my-pool-artifacts", "my-pool-metrics"];
const exampleDistributor = "0x5FbDB2315678afecb367f032d93F642f64180aa3";

/** The pool that the guides bring up: where they run, and what happens outside of them. */
type Place = {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly literally: Map<string, string>;
  readonly elsewhere: Readonly<Record<string, (shell: GuideShell) => Promise<void>>>;
};

test("given the README files, every block of commands is in a guide that is run", () => {
  const files = pathsOf("*.md", "*/**/README.md").filter((path) => /^ *```sh\b/m.test(textOf(path)));
  expect(files.filter((path) => ![...guides, ...otherGuides].includes(path))).toEqual([]);
});

test("given the guides, every command in them works, from nothing to claims and audit", {
  timeout: 300_000,
}, async () => {
  const place = await openPlace();
  for (const path of guides) {
    const shell = openGuideShell(place);
    for (const step of readGuide(path)) {
      if (step.kind === "elsewhere")
        await (place.elsewhere[step.what] ?? unknownPlace(path, step.what))(shell);
      else if (step.kind === "run") await shell.run(step.commands);
      else shell.start(step.commands);
    }
  }
});

async function openPlace(): Promise<Place> {
  const cwd = await temporaryFolder();
  await copyProject(cwd);
  const tools = await temporaryFolder();
  if (spawnSync("curl", ["--version"]).error !== undefined) await writeStandIns(tools);
  const s3Folder = join(await temporaryFolder(), "s3");
  await mkdir(s3Folder);
  const s3 = await startS3Server({ directory: s3Folder, buckets });
  onTestFinished(s3.stop);
  const chain = await startLocalChain({ blockTimeSeconds: 1, chainId: arbitrumSepolia.id });
  onTestFinished(chain.stop);
  const port = await closedPort();
  const keys = { AWS_ACCESS_KEY_ID: s3.accessKeyId, AWS_SECRET_ACCESS_KEY: s3.secretAccessKey };
  const credentials = { accessKeyId: s3.accessKeyId, secretAccessKey: s3.secretAccessKey };
  const log = openObjectStore("s3://my-pool-log", {
    s3: { region: "us-east-1", endpoint: s3.endpoint, credentials },
    create: false,
  });
  const jobs = [0, 1, 2].map((index) => transcodeJob({ id: `guide ${index}`, account: account(index) }));
  await log.put(transcodeKey("guide"), Buffer.from(JSON.stringify(jobs)));
  const literally = new Map([
    ["https://sepolia-rollup.arbitrum.io/rpc", chain.rpcUrl],
    ["http://127.0.0.1:8787", `http://127.0.0.1:${port}`],
    ["https://mirror.example/pool", "s3://my-pool-artifacts"],
  ]);
  return {
    cwd,
    env: {
      ...keys,
      PATH: `${tools}:${process.env.PATH}`,
      S3_ENDPOINT: s3.endpoint,
      HTTP_PORT: String(port),
      S3_SENSOR_INTERVAL_SECONDS: "1",
    },
    literally,
    elsewhere: elsewhereOn(chain.rpcUrl, { payer: chain.accounts[0]?.privateKey, literally }),
  };
}

/** What the guides leave to people, done on the chain of the test. */
function elsewhereOn(
  rpcUrl: string,
  { payer, literally }: { payer: `0x${string}` | undefined; literally: Map<string, string> },
): Place["elsewhere"] {
  const transport = http(rpcUrl);
  const chain = arbitrumSepolia;
  const wallet = createWalletClient({ chain, transport, account: privateKeyToAccount(payer ?? "0x") });
  const reader = createPublicClient({ chain, transport, pollingInterval: 100 });
  const clock = createTestClient({ chain, transport, mode: "anvil" });
  const send = async (to: string, value: string) => {
    const hash = await wallet.sendTransaction({ to: to.trim() as `0x${string}`, value: parseEther(value) });
    await reader.waitForTransactionReceipt({ hash });
  };
  return {
    "a faucet sends ETH of the test network to the operator's key": async (shell) =>
      send(await shell.run("npm run -s payroot -- keys address"), "1"),
    "the pool sends ETH to the distributor": async (shell) => {
      const address = await shell.run('echo "$DISTRIBUTOR_ADDRESS"');
      literally.set(exampleDistributor, address.trim());
      await send(address, "1");
    },
    "an hour passes": async () => {
      await clock.increaseTime({ seconds: 3600 });
      await clock.mine({ blocks: 3 });
    },
  };
}

function unknownPlace(path: string, what: string): never {
  throw new Error(`${path} has a step that this test does not know: ${what}`);
}

/** The files that a checkout has, and the packages that are installed. */
async function copyProject(folder: string): Promise<void> {
  for (const name of ["package.json", "package-lock.json", "scripts", "offchain", "deployments"])
    await cp(root + name, join(folder, name), { recursive: true });
  await symlink(`${root}node_modules`, join(folder, "node_modules"));
}
