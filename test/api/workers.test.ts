import { StandardMerkleTree } from "@openzeppelin/merkle-tree";
import { expect, test } from "vitest";
import { zeroAddress } from "../../offchain/core/address.ts";
import type { ProofEntry } from "../../offchain/core/artifacts.ts";
import { account, transcodeJob, transcodeKey } from "../support/events.ts";
import { epochTexts, manifestIn } from "../support/published.ts";
import {
  chainUpTo,
  closeEpochs,
  jsonOf,
  openApi,
  problemOf,
  readOpenEvents,
  type TestApi,
} from "./open-api.ts";

const stranger = "0x000000000000000000000000000000000000dEaD";
const earnedAnEpoch = 900_002_700n;
const cache = { forEver: "public, max-age=31536000, immutable", living: "no-cache" };

async function amounts(api: TestApi, address: string): Promise<unknown[]> {
  const { assets } = await jsonOf(await api.request(`/v1/workers/${address}`));
  return assets as unknown[];
}

async function proofOf(api: TestApi, path: string) {
  const response = await api.request(path);
  const cache = response.headers.get("cache-control");
  const answer = (await jsonOf(response)) as { leaves: ProofEntry[]; root: string; epoch: number };
  return { ...answer, cache };
}

test("given a worker of closed epochs with work since, the amounts are texts, disjoint, and sum to earned", async () => {
  const api = await openApi();
  await closeEpochs(api, 3);
  await readOpenEvents(api);
  const claimed = 500n;
  api.seen.chain = {
    ...chainUpTo({ active: 1, posted: 2 }),
    amountsOf: async () => ({ posted: 2n * earnedAnEpoch, active: earnedAnEpoch, claimed }),
  };
  const shown = await jsonOf(await api.request(`/v1/workers/${account(0)}`));
  expect(shown).toEqual({
    account: account(0),
    assets: [
      {
        asset: zeroAddress,
        earned: String(3n * earnedAnEpoch + 750_002_250n),
        accruing: "750002250",
        closed: String(earnedAnEpoch),
        posted: String(earnedAnEpoch),
        claimable: String(earnedAnEpoch - claimed),
        claimed: "500",
      },
    ],
    asOf: { object: "us-central/ai/us-central-ai-open.json", epoch: 3, block: 1234 },
  });
});

test("given an AI pair in the open epoch, its worker sees it accruing before the close", async () => {
  const api = await openApi();
  await readOpenEvents(api);
  expect(await amounts(api, account(1))).toMatchObject([
    { accruing: "750000006", earned: "750000006", closed: "0" },
  ]);
});

test("given amounts beyond 2^53, they are told to the wei", async () => {
  const api = await openApi();
  const job = transcodeJob({ id: "large" });
  const fees = '"fees": 9007199254740993, "pricePerComputeUnit": null';
  const text = JSON.stringify([job], null, 2)
    .replace(/"fees": \d+/, fees)
    .replace(/,\s*"pricePerComputeUnit": 1200/, "");
  await api.ledger.write(transcodeKey("large"), text);
  await api.ledger.ingest();
  expect(await amounts(api, account(0))).toMatchObject([
    { accruing: String(9007199254740993n - 2251799813685248n) },
  ]);
});

test("given an address that never worked, it has zeros, and a proof of nothing", async () => {
  const api = await openApi();
  await closeEpochs(api, 1);
  const zeros = { earned: "0", accruing: "0", closed: "0", posted: "0", claimable: "0", claimed: "0" };
  expect(await amounts(api, stranger)).toEqual([{ asset: zeroAddress, ...zeros }]);
  expect(await proofOf(api, `/v1/workers/${stranger}/proof`)).toMatchObject({ epoch: 1, leaves: [] });
});

test.each([
  ["lower", account(0).toLowerCase()],
  ["upper", `0x${account(0).slice(2).toUpperCase()}`],
])("given an address in %s case, it is the same account", async (_case, address) => {
  const api = await openApi();
  await closeEpochs(api, 1);
  for (const path of ["", "/proof"]) {
    const answer = await (await api.request(`/v1/workers/${address}${path}`)).text();
    expect(answer).toBe(await (await api.request(`/v1/workers/${account(0)}${path}`)).text());
  }
});

