import { type Hex, hexToBytes, keccak256 } from "viem";

/** Deployed code, and where its immutables stand: start and length in bytes. */
export type DeployedCode = {
  readonly code: Hex;
  readonly immutables: readonly (readonly [number, number])[];
};

/** The keccak256 of deployed code with its immutables blanked: equal for every instance of one contract. */
export function codeHash({ code, immutables }: DeployedCode): Hex {
  const bytes = hexToBytes(code);
  for (const [start, length] of immutables) bytes.fill(0, start, start + length);
  return keccak256(bytes);
}
