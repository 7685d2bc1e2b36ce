import type { Output } from "../format.ts";
import { command, text } from "./command.ts";
import { configuredAddress, importKeystore, type KeyFile, newKeystore } from "./open-keys.ts";

const file = text("the keystore to write, a file that does not exist yet");

/** `payroot keys new FILE`: makes a key. */
export const keysNew = command({
  name: "keys new",
  summary: "make a key and write it to a new keystore",
  arguments: { file },
  run: (context, given) => newKeystore(context, given.file),
  print: printKeyFile,
});

/** `payroot keys import FILE`: encrypts a key that exists. The key is never an argument: others can see those. */
export const keysImport = command({
  name: "keys import",
  summary: "write the key of ETH_PRIVATE_KEY, or of standard input, to a new keystore",
  arguments: { file },
  run: (context, given) => importKeystore(context, given.file),
  print: printKeyFile,
});

/** `payroot keys address`: which account the configuration signs for. */
export const keysAddress = command({
  name: "keys address",
  summary: "the account of the configured key or keystore",
  run: async (context) => ({ address: await configuredAddress(context) }),
  print: ({ address }, out) => out.line(address),
});

function printKeyFile({ address, keystore }: KeyFile, out: Output): void {
  out.facts({ address, keystore });
  out.line(`to sign with it, set ETH_PRIVATE_KEY=${keystore} and ETH_KEYSTORE_PASSWORD_FILE`);
  out.line("without its password the key is lost: keep both, in two places");
}