test.each([
  ["0x12", "not 0x and 40 hex digits"],
  [account(0).slice(2), "not 0x and 40 hex digits"],
  [`${account(0)}00`, "not 0x and 40 hex digits"],
  [account(0).replace("A", "a"), "mixed case with a wrong EIP-55 checksum"],
  [zeroAddress, "the zero address"],
])("given the address %s, it is refused because it is %s", async (given, fault) => {
  const { request } = await openApi();
  for (const path of ["", "/proof", "/proof?epoch=1"]) {
    const problem = await problemOf(await request(`/v1/workers/${given}${path}`));
    expect(problem).toMatchObject({ status: 400, code: "invalid-address", facts: { given, fault } });
    expect(problem.next).toContain("0x and 40 hex digits");
  }
});

test("given a proof, it leads to the manifest's root by the published leaves and OpenZeppelin's tree", async () => {
  const api = await openApi();
  await closeEpochs(api, 2);
  for (const epoch of [1, 2]) {
    const { root } = manifestIn(await epochTexts(api.ledger.artifacts, epoch));
    for (const index of [0, 1]) {
      const proof = await proofOf(api, `/v1/workers/${account(index)}/proof?epoch=${epoch}`);
      expect(proof).toMatchObject({ account: account(index), epoch, root, state: "closed" });
      expect(proof.leaves).toHaveLength(1);
      for (const { asset, cumulative, proof: way } of proof.leaves) {
        expect(cumulative).toBe(String(BigInt(epoch) * earnedAnEpoch));
        const leaf = [account(index), asset, cumulative];
        const encoding = ["address", "address", "uint256"];
        expect(StandardMerkleTree.verify(root, encoding, leaf, [...way])).toBe(true);
        expect(StandardMerkleTree.verify(root, encoding, [account(2), asset, cumulative], [...way])).toBe(
          false,
        );
      }
    }
  }
});

test("given no epoch, the proof is of the newest active one, or before there is one of the newest closed", async () => {
  const api = await openApi();
  const path = `/v1/workers/${account(0)}/proof`;
  const none = {
    account: account(0),
    epoch: null,
    root: null,
    state: null,
    leaves: [],
    cache: cache.living,
  };
  expect(await proofOf(api, path)).toEqual(none);
  await closeEpochs(api, 3);
  expect(await proofOf(api, path)).toMatchObject({ epoch: 3, state: "closed" });
  api.seen.chain = chainUpTo({ active: 2, posted: 3 });
  expect(await proofOf(api, path)).toMatchObject({ epoch: 2, state: "active", cache: cache.living });
});

test("given an epoch by number, its proof may be kept for ever once it is active, and not before", async () => {
  const api = await openApi();
  await closeEpochs(api, 3);
  api.seen.chain = chainUpTo({ active: 1, posted: 2 });
  const caches = [1, 2, 3].map(
    async (epoch) => (await proofOf(api, `/v1/workers/${account(0)}/proof?epoch=${epoch}`)).cache,
  );
  expect(await Promise.all(caches)).toEqual([cache.forEver, cache.living, cache.living]);
});

test.each([
  ["7", 404, "epoch-unknown"],
  ["4294967296", 404, "epoch-unknown"],
  ["0", 400, "invalid-query"],
  ["x", 400, "invalid-query"],
  ["", 400, "invalid-query"],
])("given a proof of epoch %j, it is %i", async (epoch, status, code) => {
  const api = await openApi();
  await closeEpochs(api, 1);
  const response = await api.request(`/v1/workers/${account(0)}/proof?epoch=${epoch}`);
  expect(response.headers.get("cache-control")).toBe("no-cache");
  expect(await problemOf(response)).toMatchObject({ status, code });
});

test("given a file of proofs that was lost or changed, nobody is told that they earned nothing", async () => {
  const api = await openApi();
  await closeEpochs(api, 1);
  const file = `epochs/000001/proofs/${account(0).slice(2, 4).toLowerCase()}.json`;
  const stored = await api.ledger.artifacts.get(file);
  const text = Buffer.from(stored?.bytes ?? []).toString();
  const tampered = text.replace(String(earnedAnEpoch), String(earnedAnEpoch + 1n));
  expect(tampered).not.toBe(text);
  for (const [content, code] of [
    [tampered, "proof-mismatch"],
    ["{}", "proof-mismatch"],
    ["<html>", "proof-mismatch"],
    [undefined, "proof-missing"],
  ] as const) {
    if (content === undefined) await api.ledger.artifacts.delete(file);
    else await api.ledger.artifacts.put(file, Buffer.from(content));
    const response = await api.request(`/v1/workers/${account(0)}/proof?epoch=1`);
    expect(response.headers.get("cache-control")).toBe("no-cache");
    expect(await problemOf(response)).toMatchObject({ status: 500, code, facts: { file } });
  }
});
