import type { DistributorChain, Role } from "../../chain/distributor-chain.ts";
import type { Address } from "../../core/address.ts";
import { epochFolder, type LatestPointer, type Manifest } from "../../core/artifacts.ts";
import { formatUnits } from "../../core/units.ts";
import { messageOf, PayrootError } from "../../errors.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import { type Finding, finding } from "./doctor.ts";

/** What the doctor looks at on the chain. */
export type ChainPorts = {
  readonly artifacts: () => ObjectStore;
  /** The distributor, not yet checked to be there; undefined where no chain is configured. */
  readonly chain: () => DistributorChain | undefined;
  /** The account of the configured key; undefined when there is none. */
  readonly signer: () => Promise<Address | undefined>;
  /** Whether the daemon posts by itself, which needs the key. */
  readonly autoPublish: boolean;
};

const names = ["rpc", "chain id", "contract", "role", "gas", "funding"] as const;
const expectations: Readonly<Record<(typeof names)[number], string>> = {
  rpc: "a JSON-RPC server that answers",
  "chain id": "the configured chain",
  contract: "the RewardsDistributor of this version",
  role: "a key with the role POSTER",
  gas: "ETH for at least 30 posts at today's price",
  funding: "as much as the newest closed epoch owes",
};

/** The findings about the chain. Where one cannot be made because of another, it is skipped and says so. */
export async function checkChain(ports: ChainPorts): Promise<Finding[]> {
  let chain: DistributorChain | undefined;
  try {
    chain = ports.chain();
  } catch (error) {
    const first = await about("rpc", () => Promise.reject(error));
    return [first, ...skipRest(["rpc"], "there is no RPC to ask")];
  }
  if (chain === undefined) {
    const next = "to post epochs, set CHAIN_ID, DISTRIBUTOR_ADDRESS and ETH_RPC_ENDPOINT";
    return skipRest([], "no chain is configured", next);
  }
  const opened = chain;
  const rpc = await about("rpc", async () => {
    const block = await opened.block("latest");
    return {
      found: block === undefined ? "it answers, and knows no block" : `it answers, at block ${block.number}`,
    };
  });
  if (rpc.state === "error") return [rpc, ...skipRest(["rpc"], "the RPC did not answer")];
  const place = await checkPlace(opened);
  if (place.some(({ state }) => state === "error")) {
    return [rpc, ...place, ...skipRest(["rpc", "chain id", "contract"], "the distributor is not there")];
  }
  const [role, gas] = await checkSigner(opened, ports);
  return [rpc, ...place, role, gas, await checkFunding(opened, ports)];
}

/** The chain id and the contract, from one check that names which of them is wrong. */
async function checkPlace(chain: DistributorChain): Promise<Finding[]> {
  const fault = await chain.verify().then(
    () => undefined,
    (error: unknown) => error,
  );
  const code = fault instanceof PayrootError ? fault.code : undefined;
  const there = code === "distributor-missing" || fault === undefined;
  const id = await about("chain id", async () => {
    if (!there) throw fault;
    return { found: String(chain.chainId) };
  });
  if (id.state === "error") return [id, skipped("contract", "the RPC serves another chain")];
  const contract = await about("contract", async () => {
    if (fault !== undefined) throw fault;
    if (await chain.isOurCode()) return { found: `${chain.distributor}, the code of this version` };
    return {
      state: "error",
      found: `${chain.distributor} has other code`,
      next: "correct DISTRIBUTOR_ADDRESS, or use the version of payroot that it was deployed with",
    };
  });
  return [id, contract];
}

