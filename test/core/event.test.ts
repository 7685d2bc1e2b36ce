import { describe, expect, test } from "vitest";
import { eventRejectionReasons, isRejection, parseEvent } from "../../offchain/core/event.ts";
import { decodeJson } from "../../offchain/core/json.ts";

const partitions = {
  transcode: { nodeType: "transcode", region: "eu-central" },
  ai: { nodeType: "ai", region: "us-central" },
  stream: { nodeType: "stream", region: "eu-central" },
} as const;
type NodeType = keyof typeof partitions;

const address = "0xAb5801a7D398351b8bE11C439e05C5B3259aeC9B";
const limit = 10n ** 19n;

/** Fields as JSON text; undefined leaves one out. */
type Fields = Record<string, string | undefined>;

const payloads: Record<string, Fields> = {
  "job-processed": { ethAddress: `"${address}"`, fees: "6", computeUnits: "3", pricePerComputeUnit: "2" },
  "job-received": { ethAddress: `"${address}"`, requestID: '"0a1b2c3d"' },
  "worker-connected": { ethAddress: `"${address}"`, connection: '"203.0.113.10:43432"' },
  "worker-disconnected": { ethAddress: `"${address}"`, connection: '"203.0.113.10:43432"' },
  "ticket-redeemed": { faceValue: `${2n ** 256n - 1n}`, txHash: `"0x${"0".repeat(64)}"` },
};

function objectText(fields: Fields): string {
  const members = Object.entries(fields).filter(([, text]) => text !== undefined);
  return `{${members.map(([name, text]) => `"${name}":${text}`).join(",")}}`;
}

/** What becomes of an event of a type, with some fields of the envelope and the payload given otherwise. */
function judge(type: string, over: Fields = {}, payload: Fields = {}, nodeType: NodeType = "transcode") {
  const partition = partitions[nodeType];
  const text = objectText({
    DT: '"2025-11-05T15:21:31Z"',
    EventType: `"${type}"`,
    ID: '"0b0a7c1e-6c2b-4a8e-9a53-0a8f6f0a7a11"',
    NodeType: `"${partition.nodeType}"`,
    Payload: objectText({ ...payloads[type], ...payload }),
    Region: `"${partition.region}"`,
    Version: "1",
    ...over,
  });
  return parseEvent(decodeJson(text), { partition, rules: { maxEventFeeWei: limit } });
}

function reasonOf(parsed: ReturnType<typeof judge>): string {
  return isRejection(parsed) ? parsed.reason : "accepted";
}

const job = (over: Fields, payload: Fields = {}): string => reasonOf(judge("job-processed", over, payload));
/** An AI job without an address. */
const aiJob = (payload: Fields): string =>
  reasonOf(judge("job-processed", {}, { ethAddress: undefined, requestID: '"0a1b2c3d"', ...payload }, "ai"));

test("the reasons stand in the order of the specification", () => {
  expect(eventRejectionReasons).toEqual([
    "malformed",
    "unsupported-version",
    "unknown-type",
    "invalid-timestamp",
    "wrong-partition",
    "missing-address",
    "invalid-address",
    "invalid-amount",
    "amount-over-limit",
    "fee-mismatch",
    "conflicting-duplicate",
  ]);
});

test("given an event with everything wrong, then putting right one fault after the other shows each reason in order", () => {
  const envelope: Fields = {
    Version: "2",
    EventType: '"mystery"',
    DT: '"yesterday"',
    Region: '"mars"',
    ID: "7",
  };
  const payload: Fields = { ethAddress: undefined, fees: "-1" };
  const seen = [job(envelope, payload)];
  const repairs: [Fields, string, string | undefined][] = [
    [envelope, "ID", '"x"'],
    [envelope, "Version", "1"],
    [envelope, "EventType", '"job-processed"'],
    [envelope, "DT", '"2025-11-05T15:21:31Z"'],
    [envelope, "Region", '"eu-central"'],
    [payload, "ethAddress", '"0x12"'],
    [payload, "ethAddress", `"${address}"`],
    [payload, "fees", `${limit + 1n}`],
    [payload, "fees", "7"],
    [payload, "fees", "6"],
  ];
  for (const [fields, name, text] of repairs) {
    fields[name] = text;
    seen.push(job(envelope, payload));
  }
  expect(seen).toEqual([...eventRejectionReasons.slice(0, -1), "accepted"]);
});

