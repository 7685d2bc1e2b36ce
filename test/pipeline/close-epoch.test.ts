import { StandardMerkleTree } from "@openzeppelin/merkle-tree";
import { expect, test } from "vitest";
import { account, aiJob, aiKey, aiReceipt, transcodeJob, transcodeKey } from "../support/events.ts";
import { openTestLedger } from "../support/ledger.ts";

test("given transcode jobs and a paired AI job, when the epoch closes, then the root is OpenZeppelin's", async () => {
  const ledger = await openTestLedger();
  await ledger.write(transcodeKey("a"), [
    transcodeJob({ id: "1", account: account(0), units: 1_000_003 }),
    transcodeJob({ id: "2", account: account(1), units: 999_999_999 }),
  ]);
  await ledger.write(aiKey("a"), [aiJob({ id: "3", requestID: "r1", fees: 1_000_000_007 })]);
  await ledger.write(aiKey("b"), [aiReceipt({ id: "4", requestID: "r1", account: account(2) })]);

  const closed = await ledger.close();

  const earned = (fees: bigint) => fees - (fees * 250_000n) / 1_000_000n;
  const zero = "0x0000000000000000000000000000000000000000";
  const expected = StandardMerkleTree.of(
    [
      [account(0), zero, earned(1_000_003n * 1200n)],
      [account(1), zero, earned(999_999_999n * 1200n)],
      [account(2), zero, earned(1_000_000_007n)],
    ],
    ["address", "address", "uint256"],
  );
  expect(closed?.manifest.root).toBe(expected.root);
  expect(closed?.manifest.inputs).toMatchObject({
    objects: 3,
    events: 4,
    accepted: 4,
    rejected: 0,
    unmatched: 0,
  });
});
