import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { expect, onTestFinished, test } from "vitest";
import { type HttpOptions, openHttpStore } from "../../offchain/objects/http.ts";
import type { ObjectStore } from "../../offchain/objects/object-store.ts";
import { openObjectStore } from "../../offchain/objects/open.ts";

type Answer = (response: ServerResponse, request: IncomingMessage) => unknown;

const fast = { attempts: 3, firstDelayMilliseconds: 1, maxDelayMilliseconds: 2 };

test("given a mirror, when an object is read, then its bytes and version are as stored", async () => {
  const { store, requests } = await serve([body("payload", { etag: '"7"' })]);

  expect(await store.get("a b/ü%.json")).toEqual({ bytes: Buffer.from("payload"), version: '"7"' });
  expect(requests.map(({ url }) => url)).toEqual(["/mirror/a%20b/%C3%BC%25.json"]);
});

test("given an object that is stored compressed, when it is read, then nothing is decoded", async () => {
  const stored = gzipSync("payload");
  const { store } = await serve([body(stored, { "content-encoding": "gzip" })]);

  expect((await store.get("a"))?.bytes).toEqual(stored);
});

test.each([404, 410])("given status %i, when an object is read, then there is none", async (status) => {
  const { store, requests } = await serve([(response) => response.writeHead(status).end("none")]);

  expect(await store.get("a")).toBeUndefined();
  expect(requests).toHaveLength(1);
});

test("given names that are no objects, when they are read, then nobody is asked", async () => {
  const { store, requests } = await serve([]);

  for (const key of ["../secret", "a//b", "a/.hidden"]) expect(await store.get(key)).toBeUndefined();
  expect(requests).toEqual([]);
});

test("given failures that pass, when an object is read, then it is tried again until it is whole", async () => {
  const cut: Answer = (response) => {
    response.writeHead(200, { "content-length": "7" });
    response.write("payl", () => response.destroy());
  };
  const { store, requests } = await serve([status(503), cut, body("payload")]);

  expect((await store.get("a"))?.bytes).toEqual(Buffer.from("payload"));
  expect(requests).toHaveLength(3);
});

test("given failures that stay, when an object is read, then the error says what to do and may be tried again", async () => {
  const { store } = await serve([status(503), status(429), status(500)]);

  await expect(store.get("a")).rejects.toMatchObject({ code: "store-unreachable", exitCode: 75 });
});

test("given a server that never answers, when an object is read, then it gives up", async () => {
  const { store } = await serve([() => {}, () => {}, () => {}], { idleTimeoutMilliseconds: 20 });

  await expect(store.get("a")).rejects.toMatchObject({ code: "store-unreachable" });
});

test("given a refusal, when an object is read, then it is neither missing nor tried again", async () => {
  const { store, requests } = await serve([status(403)]);

  await expect(store.get("a")).rejects.toMatchObject({
    code: "store-request-failed",
    facts: { status: 403 },
  });
  expect(requests).toHaveLength(1);
});

test("given a redirect, when an object is read, then it is followed, but not for ever", async () => {
  const away: Answer = (response) => response.writeHead(302, { location: "/elsewhere" }).end();
  const { store, requests } = await serve([away, body("payload")]);
  expect((await store.get("a"))?.bytes).toEqual(Buffer.from("payload"));
  expect(requests.map(({ url }) => url)).toEqual(["/mirror/a", "/elsewhere"]);

  const endless = await serve([away, away, away, away, away, away]);
  await expect(endless.store.get("a")).rejects.toMatchObject({ code: "store-request-failed" });
});

test("given a limit, when an object is larger, then its body is left unread", async () => {
  const { store } = await serve([body("payload")]);
  await expect(store.get("a", { maxBytes: 6 })).rejects.toMatchObject({ code: "object-too-large" });

  const unannounced: Answer = (response) => response.writeHead(200).end(Buffer.alloc(100_000));
  const chunked = await serve([unannounced]);
  await expect(chunked.store.get("a", { maxBytes: 10 })).rejects.toMatchObject({ code: "object-too-large" });
});

test("given an aborted signal, when an object is read, then its reason is thrown", async () => {
  const stop = new AbortController();
  const { store } = await serve([() => stop.abort(new Error("stopped"))]);

  await expect(store.get("a", { signal: stop.signal })).rejects.toThrow("stopped");
});

test("given a mirror, when it is listed or written to, then it says that it cannot", async () => {
  const store = openObjectStore("https://mirror.example.org/pool");

  await expect(Array.fromAsync(store.list())).rejects.toMatchObject({
    code: "store-cannot-list",
    exitCode: 2,
  });
  await expect(store.listFolders("")).rejects.toMatchObject({ code: "store-cannot-list" });
  await expect(store.put("a", Buffer.from("x"))).rejects.toMatchObject({ code: "store-read-only" });
  await expect(store.delete("a")).rejects.toMatchObject({ code: "store-read-only" });
  expect(store.url).toBe("https://mirror.example.org/pool/");
});

test.each(["https://key:secret@mirror.example.org/", "https://mirror.example.org/?x=1", "https://"])(
  "given the mirror %j, when it is opened, then it is refused without repeating a secret",
  (url) => {
    expect(() => openObjectStore(url)).toThrow(
      expect.objectContaining({
        code: "store-url-invalid",
        facts: expect.not.objectContaining({ given: expect.stringContaining("secret") }),
      }),
    );
  },
);

function body(content: string | Uint8Array, headers: Record<string, string> = {}): Answer {
  const bytes = Buffer.from(content);
  return (response) => response.writeHead(200, { "content-length": bytes.length, ...headers }).end(bytes);
}

function status(code: number): Answer {
  return (response) => response.writeHead(code).end();
}

async function serve(
  answers: readonly Answer[],
  options: HttpOptions = {},
): Promise<{ store: ObjectStore; requests: IncomingMessage[] }> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    answers[requests.length - 1]?.(response, request);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { store: openHttpStore(`http://127.0.0.1:${port}/mirror`, { retry: fast, ...options }), requests };
}