describe("malformed", () => {
  test.each(["null", "true", "7", "1.5", '"text"', "[]", "12345678901234567890"])(
    "given the element %s, then it is refused without an id",
    (text) => {
      const parsed = parseEvent(decodeJson(text), {
        partition: partitions.ai,
        rules: { maxEventFeeWei: limit },
      });
      expect(parsed).toMatchObject({ id: null, reason: "malformed" });
    },
  );

  test.each(["DT", "EventType", "ID", "NodeType", "Payload", "Region", "Version"])(
    "given no %s, or null, a list or a wrong type for it, then it is refused",
    (name) => {
      const wrong = [undefined, "null", "[]", "{}", "true", "1.5", '""', '"1"', "7"];
      const allowed: Record<string, string[]> = { ID: ['"1"'], Payload: [], Version: ["7"] };
      const texts = allowed[name] ?? ['""', '"1"'];
      for (const text of wrong) {
        const reason = reasonOf(judge("orchestrator-reset", { [name]: text }));
        if (name === "Payload" && text === "{}") expect(reason).toBe("accepted");
        else if (texts.includes(text ?? "")) expect(reason, text).not.toBe("malformed");
        else expect(reason, `${name}: ${text}`).toBe("malformed");
      }
    },
  );

  test.each([
    ["job-processed", "fees", "transcode"],
    ["job-received", "requestID", "ai"],
    ["worker-connected", "connection", "transcode"],
    ["worker-disconnected", "connection", "transcode"],
    ["ticket-redeemed", "faceValue", "transcode"],
    ["ticket-redeemed", "txHash", "transcode"],
  ] as const)("given a %s without %s, then it is refused", (type, name, nodeType) => {
    expect(reasonOf(judge(type, {}, { [name]: undefined }, nodeType))).toBe("malformed");
    expect(reasonOf(judge(type, {}, {}, nodeType))).toBe("accepted");
  });

  test.each(["requestID", "connection"])("given a %s that is no text, then it is refused", (name) => {
    const type = name === "requestID" ? "job-received" : "worker-connected";
    for (const text of ["null", "7", '""', "[]", '"\\ud800"']) {
      expect(reasonOf(judge(type, {}, { [name]: text }, "ai")), text).toBe("malformed");
    }
  });

  test("given an AI job, then it needs a requestID exactly when it carries no address", () => {
    expect(aiJob({})).toBe("accepted");
    expect(aiJob({ requestID: undefined })).toBe("malformed");
    expect(aiJob({ requestID: undefined, ethAddress: "null" })).toBe("malformed");
    expect(aiJob({ requestID: undefined, ethAddress: `"${address}"` })).toBe("accepted");
  });

  test("given an ID with half a surrogate pair, then it is refused without an id; with a whole one it is accepted", () => {
    expect(judge("orchestrator-reset", { ID: '"a\\ud83d"' })).toMatchObject({
      id: null,
      reason: "malformed",
    });
    expect(judge("orchestrator-reset", { ID: '"a\\ud83d\\ude00"' })).toMatchObject({ id: "a😀" });
  });

  test("given nesting of 64 levels, then it is accepted, and one more is refused", () => {
    // The event and its payload are two levels.
    const nested = (levels: number): string => `${"[".repeat(levels)}${"]".repeat(levels)}`;
    expect(job({}, { extra: nested(62) })).toBe("accepted");
    expect(job({}, { extra: nested(63) })).toBe("malformed");
    expect(job({}, { extra: `${'{"a":'.repeat(63)}1${"}".repeat(63)}` })).toBe("malformed");
  });
});

test.each([
  ["1", "accepted"],
  ["2", "unsupported-version"],
  ["0", "unsupported-version"],
  ["-1", "unsupported-version"],
  ["18446744073709551617", "unsupported-version"],
  ["1.0", "malformed"],
  ["1e0", "malformed"],
  ['"1"', "malformed"],
  ["true", "malformed"],
])("given Version %s, then it is %s", (text, expected) => {
  expect(job({ Version: text })).toBe(expected);
});

