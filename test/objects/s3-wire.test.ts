import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { setImmediate } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import type { ObjectStore } from "../../offchain/objects/object-store.ts";
import { openS3Store, type S3Options } from "../../offchain/objects/s3.ts";
import { keysOf } from "./listing.ts";

type Answer = (response: ServerResponse, request: IncomingMessage) => unknown;
type Wire = { readonly store: ObjectStore; readonly requests: IncomingMessage[]; readonly bodies: string[] };

const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

describe("an S3 service with a bad day", () => {
  it("given SlowDown twice, when an object is read, then the third attempt succeeds", async () => {
    const { store, requests } = await serve([slowDown, slowDown, object("payload")]);
    expect(await read(store)).toBe("payload");
    expect(requests).toHaveLength(3);
  });

  it("given a listing that fails once, then its pages are still complete and in order", async () => {
    const { store, requests } = await serve([
      listing({ keys: ["a", "b"], next: "token" }),
      slowDown,
      listing({ keys: ["c"] }),
    ]);
    expect(await keysOf(store, { startAfter: "A" })).toEqual(["a", "b", "c"]);
    const queries = requests.map(({ url = "" }) => new URL(url, "http://loopback").searchParams);
    expect(queries.map((query) => query.get("start-after"))).toEqual(["p/A", "p/A", "p/A"]);
    expect(queries.map((query) => query.get("continuation-token"))).toEqual([null, "token", "token"]);
  });

  it.each([
    ["the connection is reset", (response: ServerResponse) => response.destroy()],
    ["the connection is closed", (response: ServerResponse) => response.socket?.end()],
  ])("given a body cut short because %s, then it is read again, whole", async (_, cut) => {
    const half: Answer = (response) => {
      response.writeHead(200, { "content-length": "7", etag: '"1"' });
      response.write("payl", () => cut(response));
    };
    const { store, requests } = await serve([half, half, object("payload")]);
    expect(await read(store)).toBe("payload");
    expect(requests).toHaveLength(3);
  });

  it("given a body or an answer that never comes, then it times out and is read again", async () => {
    const stalled: Answer = (response) => {
      response.writeHead(200, { "content-length": "7", etag: '"1"' });
      response.write("payl");
    };
    const { store, requests } = await serve([stalled, () => {}, object("payload")], {
      idleTimeoutMilliseconds: 100,
    });
    expect(await read(store)).toBe("payload");
    expect(requests).toHaveLength(3);
  });

  it("given a put that fails once, then the whole body is sent again", async () => {
    const { store, bodies } = await serve([slowDown, (response) => response.writeHead(200).end()]);
    await store.put("a", Buffer.from("payload"), { contentType: "application/json" });
    expect(bodies).toEqual(["payload", "payload"]);
  });

  it("given a clock that is wrong, then the request is signed again by the server's clock", async () => {
    const serverTime = new Date(Date.now() + 3_600_000);
    const skewed: Answer = (response) => {
      response.setHeader("date", serverTime.toUTCString());
      problem(403, "RequestTimeTooSkewed")(response);
    };
    const { store, requests } = await serve([skewed, object("payload")]);
    expect(await read(store)).toBe("payload");
    const hour = serverTime.toISOString().slice(0, 13).replaceAll("-", "");
    expect(requests.map((request) => String(request.headers["x-amz-date"]).slice(0, 11))[1]).toBe(hour);
  });

  it("given SlowDown for ever, then it gives up as temporary, after the attempts it was given", async () => {
    const { store, requests } = await serve([slowDown]);
    await expect(store.get("a")).rejects.toMatchObject({
      code: "store-unreachable",
      retryable: true,
      exitCode: 75,
      facts: { object: "a", status: 503, reason: expect.stringContaining("SlowDown") },
    });
    expect(requests).toHaveLength(4);
  });

  it("when the caller aborts while it waits between attempts, then it stops with the caller's reason", async () => {
    const controller = new AbortController();
    const reason = new Error("stopped by the user");
    const stopping: Answer = (response) => {
      slowDown(response);
      response.once("close", () => controller.abort(reason));
    };
    const retry = { attempts: 4, firstDelayMilliseconds: 1e9, maxDelayMilliseconds: 1e9 };
    const { store } = await serve([stopping], { retry });
    await expect(store.get("a", { signal: controller.signal })).rejects.toBe(reason);
  });

  it("when the caller aborts in the middle of a body, then it stops with the caller's reason", async () => {
    const controller = new AbortController();
    const reason = new Error("stopped by the user");
    const stalled: Answer = (response) => {
      response.writeHead(200, { "content-length": "7", etag: '"1"' });
      response.write("payl", () => controller.abort(reason));
    };
    const { store, requests } = await serve([stalled]);
    await expect(store.get("a", { signal: controller.signal })).rejects.toBe(reason);
    expect(requests).toHaveLength(1);
  });
});

