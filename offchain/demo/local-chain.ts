import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type Hex, toHex } from "viem";
import { mnemonicToAccount } from "viem/accounts";
import type { Address } from "../core/address.ts";
import { PayrootError } from "../errors.ts";

/** A funded account of the local chain, with its key. */
export type LocalAccount = { readonly address: Address; readonly privateKey: Hex };

/** A chain of our own on loopback. */
export type LocalChain = {
  readonly rpcUrl: string;
  readonly chainId: number;
  readonly accounts: readonly LocalAccount[];
  /** Ends the chain; nothing of it is kept. */
  stop(): Promise<void>;
};

/** The development mnemonic that every local chain knows: its accounts are worth nothing anywhere else. */
export const developmentMnemonic = "test test test test test test test test test test test junk";

/**
 * Starts Anvil with ten accounts of 10,000 ETH, and waits until it listens. Without `blockTimeSeconds` every
 * transaction is mined at once in a block of its own, and time stands still between them. A block is final when two
 * more stand on it. It is a process of its own, and ends with this one however this one ends. Throws
 * `local-chain-failed`.
 */
export async function startLocalChain(
  options: { readonly port?: number; readonly blockTimeSeconds?: number; readonly chainId?: number } = {},
): Promise<LocalChain> {
  const { port = 0, blockTimeSeconds, chainId = 31_337 } = options;
  const program = fileURLToPath(new URL("./local-chain-process.ts", import.meta.url));
  const place = ["--host", "127.0.0.1", "--port", String(port), "--chain-id", String(chainId)];
  const finality = ["--slots-in-an-epoch", "1"];
  const pace = blockTimeSeconds === undefined ? [] : ["--block-time", String(blockTimeSeconds)];
  const flags = [...place, ...finality, ...pace, "--mnemonic", developmentMnemonic];
  const child = spawn(process.execPath, [program, ...flags], {
    stdio: ["pipe", "pipe", "pipe"],
    // Ctrl-C of a terminal goes to its whole group; this one is ended by its parent, in order.
    detached: true,
  });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  let complaint = "";
  child.stderr.on("data", (text: Buffer) => {
    complaint = `${complaint}${text.toString()}`.slice(-2000);
  });
  const address = await Promise.race([
    new Promise<string>((resolve) => {
      // The reader stays: a pipe that nobody empties would stop the chain.
      createInterface(child.stdout).on("line", (line) => {
        const found = /^Listening on (\S+)/.exec(line)?.[1];
        if (found !== undefined) resolve(found);
      });
    }),
    ended.then(() => undefined),
  ]);
  if (address === undefined) throw localChainFailed({ port, complaint });
  return {
    rpcUrl: `http://${address}`,
    chainId,
    accounts: Array.from({ length: 10 }, (_, index) => localAccount(index)),
    stop: () => {
      child.stdin.end();
      return ended;
    },
  };
}

function localAccount(addressIndex: number): LocalAccount {
  const account = mnemonicToAccount(developmentMnemonic, { addressIndex });
  const key = account.getHdKey().privateKey;
  return { address: account.address, privateKey: toHex(key ?? new Uint8Array(0)) };
}

function localChainFailed(about: { port: number; complaint: string }): PayrootError {
  return new PayrootError("local-chain-failed", "The local chain did not start.", {
    facts: { port: about.port, reason: about.complaint.trim().split("\n").at(-1) },
    next: "check that the port is free and that the packages were installed for this platform",
  });
}
