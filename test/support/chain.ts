import hre from "hardhat";
import {
  type Account,
  type Chain,
  createPublicClient,
  createTestClient,
  createWalletClient,
  custom,
  type EIP1193RequestFn,
  type PublicClient,
  type TestClient,
  type Transport,
  type WalletClient,
} from "viem";
import { mnemonicToAccount } from "viem/accounts";
import { hardhat } from "viem/chains";

/** A wallet that signs by itself. */
export type Wallet = WalletClient<Transport, Chain, Account>;

/** A local chain with ten funded wallets and a clock to turn. */
export type LocalChain = {
  readonly publicClient: PublicClient<Transport, Chain>;
  readonly testClient: TestClient;
  readonly wallets: readonly [Wallet, Wallet, Wallet, Wallet, Wallet, ...Wallet[]];
  readonly close: () => Promise<void>;
};

const mnemonic = "test test test test test test test test test test test junk";

/** Hardhat's network in this process. */
export async function hardhatChain(): Promise<LocalChain> {
  const connection = await hre.network.create();
  const request = connection.provider.request.bind(connection.provider) as EIP1193RequestFn;
  return chainOver({ transport: custom({ request }), mode: "hardhat", close: () => connection.close() });
}

/** Clients over any local chain that knows the usual development mnemonic. */
export function chainOver(options: {
  readonly transport: Transport;
  readonly mode: "hardhat" | "anvil";
  readonly close: () => Promise<void>;
}): LocalChain {
  const { transport, mode, close } = options;
  const chain = hardhat;
  const common = { chain, transport, pollingInterval: 10, cacheTime: 0 };
  const wallet = (addressIndex: number): Wallet =>
    createWalletClient({ ...common, account: mnemonicToAccount(mnemonic, { addressIndex }) });
  return {
    publicClient: createPublicClient(common),
    testClient: createTestClient({ ...common, mode }),
    wallets: [wallet(0), wallet(1), wallet(2), wallet(3), wallet(4), wallet(5), wallet(6), wallet(7)],
    close,
  };
}
