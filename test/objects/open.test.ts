import { describe, expect, it } from "vitest";
import { PayrootError } from "../../offchain/errors.ts";
import { openObjectStore } from "../../offchain/objects/open.ts";

const endpoint = "http://127.0.0.1:9";

describe("openObjectStore", () => {
  it.each([
    ["s3://pool-events", "s3://pool-events/"],
    ["s3://pool-events/", "s3://pool-events/"],
    ["s3://pool.events-1/a/b c", "s3://pool.events-1/a/b c/"],
    ["s3://pool-events//a//b/", "s3://pool-events/a/b/"],
    ["file:///var/lib/payroot", "file:///var/lib/payroot"],
    ["file:///with%20space", "file:///with%20space"],
    ["http://127.0.0.1:9000/mirror", "http://127.0.0.1:9000/mirror/"],
  ])("given %s, then the store's url is %s", (given, expected) => {
    expect(openObjectStore(given, { s3: { endpoint } }).url).toBe(expected);
  });

  it.each([
    "",
    "pool-events",
    "/var/lib/payroot",
    "ftp://127.0.0.1/bucket",
    "s3://",
    "s3:///prefix",
    "s3://UPPER/x",
    "s3://ab",
    "s3://bucket?x=1",
    "file://relative/dir",
    "file:relative",
    "file:///dir?x",
    "file:///dir%2Fother",
  ])("given the URL %j, then it is refused as a usage error that shows what was given", (given) => {
    expect(problemOf(() => openObjectStore(given))).toMatchObject({
      code: "store-url-invalid",
      exitCode: 2,
      facts: { given, expected: expect.stringContaining("s3://bucket/prefix") },
    });
  });

  it.each(["127.0.0.1:9000", "localhost:9000", "s3.example.org", "ftp://s3.example.org", ""])(
    "given the endpoint %j, then it is refused as a usage error that shows what was given",
    (given) => {
      const problem = problemOf(() => openObjectStore("s3://bucket", { s3: { endpoint: given } }));
      expect(problem).toMatchObject({ code: "store-endpoint-invalid", exitCode: 2, facts: { given } });
    },
  );

  it("given credentials in the URL or the endpoint, then they are refused without being repeated", () => {
    const inUrl = problemOf(() => openObjectStore("s3://key:topsecret@bucket/prefix"));
    expect(inUrl).toMatchObject({
      code: "store-url-invalid",
      exitCode: 2,
      facts: { given: "…@bucket/prefix" },
    });
    const s3 = { endpoint: "http://key:topsecret@127.0.0.1:9000" };
    const inEndpoint = problemOf(() => openObjectStore("s3://bucket", { s3 }));
    expect(inEndpoint).toMatchObject({
      code: "store-endpoint-invalid",
      facts: { given: "…@127.0.0.1:9000" },
    });
    for (const problem of [inUrl, inEndpoint]) {
      expect(`${problem.message} ${JSON.stringify(problem)}`).not.toContain("topsecret");
    }
  });
});

function problemOf(work: () => unknown): PayrootError {
  try {
    work();
  } catch (error) {
    if (error instanceof PayrootError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
