import { createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { transcodeJob } from "../support/events.ts";
import {
  openTestIntake,
  requestOf,
  signed,
  signedRequest,
  signers,
  type Unsigned,
} from "../support/intake.ts";

const body = JSON.stringify([transcodeJob({ id: "1" })]);
const now = () => Math.floor(Date.now() / 1000);

test("given the vector of the guide, the signature is that of the guide", () => {
  const vector = {
    signer: { producer: "orchestrator-1", key: "2026-a", secret: "an-example-secret-of-32-characters" },
    target: "/v1/events",
    timestamp: 1_762_355_000,
    nonce: "4f2c9d0e7b1a4c5d8e9f0a1b2c3d4e5f",
    body: "[]",
  };
  const text = "POST\n/v1/events\n1762355000\n4f2c9d0e7b1a4c5d8e9f0a1b2c3d4e5f\n[]";
  const signature = createHmac("sha256", vector.signer.secret).update(text).digest("hex");
  expect(signature).toBe(signed(vector)["X-Payroot-Signature"]);
});

describe("given a request that is not signed by who it says, nothing of it is stored", () => {
  const refusals: Record<string, { code: string; ask: () => ReturnType<typeof requestOf> }> = {
    "without signature": { code: "intake-unsigned", ask: () => requestOf({ body }, {}) },
    "a nonce that is too short": {
      code: "intake-unsigned",
      ask: () => signedRequest({ body, nonce: "short" }),
    },
    "a signature in capitals": {
      code: "intake-unsigned",
      ask: () => {
        const headers = signed({ body });
        const signature = headers["X-Payroot-Signature"]?.toUpperCase() ?? "";
        return requestOf({ body }, { ...headers, "X-Payroot-Signature": signature.replace(/^./, "A") });
      },
    },
    "another secret": {
      code: "intake-signature-invalid",
      ask: () => signedRequest({ body, signer: { ...signers.first, secret: signers.other.secret } }),
    },
    "the producer's other key": {
      code: "intake-signature-invalid",
      ask: () => signedRequest({ body, signer: { ...signers.first, key: signers.second.key } }),
    },
    "another producer": {
      code: "intake-signature-invalid",
      ask: () => signedRequest({ body, signer: { ...signers.first, producer: signers.other.producer } }),
    },
    "an unknown producer": {
      code: "intake-signature-invalid",
      ask: () => signedRequest({ body, signer: { ...signers.first, producer: "nobody" } }),
    },
    "an unknown key": {
      code: "intake-signature-invalid",
      ask: () => signedRequest({ body, signer: { ...signers.first, key: "2019" } }),
    },
    "a body cut short": {
      code: "intake-signature-invalid",
      ask: () => requestOf({ body: body.slice(0, -1) }, signed({ body })),
    },
    "another body": {
      code: "intake-signature-invalid",
      ask: () => requestOf({ body: body.replace("1200", "1300") }, signed({ body })),
    },
    "another path": {
      code: "intake-signature-invalid",
      ask: () => requestOf({ body }, signed({ body, target: "/recordTranscoderJob" })),
    },
    "another query": {
      code: "intake-signature-invalid",
      ask: () => requestOf({ body, target: "/v1/events?a=1" }, signed({ body })),
    },
    "another method": {
      code: "intake-signature-invalid",
      ask: () => requestOf({ body, method: "PUT" }, signed({ body })),
    },
    "a timestamp that is not the signed one": {
      code: "intake-signature-invalid",
      ask: () => requestOf({ body }, { ...signed({ body }), "X-Payroot-Timestamp": String(now() + 1) }),
    },
    "signed too long ago": {
      code: "intake-expired",
      ask: () => signedRequest({ body, timestamp: now() - 302 }),
    },
    "signed too far ahead": {
      code: "intake-expired",
      ask: () => signedRequest({ body, timestamp: now() + 302 }),
    },
  };
  for (const [how, { code, ask }] of Object.entries(refusals)) {
    test(how, async () => {
      const { intake, keys } = await openTestIntake();
      const refusal = intake.acceptEvents(ask());
      await expect(refusal).rejects.toMatchObject({ code, next: expect.stringMatching(/\w/) });
      await expect(refusal).rejects.not.toThrow(new RegExp(signers.first.secret));
      expect(await keys()).toEqual([]);
    });
  }
});

test("given two live keys of a producer, both sign; of another producer, its own", async () => {
  const { accept, keys } = await openTestIntake();
  for (const [index, signer] of Object.values(signers).entries()) {
    expect(await accept([transcodeJob({ id: `${index}` })], { signer })).toMatchObject({ accepted: 1 });
  }
  expect(await keys()).toHaveLength(3);
});

test("given a signed request with anything in it changed, it is refused", async () => {
  const { intake, keys } = await openTestIntake();
  const header = fc.constantFrom("Producer", "Key", "Timestamp", "Nonce", "Signature");
  const changed = fc.oneof(
    fc.record({ part: fc.constant("body"), at: fc.nat(), bit: fc.nat(7) }),
    fc.record({ part: fc.constant("target"), at: fc.nat(), bit: fc.nat(6) }),
    fc.record({ part: fc.constant("method"), at: fc.nat(), bit: fc.nat(6) }),
    fc.record({ part: header, at: fc.nat(), bit: fc.nat(6) }),
  );
  await fc.assert(
    fc.asyncProperty(changed, async ({ part, at, bit }) => {
      const request: Unsigned = { body, method: "POST", target: "/v1/events" };
      const headers = signed(request);
      const flip = (text: string) => {
        const bytes = Buffer.from(text);
        const place = at % bytes.length;
        bytes[place] = (bytes[place] ?? 0) ^ (1 << bit);
        return bytes;
      };
      const sent =
        part in request
          ? requestOf(
              {
                ...request,
                [part]: part === "body" ? flip(body) : flip(String(request[part as "target"])).toString(),
              },
              headers,
            )
          : requestOf(request, {
              ...headers,
              [`X-Payroot-${part}`]: flip(headers[`X-Payroot-${part}`] ?? "").toString(),
            });
      await expect(intake.acceptEvents(sent)).rejects.toMatchObject({
        code: expect.stringMatching(/^intake-/),
      });
    }),
    { numRuns: 500 },
  );
  expect(await keys()).toEqual([]);
});
