import { cp, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { manifestHash } from "../../../offchain/core/artifacts.ts";
import { account } from "../../support/events.ts";
import { openTestLedger } from "../../support/ledger.ts";
import { epochTexts, leavesOf } from "../../support/published.ts";

// A small log with the dirt of real life, and what it must publish for ever: a difference here breaks every epoch that
// anybody has published and audited.
const golden = new URL("../../golden/epoch/", import.meta.url).pathname;

test("given the frozen log, then every published byte, the manifest's hash and the root are the frozen ones", async () => {
  const ledger = await openTestLedger();
  await cp(join(golden, "log"), join(ledger.folder, "log"), { recursive: true });

  const closed = await ledger.close();

  const files = await epochTexts(ledger.artifacts, 1);
  const frozen = new Map<string, string>();
  for (const entry of await readdir(join(golden, "expected"), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    frozen.set(path.slice(join(golden, "expected/").length), await readFile(path, "utf8"));
  }
  expect(files).toEqual(frozen);
  expect(closed?.manifest.root).toBe("0xe6fea04ce459c6ae307e024d5961ad26be4269c0b17d4bb58faae173e3f7d52c");
  expect(closed?.manifest.earningsRoot).toBe(
    "0xf5ce3bafea16b69ebd46dd0eeb737a9507f8fd94707400f973eb7872f0a19950",
  );
  expect(closed && manifestHash(closed.manifest)).toBe(
    "0x6cc64243e9f339d69232644b7bd76aacf694806c34c16aab25aba382931509da",
  );
});

test("given the frozen log, then the amounts are those worked out by hand", async () => {
  const ledger = await openTestLedger();
  await cp(join(golden, "log"), join(ledger.folder, "log"), { recursive: true });
  const closed = await ledger.close();
  // Three quarters of each fee, its odd wei for the worker.
  expect(await leavesOf(ledger.artifacts, 1)).toEqual({
    [account(0)]: 900_002_700n + 6n,
    [account(1)]: 9_000_000_000_000_001n + 899_999_999_100n + 31n,
    [account(2)]: 3n + 750_000_006n,
    [account(3)]: 7n,
  });
  expect(closed?.manifest.inputs).toMatchObject({
    objects: 8,
    events: 30,
    accepted: 17,
    rejected: 11,
    duplicates: 2,
    unmatched: 1,
  });
});