test.each([
  ["orchestrator-reset", "accepted"],
  ["gateway-reset", "accepted"],
  ["node-reset", "accepted"],
  ["ticket-redeemed", "accepted"],
  ["worker-connected", "accepted"],
  ["worker-disconnected", "accepted"],
  ["job-processed", "accepted"],
  ["job-received", "accepted"],
  ["Job-Processed", "unknown-type"],
  ["constructor", "unknown-type"],
  ["", "unknown-type"],
])("given EventType '%s', then it is %s", (type, expected) => {
  expect(reasonOf(judge(type))).toBe(expected);
});

test.each([
  "",
  "2025-11-05",
  "2025-11-05T15:21:31",
  "2025-11-05 15:21:31Z",
  "2025-11-31T00:00:00Z",
  "1762356091",
])("given DT '%s', then it is an invalid-timestamp", (text) => {
  expect(job({ DT: `"${text}"` })).toBe("invalid-timestamp");
});

test("given a DT with an offset, then the event's time is in UTC", () => {
  const time = Date.UTC(2025, 10, 5, 15, 21, 31);
  for (const text of ["2025-11-05T15:21:31Z", "2025-11-05T17:21:31+02:00", "2025-11-05T09:51:31-05:30"]) {
    expect(judge("job-processed", { DT: `"${text}"` })).toMatchObject({ time });
  }
});

test.each([
  [{ Region: '"us-west"' }],
  [{ NodeType: '"ai"' }],
  [{ Region: '"EU-central"' }],
  [{ Region: '"transcode"', NodeType: '"eu-central"' }],
])("given %o in an object of transcode|eu-central, then it is of the wrong-partition", (over) => {
  expect(job(over, { requestID: '"r"' })).toBe("wrong-partition");
});

describe("addresses", () => {
  test("given an event that names a worker, then an address is missing when absent or null", () => {
    for (const text of [undefined, "null"]) {
      for (const type of ["worker-connected", "worker-disconnected", "job-processed"]) {
        expect(reasonOf(judge(type, {}, { ethAddress: text })), type).toBe("missing-address");
      }
      expect(reasonOf(judge("job-received", {}, { ethAddress: text }, "ai"))).toBe("missing-address");
      expect(reasonOf(judge("job-processed", {}, { ethAddress: text }, "stream"))).toBe("missing-address");
      expect(aiJob({ ethAddress: text })).toBe("accepted");
    }
  });

  const digits = address.slice(2);
  test.each([
    ["EIP-55", `"${address}"`, "accepted"],
    ["lower case", `"0x${digits.toLowerCase()}"`, "accepted"],
    ["upper case", `"0x${digits.toUpperCase()}"`, "accepted"],
    ["a wrong checksum", `"${address.replace("Ab58", "aB58")}"`, "invalid-address"],
    ["one letter in the wrong case", `"${address.slice(0, -1)}b"`, "invalid-address"],
    ["0X in front", `"0X${digits.toUpperCase()}"`, "invalid-address"],
    ["no 0x", `"${digits}"`, "invalid-address"],
    ["39 digits", `"${address.slice(0, -1)}"`, "invalid-address"],
    ["41 digits", `"${address}0"`, "invalid-address"],
    ["white space", `" ${address}"`, "invalid-address"],
    ["another letter", `"${address.slice(0, -1)}g"`, "invalid-address"],
    ["the zero address", `"0x${"0".repeat(40)}"`, "invalid-address"],
    ["no text", "7", "invalid-address"],
    ["an empty text", '""', "invalid-address"],
    ["an object", "{}", "invalid-address"],
  ])("given %s, then it is %s", (_, text, expected) => {
    expect(job({}, { ethAddress: text })).toBe(expected);
    expect(aiJob({ ethAddress: text })).toBe(expected);
    expect(reasonOf(judge("job-received", {}, { ethAddress: text }, "ai"))).toBe(expected);
    // Events that name no worker may carry anything.
    expect(reasonOf(judge("orchestrator-reset", {}, { ethAddress: text }))).toBe("accepted");
  });

  test("given one account in any case, then it is one account", () => {
    const spelled = [address, `0x${digits.toLowerCase()}`, `0x${digits.toUpperCase()}`];
    for (const text of spelled) {
      const parsed = judge("job-processed", {}, { ethAddress: `"${text}"` });
      expect(parsed).toMatchObject({ effect: { kind: "job", account: address } });
    }
  });
});

