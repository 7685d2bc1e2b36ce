import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { addressBytes } from "../../offchain/core/address.ts";
import { deriveWorkers } from "../../offchain/demo/pool-events.ts";
import { createChainWatch } from "../../offchain/pipeline/claims/chain-view.ts";
import { closeEpoch } from "../../offchain/pipeline/close/close-epoch.ts";
import { ingest } from "../../offchain/pipeline/ingest/ingest.ts";
import { chainWith, identity, openPool, ruleset, writeAiJobs, writeJobs } from "./http-pool.ts";

/*
 * Makes the pool that is served, by the real code: all accounts earned in epoch 1, which is closed, posted and active; a
 * tenth of them has claimed; three tenths have worked since, and some AI jobs wait for the close.
 */
const [folder = "", count = "0"] = process.argv.slice(2);
const accounts = deriveWorkers("http", Number(count));
await writeFile(join(folder, "accounts"), Buffer.concat(accounts.map(addressBytes)));
const ports = await openPool(folder);
const reading = { ruleset, partitions: undefined };

let began = performance.now();
const seconds: Record<string, number> = {};
const lap = (what: string): void => {
  seconds[what] = Math.round((performance.now() - began) / 100) / 10;
  began = performance.now();
};
await writeJobs(ports.log, accounts, 0);
lap("writing the log");
await ingest(ports, reading);
lap("ingest");
const closed = await closeEpoch(ports, { ...reading, ...identity, closesAt: Date.UTC(2025, 10, 6) });
if (closed?.manifest.leaves !== accounts.length) throw new Error("the epoch was not closed as meant");
lap("close");
await writeJobs(
  ports.log,
  accounts.filter((_, index) => index % 10 < 3),
  2000,
);
await writeAiJobs(ports.log, accounts.slice(0, 1000), 2500);
await ingest(ports, reading);
const chain = chainWith(
  closed.state,
  accounts.filter((_, index) => index % 10 === 5),
);
await (await createChainWatch({ ...ports, chain })).look();
lap("open epoch and claims");
await ports.store.close();
console.log(JSON.stringify(seconds));
