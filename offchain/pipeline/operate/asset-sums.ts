import { type Address, addressFromBytes } from "../../core/address.ts";
import type { Keyspace } from "../../store/keyspace.ts";
import type { LedgerStore } from "../../store/ledger-store.ts";

/** Σ of everyone's amounts, by asset in its smallest unit. */
export async function sumByAsset(
  store: LedgerStore,
  { prefix, value }: Keyspace<{ account: Address; asset: Address }, bigint>,
): Promise<Map<Address, bigint>> {
  const range = { from: Uint8Array.of(prefix), to: Uint8Array.of(prefix + 1) };
  const sums = new Map<string, bigint>();
  // Accounts are not looked at: to spell a million of them takes ten times as long as to add them up.
  for await (const [key, bytes] of store.entries(range)) {
    const asset = Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1", assetAt);
    sums.set(asset, (sums.get(asset) ?? 0n) + value.decode(bytes));
  }
  return new Map([...sums].map(([asset, sum]) => [addressFromBytes(Buffer.from(asset, "latin1")), sum]));
}

// Behind the prefix and the account.
const assetAt = 21;
