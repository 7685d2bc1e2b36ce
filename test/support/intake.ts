import { createHmac, randomBytes } from "node:crypto";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Ruleset } from "../../offchain/core/ruleset.ts";
import { Secret } from "../../offchain/core/secret.ts";
import type { IntakeRequest } from "../../offchain/intake/admission.ts";
import { type Intake, type IntakeOptions, openIntake } from "../../offchain/intake/intake.ts";
import { knownEvents } from "../../offchain/pipeline/ingest/known-events.ts";
import { openTestLedger, ruleset, type TestLedger } from "./ledger.ts";

/** A producer and its key, as the client has them. */
export type Signer = { readonly producer: string; readonly key: string; readonly secret: string };

/** The keys of the tests: one producer with two live keys, and another one. */
export const signers = {
  first: { producer: "orchestrator-1", key: "2026-a", secret: "first-secret-of-the-tests-well-over-32" },
  second: { producer: "orchestrator-1", key: "2026-b", secret: "second-secret-of-the-tests-well-over-32" },
  other: { producer: "orchestrator-2", key: "2026-a", secret: "secret-of-another-one-32-characters" },
} as const satisfies Record<string, Signer>;

/** The keys as the setting INTAKE_KEYS has them. */
export const intakeKeys = Object.values(signers)
  .map(({ producer, key, secret }) => `${producer}:${key}:${secret}`)
  .join(",");

/** A request before it is signed. */
export type Unsigned = {
  readonly method?: string;
  readonly target?: string;
  readonly body: string | Uint8Array;
  /** Seconds since 1970. */
  readonly timestamp?: number;
  readonly nonce?: string;
  readonly signer?: Signer;
};

/** The headers of a signed request, made as the guide says, by nothing of the intake. */
export function signed(request: Unsigned): Record<string, string> {
  const { method = "POST", target = "/v1/events", body, signer = signers.first } = request;
  const timestamp = String(request.timestamp ?? Math.floor(Date.now() / 1000));
  const nonce = request.nonce ?? randomBytes(16).toString("hex");
  const text = [method, target, timestamp, nonce, ""].join("\n");
  const message = Buffer.concat([Buffer.from(text), Buffer.from(body as Uint8Array)]);
  return {
    "X-Payroot-Producer": signer.producer,
    "X-Payroot-Key": signer.key,
    "X-Payroot-Timestamp": timestamp,
    "X-Payroot-Nonce": nonce,
    "X-Payroot-Signature": createHmac("sha256", signer.secret).update(message).digest("hex"),
  };
}

/** A request as the intake gets it from HTTP. */
export function requestOf(
  request: Pick<Unsigned, "method" | "target" | "body">,
  headers: Record<string, string>,
): IntakeRequest {
  const lower = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  const { method = "POST", target = "/v1/events", body } = request;
  return {
    method,
    target,
    body: Buffer.from(body as Uint8Array),
    header: (name) => lower.get(name.toLowerCase()),
  };
}

/** Signs a request, and makes it one. */
export function signedRequest(request: Unsigned): IntakeRequest {
  return requestOf(request, signed(request));
}

/** An intake over a ledger, on real parts in its folder. */
export type TestIntake = {
  readonly ledger: TestLedger;
  readonly intake: Intake;
  readonly accept: (events: unknown, how?: Omit<Unsigned, "body">) => ReturnType<Intake["acceptEvents"]>;
  /** The keys of the objects in the log. */
  readonly keys: () => Promise<string[]>;
};

/** Opens an intake that ends with the test. */
export async function openTestIntake(
  over: Partial<IntakeOptions> & {
    ledger?: TestLedger;
    caughtUp?: () => boolean;
    log?: TestLedger["log"];
    rules?: Partial<Ruleset>;
  } = {},
): Promise<TestIntake> {
  const {
    ledger = await openTestLedger(),
    caughtUp = () => true,
    log = ledger.log,
    rules,
    ...options
  } = over;
  const view = {
    contentsOf: (ids: readonly string[]) => knownEvents(ledger.store, ids),
    ruleset: async () => ({ ...ruleset, ...rules }),
    isCaughtUp: caughtUp,
  };
  const intake = await openIntake(
    { log, ledger: view },
    {
      keys: Object.values(signers).map((one) => ({ ...one, secret: new Secret(one.secret) })),
      folder: join(ledger.folder, "intake"),
      windowSeconds: 300,
      region: "intake",
      partitions: undefined,
      now: Date.now,
      gatherMilliseconds: 1,
      ...options,
    },
  );
  onTestFinished(() => intake.drain());
  return {
    ledger,
    intake,
    accept: (events, how = {}) => {
      const body = typeof events === "string" ? events : JSON.stringify(events);
      return intake.acceptEvents(signedRequest({ ...how, body }));
    },
    keys: async () => (await Array.fromAsync(ledger.log.list())).flat().map(({ key }) => key),
  };
}