async function checkSigner(chain: DistributorChain, ports: ChainPorts): Promise<[Finding, Finding]> {
  let account: Address | undefined;
  const role = await about("role", async () => {
    account = await ports.signer();
    if (account === undefined) {
      const found = "no key is configured";
      if (!ports.autoPublish) return { state: "skipped", found };
      return { state: "error", found, next: "AUTO_PUBLISH=true needs a key: set ETH_PRIVATE_KEY" };
    }
    const held: Role[] = [];
    for (const name of ["POSTER", "GUARDIAN", "ATTESTOR"] as const) {
      if (await chain.hasRole(name, account)) held.push(name);
    }
    const found = `${account} is ${held.join(", ") || "in no role"}`;
    if (held.includes("POSTER") || (held.length > 0 && !ports.autoPublish)) return { found };
    const next =
      "have the distributor's admin grant the role POSTER, or set ETH_PRIVATE_KEY to the poster's key";
    return { state: ports.autoPublish ? "error" : "warning", found, next };
  });
  const signer = account;
  if (signer === undefined) return [role, skipped("gas", "no key is configured")];
  return [role, await about("gas", () => gasOf(chain, signer))];
}

// What posting costs: measured for one asset, with room for attestations.
const gasOfPost = 150_000n;

async function gasOf(
  chain: DistributorChain,
  account: Address,
): Promise<Partial<Finding> & { found: string }> {
  const balanceWei = await chain.balanceWei(account);
  const { baseFeeWei = 0n } = (await chain.block("latest")) ?? {};
  // A fee may double before a post is mined.
  const postWei = gasOfPost * baseFeeWei * 2n || 1n;
  const posts = balanceWei / postWei;
  const found = `${formatUnits(balanceWei, 18)} ETH, enough for ${posts} posts`;
  if (posts >= 30n) return { found };
  return { state: posts === 0n ? "error" : "warning", found, next: `send ETH to ${account}` };
}

/** Whether the newest closed epoch could be, or is, paid; read from what was published, so that a daemon may run. */
function checkFunding(chain: DistributorChain, ports: ChainPorts): Promise<Finding> {
  return about("funding", async () => {
    const artifacts = ports.artifacts();
    const latest = await readJson<LatestPointer>(artifacts, "latest.json");
    if (latest === undefined) return { state: "skipped", found: "no epoch was closed yet" };
    const manifest = await readJson<Manifest>(artifacts, `${epochFolder(latest.epoch)}manifest.json`);
    if (manifest === undefined) {
      const next = `make its files again with: payroot epoch rebuild ${latest.epoch}`;
      return { state: "error", found: `epoch ${latest.epoch} has no manifest`, next };
    }
    const lacking: string[] = [];
    for (const { asset, cumulative } of manifest.totals) {
      const { claimed, held } = await chain.asset(asset);
      const owed = BigInt(cumulative) - claimed;
      if (owed > held) lacking.push(`${owed - held} of ${/^0x0{40}$/.test(asset) ? "wei" : asset}`);
    }
    if (lacking.length === 0) return { found: `all that is owed after epoch ${latest.epoch} is there` };
    const found = `lacks ${lacking.join(", ")} after epoch ${latest.epoch}`;
    return { state: "error", found, next: `send what is lacking to the distributor, ${chain.distributor}` };
  });
}

async function readJson<T>(store: ObjectStore, key: string): Promise<T | undefined> {
  const stored = await store.get(key);
  if (stored === undefined) return undefined;
  try {
    return JSON.parse(new TextDecoder().decode(stored.bytes)) as T;
  } catch (error) {
    throw new PayrootError("artifact-damaged", "A published file is not JSON.", {
      facts: { file: key, reason: messageOf(error) },
      next: "restore the file in the artifacts store, or make it again with: payroot epoch rebuild",
    });
  }
}

function about(name: (typeof names)[number], check: Parameters<typeof finding>[1]): Promise<Finding> {
  return finding({ name, expected: expectations[name] }, check);
}

function skipped(name: (typeof names)[number], found: string, next: string | null = null): Finding {
  return { name, state: "skipped", found, expected: expectations[name], next };
}

function skipRest(done: readonly string[], found: string, next: string | null = null): Finding[] {
  return names.filter((name) => !done.includes(name)).map((name) => skipped(name, found, next));
}
