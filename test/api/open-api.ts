import { expect } from "vitest";
import { createApp } from "../../offchain/api/app.ts";
import type { Problem } from "../../offchain/api/problem.ts";
import type { StageReport } from "../../offchain/pipeline/daemon.ts";
import { type ChainView, createEstimates, noChainView } from "../../offchain/pipeline/worker.ts";
import { account, aiJob, aiKey, aiReceipt, transcodeJob, transcodeKey } from "../support/events.ts";
import { openTestLedger, ruleset, type TestLedger } from "../support/ledger.ts";

/** The API in process over a ledger of its own. */
export type TestApi = {
  readonly ledger: TestLedger;
  /** What the chain says and how the stages stand: the test's to set. */
  readonly seen: { chain: ChainView; stages: readonly StageReport[] };
  readonly faults: readonly unknown[];
  readonly request: (path: string, init?: RequestInit) => Promise<Response>;
};

/** Opens the API over a new ledger that goes away with the test. */
export async function openApi(): Promise<TestApi> {
  const ledger = await openTestLedger();
  const seen: TestApi["seen"] = { chain: noChainView, stages: [] };
  const faults: unknown[] = [];
  const app = createApp({
    store: ledger.store,
    archive: ledger.archive,
    artifacts: ledger.artifacts,
    chain: {
      get block() {
        return seen.chain.block;
      },
      newestActive: () => seen.chain.newestActive(),
      stageOf: (epoch) => seen.chain.stageOf(epoch),
      amountsOf: (...asked) => seen.chain.amountsOf(...asked),
      claimsOf: (account) => seen.chain.claimsOf(account),
    },
    estimates: createEstimates(ledger.store),
    ruleset,
    stages: () => seen.stages,
    onFault: (error) => faults.push(error),
  });
  return { ledger, seen, faults, request: async (path, init) => app.request(path, init) };
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
