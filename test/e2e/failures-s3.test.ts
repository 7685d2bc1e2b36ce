import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { type S3Server, startS3Server } from "../../offchain/demo/s3-server.ts";
import { openObjectStore } from "../../offchain/objects/open.ts";
import { openPool, type TestPool } from "../commands/payroot.ts";
import {
  close,
  closedPort,
  type Ended,
  expectNothingLost,
  failure,
  payroot,
  secrets,
  writeLog,
} from "./process.ts";

let folder: string;
let server: S3Server;
let good: Record<string, string>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "payroot-test-"));
  server = await startS3Server({ directory: folder, buckets: ["pool-log", "pool-archive"] });
  const { endpoint, accessKeyId, secretAccessKey } = server;
  good = {
    LOG_URL: "s3://pool-log/events",
    S3_ENDPOINT: endpoint,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
  };
  const s3 = { endpoint, credentials: { accessKeyId, secretAccessKey } };
  const log = openObjectStore("s3://pool-log/events", { s3 });
  await writeLog({
    write: (key, content) =>
      log.put(key, Buffer.from(typeof content === "string" ? content : JSON.stringify(content, null, 2))),
  });
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Closes an epoch of the bucket as a process, under a fault. */
function closeUnder(pool: TestPool, fault: Record<string, string>): Promise<Ended> {
  return payroot(close, { ...pool.env, ...good, ...fault });
}

/** A server that answers every request as S3 documents one of its errors. */
async function startRefusing(answer: (response: ServerResponse, server: Server) => void): Promise<string> {
  const refusing = createServer((request, response) => {
    request.resume();
    answer(response, refusing);
  });
  await new Promise<void>((resolve) => refusing.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    refusing.close();
    refusing.closeAllConnections();
  });
  const place = refusing.address();
  return `http://127.0.0.1:${typeof place === "object" ? place?.port : 0}`;
}

const s3Fault = (status: number, code: string, message: string) => (response: ServerResponse) => {
  response.writeHead(status, { "content-type": "application/xml", "x-amz-request-id": "4442587FB7D0A2F9" });
  response.end(
    `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`,
  );
};

test.each([
  ["a bucket that is not there", { LOG_URL: "s3://pool-lgo/events" }, "bucket-missing", "s3://pool-lgo"],
  [
    "an archive bucket that is not there",
    { ARCHIVE_URL: "s3://pool-achive" },
    "bucket-missing",
    "s3://pool-achive",
  ],
  [
    "an access key that nobody knows",
    { AWS_ACCESS_KEY_ID: "AKIAWRONG" },
    "credentials-refused",
    "s3://pool-log",
  ],
])("given %s, the close says so, and afterwards nothing is lost", async (_fault, env, code, store) => {
  const pool = await openPool();
  const { facts, next } = await failure(closeUnder(pool, env), { exitCode: 2, code });
  expect(next).toMatch(
    code === "credentials-refused" ? /^check AWS_ACCESS_KEY_ID/ : /^create the bucket, or correct/,
  );
  expect(facts.store).toMatch(store);
  await expectNothingLost(pool, good);
});

const refusals = [
  ["NoSuchBucket", 404, "The specified bucket does not exist", "bucket-missing", 2],
  [
    "InvalidAccessKeyId",
    403,
    "The key you provided does not exist in our records.",
    "credentials-refused",
    2,
  ],
  ["SignatureDoesNotMatch", 403, "The signature we calculated does not match", "credentials-refused", 2],
  ["AccessDenied", 403, "Access Denied", "credentials-refused", 2],
  ["PermanentRedirect", 301, "The bucket is in another region", "store-region-wrong", 2],
  ["SlowDown", 503, "Please reduce your request rate.", "store-unreachable", 75],
] as const;
test("given an S3 that answers with its documented refusals, each is told apart, and afterwards nothing is lost", async () => {
  const pool = await openPool();
  for (const [name, status, message, code, exitCode] of refusals) {
    const endpoint = await startRefusing(s3Fault(status, name, message));
    const fault = { S3_ENDPOINT: endpoint, AWS_SECRET_ACCESS_KEY: secrets.s3Key };
    const { facts } = await failure(closeUnder(pool, fault), { exitCode, code });
    expect(facts).toMatchObject({ store: "s3://pool-log/events/", endpoint });
    expect(facts.reason).toBe(`${name}: ${message}`);
  }
  await expectNothingLost(pool, good);
});

test("given an S3 endpoint that nobody answers at, or that is no S3, each is told apart", async () => {
  const pool = await openPool();
  const dead = `http://127.0.0.1:${await closedPort()}`;
  const page = await startRefusing((response) => response.end("<html><body>It works!</body></html>"));
  const calls = [dead, page].map((endpoint) =>
    closeUnder(pool, { S3_ENDPOINT: endpoint, DATA_DIR: join(pool.folder, `data-${endpoint.slice(-5)}`) }),
  );
  const [unreachable, other] = calls as [Promise<Ended>, Promise<Ended>];
  const { facts, next } = await failure(unreachable, { exitCode: 75, code: "store-unreachable" });
  expect(facts).toMatchObject({ endpoint: dead, reason: expect.stringContaining("ECONNREFUSED") });
  expect(next).toContain("S3_ENDPOINT");
  expect((await failure(other, { exitCode: 2, code: "store-not-s3" })).next).toContain("S3_ENDPOINT");
  await expectNothingLost(pool, good);
});
