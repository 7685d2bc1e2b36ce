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
  expect(await answers({ hostname, port })).toBe(true);

  parent.kill("SIGKILL");

  // For as long as the test may take: the chain has to notice first.
  while (await answers({ hostname, port }));
});

/** Whether somebody listens. */
async function answers({ hostname, port }: { hostname: string; port: string }): Promise<boolean> {
  const socket = connect(Number(port), hostname);
  const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    socket.once("connect", () => resolve(undefined)).once("error", resolve);
  });
  socket.destroy();
  return error?.code !== "ECONNREFUSED";
}
