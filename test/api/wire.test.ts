import { connect } from "node:net";
import { buffer as bytesOf, text as textOf } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { createApp } from "../../offchain/api/app.ts";
import { listen } from "../../offchain/api/server.ts";
import { openTestLedger } from "../support/ledger.ts";
import { dependenciesOf } from "./open-api.ts";

const stack = /\n\s+at |\.ts:\d|node_modules|file:\/\//;

async function serve() {
  const faults: unknown[] = [];
  const app = createApp({
    ...dependenciesOf(await openTestLedger()),
    onFault: (error) => faults.push(error),
  });
  const server = await listen(app, { host: "127.0.0.1", port: 0 });
  onTestFinished(server.close);
  return { port: Number(new URL(server.url).port), faults };
}

async function say(port: number, message: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.write(message);
  return textOf(socket);
}

const head = "Host: x\r\nConnection: close\r\n\r\n";
test.each([
  ["a path of dots", `GET /../../../etc/passwd HTTP/1.1\r\n${head}`, /^HTTP\/1\.1 404/],
  ["a double slash", `GET //evil.example/health HTTP/1.1\r\n${head}`, /^HTTP\/1\.1 404/],
  ["a whole URL for a path", `GET http://evil.example/health HTTP/1.1\r\n${head}`, /^HTTP\/1\.1 (200|400)/],
  ["a bad host", "GET /health HTTP/1.1\r\nHost: a b/c\r\nConnection: close\r\n\r\n", /^HTTP\/1\.1 400/],
  ["no host", "GET /health HTTP/1.1\r\nConnection: close\r\n\r\n", /^HTTP\/1\.1 400/],
  ["bytes beyond ASCII", `GET /v1/epochs/\u00ff\u00fe HTTP/1.1\r\n${head}`, /^HTTP\/1\.1 400/],
  ["no HTTP at all", "hello\r\n\r\n", /^HTTP\/1\.1 400/],
  [
    "headers without end",
    `GET /health HTTP/1.1\r\nHost: x\r\nA: ${"a".repeat(40_000)}\r\n\r\n`,
    /^HTTP\/1\.1 431/,
  ],
  [
    "two lengths",
    `POST /health HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n${head}`,
    /^HTTP\/1\.1 400/,
  ],
  ["an unknown method", `BREW /health HTTP/1.1\r\n${head}`, /^HTTP\/1\.1 400/],
  [
    "a body that is not wanted",
    `POST /health HTTP/1.1\r\nContent-Length: 4\r\n${head}abcd`,
    /^HTTP\/1\.1 405/,
  ],
])("given %s on the wire, the server refuses it and goes on serving", async (_what, message, expected) => {
  const { port, faults } = await serve();
  const answer = await say(port, message);
  expect(answer).toMatch(expected);
  expect(answer).not.toMatch(stack);
  expect(await say(port, `GET /health HTTP/1.1\r\n${head}`)).toMatch(/^HTTP\/1\.1 200/);
  expect(faults).toEqual([]);
});

test("given HEAD before GET on one connection, in any encoding, each answer is as long as it says", async () => {
  const { port } = await serve();
  const ask = (method: string, encoding: string, connection: string) =>
    `${method} /openapi.json HTTP/1.1\r\nHost: x\r\nAccept-Encoding: ${encoding}\r\nConnection: ${connection}\r\n\r\n`;
  for (const encoding of ["gzip", "br", "identity"]) {
    const socket = connect(port, "127.0.0.1");
    socket.write(ask("HEAD", encoding, "keep-alive") + ask("GET", encoding, "close"));
    const [nothing, first = "", second = "", ...more] = (await bytesOf(socket))
      .toString("latin1")
      .split("HTTP/1.1 200 OK\r\n");
    expect([nothing, more]).toEqual(["", []]);
    const [headOfFirst, ...bodyOfFirst] = first.split("\r\n\r\n");
    const [headOfSecond, ...rest] = second.split("\r\n\r\n");
    const lengthOf = (text = "") => Number(/^content-length: (\d+)\r?$/im.exec(text)?.[1]);
    expect(bodyOfFirst).toEqual([""]);
    expect(lengthOf(headOfFirst)).toBe(lengthOf(headOfSecond));
    expect(rest.join("\r\n\r\n").length).toBe(lengthOf(headOfSecond));
  }
});

test("given an address that another server has, it says so and what to do", async () => {
  const { port } = await serve();
  const app = createApp(dependenciesOf(await openTestLedger()));
  await expect(listen(app, { host: "127.0.0.1", port })).rejects.toMatchObject({
    code: "http-port-taken",
    exitCode: 2,
    facts: { port },
    next: expect.stringContaining("HTTP_PORT"),
  });
  await expect(listen(app, { host: "192.0.2.1", port: 0 })).rejects.toMatchObject({
    code: "http-listen-failed",
    exitCode: 2,
  });
});
