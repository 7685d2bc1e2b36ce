import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type S3Server, startS3Server } from "../../offchain/demo/s3-server.ts";
import { openObjectStore } from "../../offchain/objects/open.ts";
import type { S3Options } from "../../offchain/objects/s3.ts";
import { testObjectStore } from "./conformance.ts";
import { keysOf } from "./listing.ts";

let home = "";
let server: S3Server;
let made = 0;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "payroot-s3-"));
  server = await startS3Server({ directory: home, buckets: ["payroot-test"] });
});

afterAll(async () => {
  await server.stop();
  await rm(home, { recursive: true, force: true });
});

testObjectStore("a bucket below a prefix", () => {
  made += 1;
  return openObjectStore(`s3://payroot-test/store-${made}/deeper`, { s3: options() });
});

describe("an S3 server on loopback", () => {
  it("given a store of the whole bucket, then keys of prefixed stores are seen with their prefix", async () => {
    const prefixed = openObjectStore("s3://payroot-test/whole/", { s3: options() });
    await prefixed.put("a/b", Buffer.from("x"));
    const whole = openObjectStore("s3://payroot-test", { s3: options() });
    expect((await whole.get("whole/a/b"))?.bytes.length).toBe(1);
    expect(await whole.listFolders("whole/")).toEqual(["whole/a/"]);
    expect(prefixed.url).toBe("s3://payroot-test/whole/");
    expect(whole.url).toBe("s3://payroot-test/");
  });

  it("given a missing bucket, then every verb says so and how to go on", async () => {
    const store = openObjectStore("s3://payroot-missing/x", { s3: options() });
    const missing = { code: "bucket-missing", exitCode: 2, retryable: false, next: expect.any(String) };
    await expect(keysOf(store)).rejects.toMatchObject(missing);
    await expect(store.listFolders("")).rejects.toMatchObject(missing);
    await expect(store.get("a")).rejects.toMatchObject(missing);
    await expect(store.put("a", Buffer.from("x"))).rejects.toMatchObject(missing);
    await expect(store.delete("a")).rejects.toMatchObject(missing);
  });

  it("given credentials that the server does not know, then it says refused, and no secret", async () => {
    const credentials = { accessKeyId: "AKIAUNKNOWN", secretAccessKey: "not-to-be-printed" };
    const store = openObjectStore("s3://payroot-test/x", { s3: { ...options(), credentials } });
    const failure = await store.get("a").catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "credentials-refused", exitCode: 2, retryable: false });
    expect(JSON.stringify(failure)).not.toContain("not-to-be-printed");
  });

  it("when the server is stopped and started again on its directory, then what was put is there", async () => {
    const directory = join(home, "durable");
    const first = await startS3Server({ directory, buckets: ["payroot-test"] });
    await openStore(first).put("kept/é.json", Buffer.from("kept"));
    await first.stop();
    const port = Number(new URL(first.endpoint).port);
    const second = await startS3Server({ directory, buckets: ["payroot-test"], port });
    expect(second.endpoint).toBe(first.endpoint);
    expect(await keysOf(openStore(second))).toEqual(["kept/é.json"]);
    await second.stop();
  });

  it("when the process that started a server is killed, then the server ends as well", async () => {
    const module = new URL("../../offchain/demo/s3-server.ts", import.meta.url).href;
    const settings = JSON.stringify({ directory: join(home, "orphan"), buckets: [] });
    const program = `console.log((await (await import("${module}")).startS3Server(${settings})).endpoint)`;
    const parent = spawn(process.execPath, ["--input-type=module", "--eval", program]);
    const [line] = await once(parent.stdout, "data");
    const socket = connect(Number(new URL(String(line)).port), "127.0.0.1");
    await once(socket, "connect");
    const isClosed = once(socket.on("error", () => {}).resume(), "close");
    parent.kill("SIGKILL");
    await isClosed;
  });

  it("given a port that is taken, then starting says so", async () => {
    const port = Number(new URL(server.endpoint).port);
    await expect(startS3Server({ directory: home, buckets: [], port })).rejects.toMatchObject({
      code: "s3-server-failed",
    });
  });
});

function openStore(at: S3Server) {
  return openObjectStore("s3://payroot-test", { s3: { ...options(), endpoint: at.endpoint } });
}

function options(): S3Options {
  const { endpoint, accessKeyId, secretAccessKey } = server;
  return { endpoint, credentials: { accessKeyId, secretAccessKey } };
}
