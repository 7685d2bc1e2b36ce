import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { sha256Hex } from "../../offchain/core/hash.ts";
import { openObjectStore } from "../../offchain/objects/open.ts";
import { openPool } from "../commands/payroot.ts";
import { deployTestDistributor, useAnvil } from "../support/anvil.ts";
import { account, transcodeJob, transcodeKey } from "../support/events.ts";

const anvil = useAnvil();

test("given the operator is gone, then from a copied bucket and an RPC claims succeed, the audit passes and the artifacts come back", async () => {
  const distributor = await deployTestDistributor(anvil, { activationDelaySeconds: 60 });
  const { rpcUrl, accounts } = anvil.local();
  const pool = await openPool({
    CHAIN_ID: "31337",
    DISTRIBUTOR_ADDRESS: distributor.address,
    ETH_RPC_ENDPOINT: rpcUrl,
    ETH_PRIVATE_KEY: accounts[1]?.privateKey ?? "",
  });
  for (const [epoch, day] of [6, 7].entries()) {
    const jobs = [0, 1].map((index) =>
      transcodeJob({ id: `job ${index} of ${day}`, account: account(index) }),
    );
    await pool.write(transcodeKey(String(day)), jobs);
    await pool.json(["epoch", "close", "--at", `2025-11-0${day}T00:00:00Z`]);
    await pool.json(["epoch", "publish", String(epoch + 1), "--broadcast"]);
  }
  await anvil.control().pass(61);
  const published = await filesOf(join(pool.folder, "artifacts"));
  await cp(join(pool.folder, "artifacts"), join(pool.folder, "mirror"), { recursive: true });
  await cp(join(pool.folder, "archive"), join(pool.folder, "mirror"), { recursive: true });
  for (const gone of ["data", "log", "artifacts", "archive"]) {
    await rm(join(pool.folder, gone), { recursive: true, force: true });
  }

  // A stranger with gas money, a copy of the bucket, and an RPC endpoint.
  const mirror = `file://${join(pool.folder, "mirror")}`;
  const stranger = {
    ETH_PRIVATE_KEY: accounts[7]?.privateKey ?? "",
    LOG_URL: "",
    DATA_DIR: join(pool.folder, "elsewhere"),
  };
  const claimed = await pool.call(["claim", account(0), "--from", mirror, "--broadcast", "--json"], {
    env: stranger,
  });
  expect(claimed.code, claimed.stderr).toBe(0);
  expect(JSON.parse(claimed.stdout)).toMatchObject({
    epoch: 2,
    state: "paid",
    assets: [{ amount: "1800005400" }],
  });
  const audited = await pool.call(["audit", "--from", mirror, "--json"], { env: stranger });
  expect(audited.code, audited.stdout).toBe(0);

  // Of the copy only the archive is left: the artifacts are made again.
  for (const gone of ["epochs", "latest.json"])
    await rm(join(pool.folder, "mirror", gone), { recursive: true });
  const places = { ARCHIVE_URL: mirror, ARTIFACTS_URL: `file://${join(pool.folder, "again")}` };
  for (const epoch of ["1", "2"]) {
    const rebuilt = await pool.call(["epoch", "rebuild", epoch, "--json"], {
      env: { ...stranger, ...places },
    });
    expect(rebuilt.code, rebuilt.stderr).toBe(0);
  }
  expect(await filesOf(join(pool.folder, "again"))).toEqual(published);
});

/** The hash of every object below a folder. */
async function filesOf(folder: string): Promise<Record<string, string>> {
  const store = openObjectStore(`file://${folder}`);
  const hashes: Record<string, string> = {};
  for await (const page of store.list()) {
    for (const { key } of page) hashes[key] = sha256Hex((await store.get(key))?.bytes ?? new Uint8Array(0));
  }
  return hashes;
}
