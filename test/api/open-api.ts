import { createHash } from "node:crypto";
import { expect } from "vitest";
import { type ApiDependencies, createApp } from "../../offchain/api/app.ts";
import type { Problem } from "../../offchain/api/problem.ts";
import { type Address, addressFromBytes, zeroAddress } from "../../offchain/core/address.ts";
import type { StageReport } from "../../offchain/pipeline/operate/daemon.ts";
import { type ChainView, createEstimates, noChainView } from "../../offchain/pipeline/workers/worker.ts";
import { account, aiJob, aiKey, aiReceipt, transcodeJob, transcodeKey } from "../support/events.ts";
import { openTestLedger, ruleset, type TestLedger } from "../support/ledger.ts";
import { createConformance, type Document } from "./conformance.ts";

/** The API in process over a ledger of its own. */
export type TestApi = {
  readonly ledger: TestLedger;
  /** What the chain says and how the stages stand: the test's to set. */
  readonly seen: { chain: ChainView; stages: readonly StageReport[] };
  readonly faults: readonly unknown[];
  readonly app: ReturnType<typeof createApp>;
  /** Asks, and checks the answer against the document; `env` is what the server tells of the connection. */
  readonly request: (path: string, init?: RequestInit, env?: object) => Promise<Response>;
};

/** Opens the API over a new ledger that goes away with the test. Every answer is checked against its document. */
export async function openApi(options: Partial<ApiDependencies> = {}): Promise<TestApi> {
  return overLedger(await openTestLedger(), options);
}

/** Opens the API over a ledger. */
export async function overLedger(
  ledger: TestLedger,
  options: Partial<ApiDependencies> = {},
): Promise<TestApi> {
  const seen: TestApi["seen"] = { chain: noChainView, stages: [] };
  const faults: unknown[] = [];
  const chain = Object.defineProperties({} as ChainView, {
    ...Object.fromEntries(
      Object.keys(noChainView).map((name) => [
        name,
        { enumerable: true, get: () => seen.chain[name as keyof ChainView] },
      ]),
    ),
  });
  const app = createApp({
    ...dependenciesOf(ledger),
    chain,
    stages: () => seen.stages,
    onFault: (error) => faults.push(error),
    ...options,
  });
  const check = await conformanceOf(app);
  const request: TestApi["request"] = async (path, init, env) => {
    const response = await app.request(path, init, env);
    await check({ method: init?.method ?? "GET", path, response });
    return response;
  };
  return { ledger, seen, faults, app, request };
}

/** What an API over a ledger without a chain is made of. */
export function dependenciesOf(ledger: Pick<TestLedger, "store" | "archive" | "artifacts">): ApiDependencies {
  const { store, archive, artifacts } = ledger;
  return {
    ...{ store, archive, artifacts, ruleset },
    chain: noChainView,
    estimates: createEstimates(store),
    identity: { chainId: 0, distributor: zeroAddress },
    stages: () => [],
    onFault: (error) => {
      throw error;
    },
  };
}

/** The OpenAPI document as it is served. */
export async function documentOf(app: ReturnType<typeof createApp>): Promise<Document> {
  return (await (await app.request("/openapi.json")).json()) as Document;
}

let conformance: ReturnType<typeof createConformance> | undefined;

// The document is the same for every ledger, and to compile it takes longer than most tests.
async function conformanceOf(
  app: ReturnType<typeof createApp>,
): Promise<ReturnType<typeof createConformance>> {
  conformance ??= createConformance(await documentOf(app));
  return conformance;
}

/** The value of an answer, after checking its status and that it is JSON. */
export async function jsonOf(response: Response, status = 200): Promise<Record<string, unknown>> {
  const text = await response.text();
  expect([response.status, response.headers.get("content-type")], text).toEqual([status, "application/json"]);
  return JSON.parse(text) as Record<string, unknown>;
}

/** The problem of an answer, after checking that it is one as RFC 9457 says. */
export async function problemOf(response: Response): Promise<Problem> {
  const text = await response.text();
  expect(response.headers.get("content-type"), text).toBe("application/problem+json");
  const problem = JSON.parse(text) as Problem;
  expect(problem).toMatchObject({ type: "about:blank", status: response.status });
  for (const part of [problem.title, problem.code, problem.detail]) expect(part).toMatch(/\S/);
  return problem;
}

/** A chain on which the epochs up to `active` can be claimed against, and those up to `posted` wait. */
export function chainUpTo({ active, posted = active }: { active: number; posted?: number }): ChainView {
  return {
    ...noChainView,
    block: 1234,
    newestActive: async () => active,
    stageOf: async (epoch) => (epoch <= active ? "active" : epoch <= posted ? "posted" : "closed"),
  };
}

/** Closes `count` epochs: in each of them, accounts 0 and 1 earn for a job of 1,200,003,600 wei. */
export async function closeEpochs({ ledger }: Pick<TestApi, "ledger">, count: number): Promise<void> {
  const { epoch: last } = (await ledger.artifacts.get("latest.json").then((stored) => {
    return JSON.parse(Buffer.from(stored?.bytes ?? Buffer.from('{"epoch":0}')).toString());
  })) as { epoch: number };
  for (let epoch = last + 1; epoch <= last + count; epoch++) {
    const jobs = [0, 1].map((index) => transcodeJob({ id: `${epoch} ${index}`, account: account(index) }));
    await ledger.write(transcodeKey(`epoch-${epoch}`), jobs);
    await ledger.close(epoch);
  }
}

/** The account of a number: as many as a test needs. */
export function numbered(index: number): Address {
  return addressFromBytes(createHash("sha256").update(`account ${index}`).digest().subarray(0, 20));
}

/** Writes and reads one job for each amount, of the account of its number: it earns three quarters of it, in wei. */
export async function readJobs(
  { ledger }: Pick<TestApi, "ledger">,
  { name, fees }: { name: string; fees: ReadonlyMap<number, number> },
): Promise<void> {
  const jobs = [...fees].map(([index, units]) =>
    transcodeJob({ id: `${name} ${index}`, account: numbered(index), units, price: 4 }),
  );
  await ledger.write(transcodeKey(name), jobs);
  await ledger.ingest();
}

/** Events of the open epoch: a job of account 0, an AI pair of account 1, an AI job that waits, a bad event. */
export async function readOpenEvents({ ledger }: Pick<TestApi, "ledger">): Promise<void> {
  await ledger.write(transcodeKey("open"), [
    transcodeJob({ id: "open", price: 1000 }),
    { nonsense: true },
    transcodeJob({ id: "open", price: 1000 }),
  ]);
  await ledger.write(aiKey("open"), [
    aiReceipt({ id: "receipt", requestID: "aa", account: account(1) }),
    aiJob({ id: "job", requestID: "aa" }),
    aiJob({ id: "lonely", requestID: "bb" }),
  ]);
  await ledger.ingest();
}
