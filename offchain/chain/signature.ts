import { type Address, type Hex, isAddressEqual, recoverAddress } from "viem";
import { PayrootError } from "../errors.ts";
import type { Rpc } from "./rpc.ts";

/** Whether the distributor would accept a signature: by the signer's code where it has some, else by its key. */
export async function isSignature(
  rpc: Rpc,
  { digest, signer, signature }: { digest: Hex; signer: Address; signature: Hex },
): Promise<boolean> {
  const code = await rpc.ask((client) => client.getCode({ address: signer }));
  if (code === undefined) {
    if (!isPlain(signature)) return false;
    const found = await recoverAddress({ hash: digest, signature }).catch(() => undefined);
    return found !== undefined && isAddressEqual(found, signer);
  }
  const args = [digest, signature] as const;
  const call = { abi: erc1271, address: signer, functionName: "isValidSignature", args } as const;
  const answer = await rpc.ask((client) => client.readContract(call)).catch(ofTheContract);
  return answer === accepted;
}

const erc1271 = [
  {
    type: "function",
    name: "isValidSignature",
    stateMutability: "view",
    inputs: [{ type: "bytes32" }, { type: "bytes" }],
    outputs: [{ type: "bytes4" }],
  },
] as const;
const accepted = "0x1626ba7e";
const highestS = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n;

// As OpenZeppelin's ECDSA: 65 bytes, of the two signatures for one key that with the lower s, v of 27 or 28.
function isPlain(signature: Hex): boolean {
  if (!/^0x[0-9a-f]{128}(1b|1c)$/i.test(signature)) return false;
  return BigInt(`0x${signature.slice(66, 130)}`) <= highestS;
}

// A contract that refuses, or answers with something else, says no; a network that fails says nothing.
function ofTheContract(error: unknown): undefined {
  if (error instanceof PayrootError && error.code !== "call-reverted") throw error;
}
