import type { Address } from "../core/address.ts";
import { keccak256Hex } from "../core/hash.ts";
import type { Hex } from "../core/hex.ts";
import type { DistributorCall, DistributorChain } from "./distributor-chain.ts";

/** How calls are handed to whoever signs them elsewhere. */
export type OutputFormat = "calldata" | "safe";

/** A call for a hardware wallet or any other tool; `value` in wei. */
export type Calldata = {
  readonly chainId: number;
  readonly to: Address;
  readonly value: string;
  readonly data: Hex;
};

/** The file that the Transaction Builder of a Safe imports, version 1.0; `createdAt` in ms since 1970. */
export type SafeBatch = {
  readonly version: "1.0";
  readonly chainId: string;
  readonly createdAt: number;
  readonly meta: {
    readonly name: string;
    readonly description: string;
    readonly txBuilderVersion: string;
    readonly createdFromSafeAddress: string;
    readonly createdFromOwnerAddress: string;
    readonly checksum: string;
  };
  readonly transactions: readonly {
    readonly to: Address;
    readonly value: string;
    readonly data: Hex;
    readonly contractMethod: null;
    readonly contractInputsValues: null;
  }[];
};

/** What to sign elsewhere, in one of the formats. */
export type SigningOutput = { readonly calls: readonly Calldata[] } | SafeBatch;

/** Calls of the distributor for signing elsewhere. `now` in ms since 1970. */
export function signingOutput(
  calls: readonly DistributorCall[],
  about: {
    readonly chain: Pick<DistributorChain, "chainId" | "distributor">;
    readonly format: OutputFormat;
    readonly name: string;
    readonly now: number;
  },
): SigningOutput {
  const { chainId, distributor: to } = about.chain;
  const plain = calls.map(({ data, valueWei }) => ({ chainId, to, value: valueWei.toString(), data }));
  return about.format === "calldata" ? { calls: plain } : safeBatch(plain, about);
}

function safeBatch(calls: readonly Calldata[], about: Parameters<typeof signingOutput>[1]): SafeBatch {
  const { chain, name, now } = about;
  const meta = {
    name,
    description: `RewardsDistributor ${chain.distributor}`,
    txBuilderVersion: "1.18.0",
    createdFromSafeAddress: "",
    createdFromOwnerAddress: "",
  };
  const rest = {
    version: "1.0" as const,
    chainId: String(chain.chainId),
    createdAt: now,
    transactions: calls.map(({ to, value, data }) => {
      return { to, value, data, contractMethod: null, contractInputsValues: null };
    }),
  };
  // The builder leaves the name out of the checksum, so that it can be changed.
  const signed = checksumText({ ...rest, meta: { ...meta, name: null } });
  const checksum = keccak256Hex(new TextEncoder().encode(signed));
  return { ...rest, meta: { ...meta, checksum } };
}

/** The text that the Transaction Builder hashes: sorted keys as a list, then every value with a comma behind it. */
function checksumText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(checksumText).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  const keys = JSON.stringify(members.map(([key]) => key));
  return `{${keys}${members.map(([, item]) => `${checksumText(item)},`).join("")}}`;
}