describe("amounts", () => {
  const huge = "9".repeat(5000);
  test.each([
    ["0", "accepted", 0n],
    ["-0", "accepted", 0n],
    ["1", "accepted", 1n],
    ['"0"', "accepted", 0n],
    ['"12000000000000001"', "accepted", 12_000_000_000_000_001n],
    ["12000000000000001", "accepted", 12_000_000_000_000_001n],
    ["007", "accepted", 7n],
    [`${limit}`, "accepted", limit],
    [`"${limit}"`, "accepted", limit],
    [`"${"0".repeat(200)}5"`, "accepted", 5n],
    [`${limit + 1n}`, "amount-over-limit", undefined],
    [`"${limit + 1n}"`, "amount-over-limit", undefined],
    [huge, "amount-over-limit", undefined],
    [`"${huge}"`, "amount-over-limit", undefined],
    ["1.0", "invalid-amount", undefined],
    ["1.5", "invalid-amount", undefined],
    ["1e3", "invalid-amount", undefined],
    ["1E-3", "invalid-amount", undefined],
    ["-1", "invalid-amount", undefined],
    [`-${huge}`, "invalid-amount", undefined],
    ["null", "invalid-amount", undefined],
    ["true", "invalid-amount", undefined],
    ["[]", "invalid-amount", undefined],
    ["{}", "invalid-amount", undefined],
    ['""', "invalid-amount", undefined],
    ['"-1"', "invalid-amount", undefined],
    ['"+1"', "invalid-amount", undefined],
    ['"1.0"', "invalid-amount", undefined],
    ['"1e3"', "invalid-amount", undefined],
    ['" 1"', "invalid-amount", undefined],
    ['"1\\n"', "invalid-amount", undefined],
    ['"0x10"', "invalid-amount", undefined],
    ['"१"', "invalid-amount", undefined],
  ])("given fees %.40s, then it is %s", (text, expected, feesWei) => {
    // JSON itself has no leading zeros; a text of digits may.
    const fees = text === "007" ? '"007"' : text;
    const parsed = judge("job-processed", {}, { fees, computeUnits: undefined });
    expect(reasonOf(parsed)).toBe(expected);
    if (feesWei !== undefined) expect(parsed).toMatchObject({ effect: { feesWei } });
    expect(aiJob({ fees, computeUnits: undefined })).toBe(expected);
  });

  test.each([
    ["3", "2", "accepted"],
    ["3", "3", "fee-mismatch"],
    ["-3", "-2", "accepted"],
    ["6000000000000000001", "0", "fee-mismatch"],
    ["3", undefined, "accepted"],
    ["null", "3", "accepted"],
    ['"3"', "3", "accepted"],
    ["3.0", "3", "accepted"],
  ])(
    "given fees of 6 and %s units at %s wei, then it is %s",
    (computeUnits, pricePerComputeUnit, expected) => {
      expect(job({}, { computeUnits, pricePerComputeUnit })).toBe(expected);
      expect(job({}, { computeUnits, pricePerComputeUnit, fees: '"6"' })).toBe(expected);
    },
  );

  test("given factors beyond 2^53, then their product is exact", () => {
    const product = { computeUnits: "9007199254740993", pricePerComputeUnit: "3" };
    expect(job({}, { ...product, fees: "27021597764222979" })).toBe("accepted");
    expect(job({}, { ...product, fees: "27021597764222976" })).toBe("fee-mismatch");
  });
});

test("given rejections of hostile values, then each detail is short, well-formed text", () => {
  const long = "x".repeat(10_000);
  const details = [
    judge("job-processed", { Version: "9".repeat(10_000) }),
    judge(long),
    judge("job-processed", { DT: `"${long}"` }),
    judge("job-processed", { Region: '"\\ud800"' }),
    judge("job-processed", {}, { ethAddress: `"${"x".repeat(59)}😀"` }),
    judge("job-processed", {}, { fees: `"${long}"` }),
    judge("job-processed", {}, { fees: `1.${"0".repeat(10_000)}` }),
  ].map((parsed) => (isRejection(parsed) ? parsed.detail : ""));
  for (const detail of details) {
    expect(detail).not.toBe("");
    expect(detail.length).toBeLessThan(200);
    expect(detail.isWellFormed()).toBe(true);
  }
});
