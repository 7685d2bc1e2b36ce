import { once } from "node:events";
import { Agent, get, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { listen } from "../../offchain/api/server.ts";

/** A server whose every answer waits until it is let go. */
async function openSlow(options: { drainMs?: number } = {}) {
  const entered = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const fetch = async () => {
    entered.resolve();
    await gate.promise;
    return new Response("finished");
  };
  const server = await listen({ fetch }, { host: "127.0.0.1", port: 0, ...options });
  onTestFinished(async () => {
    gate.resolve();
    await server.close();
  });
  return {
    ...server,
    port: Number(new URL(server.url).port),
    entered: entered.promise,
    release: gate.resolve,
  };
}

/** Asks over a connection that is kept open afterwards. */
async function ask(url: string): Promise<IncomingMessage> {
  const agent = new Agent({ keepAlive: true });
  onTestFinished(() => agent.destroy());
  const [response] = (await once(get(url, { agent }), "response")) as [IncomingMessage];
  return response;
}

async function refusal(port: number): Promise<string> {
  const [error] = (await once(connect(port, "127.0.0.1"), "error")) as [NodeJS.ErrnoException];
  return error.code ?? "";
}

test("given a close while an answer is under way, it is finished, and nobody new is let in", async () => {
  const { url, port, entered, release, close } = await openSlow();
  const answer = ask(url);
  await entered;
  const closed = close();
  expect(await refusal(port)).toBe("ECONNREFUSED");
  release();
  expect(await text(await answer)).toBe("finished");
  await closed;
});

test("given connections that only wait, or that stop in the middle of a request, a close ends them", async () => {
  const { url, port, release, close } = await openSlow({ drainMs: 200 });
  release();
  const idle = await ask(url);
  const { socket } = idle;
  expect(await text(idle)).toBe("finished");
  const ended = once(socket, "close");
  const half = connect(port, "127.0.0.1");
  await once(half, "connect");
  half.write("GET / HTTP/1.1\r\nHost: x\r\nX-Never");
  const cut = once(half, "close");
  half.on("error", () => {});
  await close();
  await Promise.all([ended, cut]);
});

test("given an answer that never comes, a close does not wait for it longer than it may", async () => {
  const { url, entered, close } = await openSlow({ drainMs: 100 });
  const answer = ask(url).then(
    () => "answered",
    (error: NodeJS.ErrnoException) => error.code,
  );
  await entered;
  await close();
  expect(await answer).toBe("ECONNRESET");
});
