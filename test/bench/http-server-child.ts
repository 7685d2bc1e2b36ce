import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createApp } from "../../offchain/api/app.ts";
import { listen } from "../../offchain/api/server.ts";
import { createChainWatch } from "../../offchain/pipeline/claims/chain-view.ts";
import { createProofBook } from "../../offchain/pipeline/claims/proof-book.ts";
import { requireEpoch } from "../../offchain/pipeline/close/epochs.ts";
import { ingest } from "../../offchain/pipeline/ingest/ingest.ts";
import { createEstimates } from "../../offchain/pipeline/workers/worker.ts";
import { chainWith, identity, openPool, ruleset } from "./http-pool.ts";

/** What the process is asked by message, and how it answers: by the number of the question. */
export type Asked = { readonly number: number; readonly question: Question };

/** An answer to a question. */
export type Told = { readonly number: number; readonly answer: Answer };

/** What can be asked. */
export type Question = "load" | "memory" | "processor" | "ingest";

export type Answer = Seconds | Memory;

/** What something took, or the processor time of the process so far. */
export type Seconds = { readonly seconds: number; readonly events?: number };

/** Resident memory in MiB: the process's own, and with the pages of mapped files. */
export type Memory = { readonly ownMiB: number; readonly allMiB: number };

const [what, folder = ""] = process.argv.slice(2);
process.once("disconnect", () => process.exit());
if (what === "bare") await serveBare();
else await servePool();

/** The least that node:http can do. */
async function serveBare(): Promise<void> {
  const server = createServer((_request, response) => {
    response.writeHead(200, { "Content-Type": "text/plain", "Content-Length": "6" });
    response.end("hello\n");
  });
  server.listen(0, "127.0.0.1", () => {
    process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  });
  process.on("message", ({ number }: Asked) => tell({ number, answer: processorTime() }));
}

/** The real app by the real server, as the daemon puts it together, with a limit of requests that nobody reaches. */
async function servePool(): Promise<void> {
  const ports = await openPool(folder);
  const epoch = await requireEpoch(ports.store, 1);
  const proofs = createProofBook(ports.artifacts);
  const { view } = await createChainWatch({ ...ports, proofs, chain: chainWith(epoch, []) });
  const estimates = createEstimates(ports.store);
  const fail = (error: unknown): void => {
    console.error(error);
  };
  const app = createApp({
    ...{ ...ports, proofs, estimates, chain: view, ruleset, identity },
    ...{ rateLimit: 1e9, stages: () => [], onFault: fail },
  });
  const { url } = await listen(app, { host: "127.0.0.1", port: 0 });
  process.send?.({ url });
  const answers: Record<Question, () => Promise<Answer>> = {
    load: () => timed(() => proofs.load(epoch)),
    memory: async () => memoryNow(),
    processor: async () => processorTime(),
    ingest: async () => {
      let events = 0;
      const took = await timed(async () => {
        ({ events } = await ingest(ports, { ruleset, partitions: undefined }));
      });
      return { ...took, events };
    },
  };
  process.on("message", ({ number, question }: Asked) => {
    answers[question]().then((answer) => tell({ number, answer }), fail);
  });
}

function tell(told: Told): void {
  process.send?.(told);
}

function processorTime(): Seconds {
  const { user, system } = process.cpuUsage();
  return { seconds: (user + system) / 1e6 };
}

async function timed(work: () => Promise<unknown>): Promise<Seconds> {
  const began = performance.now();
  await work();
  return { seconds: (performance.now() - began) / 1000 };
}

function memoryNow(): Memory {
  globalThis.gc?.();
  const allMiB = Math.round(process.memoryUsage().rss / 2 ** 20);
  const [, kibibytes] = /^RssAnon:\s+(\d+)/m.exec(readStatus()) ?? [];
  return { allMiB, ownMiB: kibibytes === undefined ? allMiB : Math.round(Number(kibibytes) / 2 ** 10) };
}

// Only Linux tells the two apart.
function readStatus(): string {
  return existsSync("/proc/self/status") ? readFileSync("/proc/self/status", "latin1") : "";
}