describe("an S3 service that says no", () => {
  it.each([
    [403, "AccessDenied", "credentials-refused", 2],
    [403, "SignatureDoesNotMatch", "credentials-refused", 2],
    [400, "ExpiredToken", "credentials-refused", 2],
    [404, "NoSuchBucket", "bucket-missing", 2],
    [301, "PermanentRedirect", "store-region-wrong", 2],
    [400, "AuthorizationHeaderMalformed", "store-region-wrong", 2],
    [403, "InvalidObjectState", "store-request-failed", 1],
    [405, "MethodNotAllowed", "store-request-failed", 1],
  ])("given %i %s, then it is %s at once, with exit code %i", async (status, name, code, exitCode) => {
    const { store, requests } = await serve([problem(status, name)]);
    const expected = { code, exitCode, retryable: false, next: expect.any(String) };
    await expect(store.get("a")).rejects.toMatchObject(expected);
    await expect(keysOf(store)).rejects.toMatchObject(expected);
    expect(requests).toHaveLength(2);
  });

  it("given nobody at the endpoint, then it is temporary and names the endpoint", async () => {
    const { store } = await serve([]);
    for (const close of closers.splice(0)) await close();
    await expect(keysOf(store)).rejects.toMatchObject({
      code: "store-unreachable",
      exitCode: 75,
      facts: { endpoint: expect.stringContaining("127.0.0.1"), store: "s3://payroot-test/p/" },
    });
  });

  it("given a web page instead of a listing, then the bucket is not taken for an empty one", async () => {
    const page: Answer = (response) =>
      response.writeHead(200, { "content-type": "text/html" }).end("<html></html>");
    const { store } = await serve([page]);
    await expect(keysOf(store)).rejects.toMatchObject({ code: "store-not-s3", exitCode: 2 });
  });

  it("given a listing out of order, then it is not trusted", async () => {
    const { store } = await serve([listing({ keys: ["b", "a"] })]);
    await expect(keysOf(store)).rejects.toMatchObject({ code: "store-listing-unordered" });
  });

  it("given folder markers, hidden names and odd characters, then the objects are still listed", async () => {
    const { store } = await serve([listing({ keys: ["", ".hidden", "a&#x1;b", "c&amp;d", "folder/"] })]);
    expect(await keysOf(store)).toEqual(["a\u0001b", "c&d"]);
  });

  it("given an object above maxBytes, then its body is left unread", async () => {
    let closed: (() => void) | undefined;
    const isClosed = new Promise<void>((resolve) => {
      closed = resolve;
    });
    const endless: Answer = (response) => {
      response.writeHead(200, { "content-length": "1000000000000", etag: '"1"' });
      response.once("close", () => closed?.());
      response.write("begin");
    };
    const { store, requests } = await serve([endless], { idleTimeoutMilliseconds: 600_000 });
    await expect(store.get("a", { maxBytes: 10 })).rejects.toMatchObject({
      code: "object-too-large",
      size: 1_000_000_000_000,
      version: "1",
    });
    await isClosed;
    expect(requests).toHaveLength(1);
  });
});

describe("requests at a time", () => {
  it("given 40 reads and a bound of 3, then never more than 3 are under way, and all succeed", async () => {
    let now = 0;
    let most = 0;
    const counted: Answer = async (response, request) => {
      now += 1;
      most = Math.max(most, now);
      for (let turn = 0; turn < 50; turn += 1) await setImmediate();
      now -= 1;
      object("payload")(response, request);
    };
    const { store, requests } = await serve([counted], { maxRequests: 3 });
    await Promise.all(Array.from({ length: 40 }, () => read(store)));
    expect(requests).toHaveLength(40);
    expect(most).toBe(3);
  });
});

/** A server on loopback that gives these answers in turn, the last one for ever, and a store that talks to it. */
async function serve(answers: readonly Answer[], options: S3Options = {}): Promise<Wire> {
  const requests: IncomingMessage[] = [];
  const bodies: string[] = [];
  const server = createServer(async (request, response) => {
    const answer = answers[Math.min(requests.length, answers.length - 1)];
    requests.push(request);
    bodies.push(await text(request));
    answer?.(response, request);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(() => resolve()));
  });
  const { port } = server.address() as AddressInfo;
  const store = openS3Store(
    { bucket: "payroot-test", prefix: "p/" },
    {
      endpoint: `http://127.0.0.1:${port}`,
      credentials: { accessKeyId: "key", secretAccessKey: "not-to-be-printed" },
      retry: { attempts: 4, firstDelayMilliseconds: 1, maxDelayMilliseconds: 2 },
      ...options,
    },
  );
  return { store, requests, bodies };
}

async function read(store: ObjectStore): Promise<string> {
  return Buffer.from((await store.get("a"))?.bytes ?? []).toString();
}

function object(content: string): Answer {
  return (response) =>
    response.writeHead(200, { etag: '"1"', "content-length": content.length }).end(content);
}

function listing(page: { readonly keys: readonly string[]; readonly next?: string }): Answer {
  const contents = page.keys.map(
    (key) => `<Contents><Key>p/${key}</Key><ETag>"1"</ETag><Size>1</Size></Contents>`,
  );
  const next = page.next === undefined ? "" : `<NextContinuationToken>${page.next}</NextContinuationToken>`;
  const body = `<ListBucketResult><IsTruncated>${next !== ""}</IsTruncated>${next}${contents.join("")}</ListBucketResult>`;
  return (response) => response.writeHead(200, { "content-type": "application/xml" }).end(body);
}

function problem(status: number, code: string): (response: ServerResponse) => void {
  const body = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>No.</Message></Error>`;
  return (response) => {
    response.writeHead(status, { "content-type": "application/xml" }).end(body);
  };
}

function slowDown(response: ServerResponse): void {
  problem(503, "SlowDown")(response);
}
