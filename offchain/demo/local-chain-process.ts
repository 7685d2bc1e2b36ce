import { spawn } from "node:child_process";
import { createRequire } from "node:module";

// The program behind `startLocalChain`: Anvil, ended when the pipe from the parent closes, even by SIGKILL. The binary
// is run itself: the package's own launcher would leave it behind.

const require = createRequire(import.meta.url);
const platform = `@foundry-rs/anvil-${process.platform}-${process.arch === "x64" ? "amd64" : process.arch}`;
const binary = require.resolve(`${platform}/bin/anvil${process.platform === "win32" ? ".exe" : ""}`);
const chain = spawn(binary, process.argv.slice(2), { stdio: ["ignore", "inherit", "inherit"] });
chain.once("error", (error) => {
  console.error(error.message);
  process.exit(1);
});
chain.once("exit", (code) => process.exit(code ?? 1));
process.stdin.resume().once("end", () => chain.kill());
