import { expect, test } from "vitest";
import { loadConfig, secretTexts } from "../offchain/config.ts";
import { PayrootError } from "../offchain/errors.ts";
import { createLog, errorFacts, type LogStyle } from "../offchain/log.ts";

function capture(given: {
  level?: "debug" | "info";
  secrets?: string[];
  style?: LogStyle;
  terminal?: boolean;
}) {
  const { level = "info", secrets = [], style, terminal = false } = given;
  const lines: string[] = [];
  const sink = { terminal, color: false, write: (line: string) => void lines.push(line) };
  return { lines, log: createLog(sink, { level, secrets, ...(style && { style }) }) };
}

test("given no terminal, a line is one JSON object with time, level, facts and sentence", () => {
  const { lines, log } = capture({});

  log.info({ epoch: 7 }, "closed epoch 7");
  log.debug("unseen");

  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^\{[^\n]*\}\n$/);
  expect(JSON.parse(lines[0] ?? "")).toEqual({
    level: "info",
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    epoch: 7,
    msg: "closed epoch 7",
  });
});

test("given a terminal, a line is for people, and text of others cannot move the cursor", () => {
  const { lines, log } = capture({ terminal: true });

  log.warn({ object: "\u001b[2Jkey\u202e" }, "odd \u0007 name");

  expect(lines.join("")).toMatch(/^\[\d\d:\d\d:\d\d\] WARN: odd .*name.*"object":/);
  expect(lines.join("").trimEnd()).not.toMatch(/[\p{Cc}\u202e]/u);
});

test("given the sentence alone, nothing else is written", () => {
  const { lines, log } = capture({ style: "message", terminal: true });
  log.info({ objects: 3 }, "read 3 objects");
  expect(lines).toEqual(["read 3 objects\n"]);
});

const key = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";

test.each([
  ["as it is", key],
  ["in capitals, without its 0x", key.slice(2).toUpperCase()],
  ["inside a URL", `http://127.0.0.1/?key=${key}`],
])("given a secret %s, it is in no line, and the line is still JSON", (_how, text) => {
  const { lines, log } = capture({ secrets: [key] });

  log.info({ nested: { list: [text] }, [text]: 1 }, `it is ${text}`);
  log.error(errorFacts(new Error(text, { cause: new Error(text) }), { stack: true }), "failed");

  for (const line of lines) {
    expect(line.toLowerCase()).not.toContain(key.slice(2));
    expect(line).toContain("[secret]");
    JSON.parse(line);
  }
});

test("given secrets with quotes, lines and signs of patterns, none of them is in a line", () => {
  const secrets = [
    'a"quoted\\one',
    "-----BEGIN KEY-----\nMIIBVgIBADANBg\nkqhkiG9w0BAQ==",
    "dots.*and+(more)",
  ];
  const { lines, log } = capture({ secrets });

  for (const secret of secrets) log.info({ secret }, secret);
  log.info("dots of all and (more)");

  const written = lines.map((line) => JSON.stringify(JSON.parse(line)));
  for (const part of ["quoted", "MIIBVg", "kqhkiG9w0", "dots.*and"])
    expect(written.join()).not.toContain(part);
  expect(lines[3]).toContain("dots of all");
});

test("given names and passwords in a URL, and headers that authorize, they are concealed", () => {
  const { lines, log } = capture({});

  log.info(
    { authorization: "Bearer x", headers: { authorization: "y", "x-payroot-signature": "z" } },
    "asking https://user:pass@rpc.example/path",
  );

  expect(JSON.parse(lines[0] ?? "")).toMatchObject({
    authorization: "[secret]",
    headers: { authorization: "[secret]", "x-payroot-signature": "[secret]" },
    msg: "asking https://[secret]@rpc.example/path",
  });
});

test("given an error, its line has code, reason, facts and next; its stack only when asked for", () => {
  const error = new PayrootError("rpc-unreachable", "The RPC does not answer.", {
    facts: { balance: 2n ** 70n },
    next: "check the RPC",
    retryable: true,
  });

  const about = { code: "rpc-unreachable", reason: "The RPC does not answer.", next: "check the RPC" };
  const facts = { balance: "1180591620717411303424" };
  expect(errorFacts(error, { stack: false })).toEqual({ ...about, facts, retryable: true });
  expect(errorFacts(error, { stack: true }).stack).toContain("log.test.ts");
  expect(errorFacts("text", { stack: true })).toEqual({ code: "internal", reason: "text" });
});

test("given a configuration, all its secrets are known, also those inside addresses", () => {
  const config = loadConfig({
    env: {
      ETH_PRIVATE_KEY: key,
      ETH_RPC_ENDPOINT:
        "https://name:password-of-rpc@rpc.example/v2/a-key-of-a-provider?token=another-long-token",
      AWS_ACCESS_KEY_ID: "access",
      AWS_SECRET_ACCESS_KEY: "secret-of-s3",
      WEBHOOK_URLS: "https://hooks.example/services/hook-key-of-the-pool",
      WEBHOOK_SECRET: "secret-of-webhooks",
      INTAKE_KEYS: `coordinator:one:${"i".repeat(40)}`,
      ETH_KEYSTORE_PASSWORD: "password-of-keystore",
    },
  });

  expect(secretTexts(config)).toEqual(
    expect.arrayContaining([
      ...[key, "password-of-rpc", "a-key-of-a-provider", "another-long-token", "secret-of-s3"],
      ...["hook-key-of-the-pool", "secret-of-webhooks", "i".repeat(40), "password-of-keystore"],
    ]),
  );
});
