import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import { startLocalChain } from "../../offchain/demo/local-chain.ts";

test("given a port that is taken, when a local chain starts, then it says so", async () => {
  const chain = await startLocalChain();
  const port = Number(new URL(chain.rpcUrl).port);

  await expect(startLocalChain({ port })).rejects.toMatchObject({
    code: "local-chain-failed",
    facts: { port },
  });

  await chain.stop();
});

test("given a program that is killed, when it had started a local chain, then the chain ends with it", async () => {
  const module = new URL("../../offchain/demo/local-chain.ts", import.meta.url).href;
  const program = `const { rpcUrl } = await (await import("${module}")).startLocalChain(); console.log(rpcUrl);`;
  const parent = spawn(process.execPath, ["--input-type=module", "--eval", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [rpcUrl] = (await once(createInterface(parent.stdout), "line")) as [string];
  const { hostname, port } = new URL(rpcUrl);
  const held = connect(Number(port), hostname);
  await once(held, "connect");

  parent.kill("SIGKILL");

  await once(held, "close");
  const again = connect(Number(port), hostname);
  const [error] = (await once(again, "error")) as [NodeJS.ErrnoException];
  expect(error.code).toBe("ECONNREFUSED");
});
