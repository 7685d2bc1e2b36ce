import { expect, test } from "vitest";
import { type Address, zeroAddress } from "../../../offchain/core/address.ts";
import { claimedByAll } from "../../../offchain/pipeline/claims/on-chain.ts";
import { claimedSums } from "../../../offchain/store/keys.ts";
import { put } from "../../../offchain/store/keyspace.ts";
import { account } from "../../support/events.ts";
import { openTestLedger } from "../../support/ledger.ts";
import { spreadAccount } from "../../support/proofs.ts";

const token = account(3);

/** What so many have received, of two assets. */
async function ledgerOfClaimers(claimers: number) {
  const { store } = await openTestLedger();
  const amounts = Array.from({ length: claimers }, (_, index) => {
    const asset: Address = index % 3 === 0 ? token : zeroAddress;
    return put(claimedSums, { account: spreadAccount(index), asset }, 10n ** 18n + BigInt(index));
  });
  await store.write(amounts, { durable: false });
  return store;
}

test("given claimers of two assets, then what they received is added up asset by asset, to the wei", async () => {
  const store = await ledgerOfClaimers(7);
  expect(await claimedByAll(store, undefined)).toEqual(
    new Map([
      [token, 3n * 10n ** 18n + 9n],
      [zeroAddress, 4n * 10n ** 18n + 12n],
    ]),
  );
});
