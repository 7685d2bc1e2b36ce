import { readFileSync } from "node:fs";
import { join } from "node:path";
import autocannon from "autocannon";
import { addressFromBytes } from "../../offchain/core/address.ts";

/** One run of load, printed as JSON. Latencies in ms, as the generator sees them, its own queueing included. */
export type LoadMeasurement = {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly worst: number;
};

/** What is asked for: the hello, proofs, workers, or proofs and workers in turn. */
export type LoadKind = "bare" | "proof" | "worker" | "both";

const [url = "", kind = "bare", folder = "", seconds = "5"] = process.argv.slice(2);
const connections = 500;
const pathsAConnection = 300;
const accounts = readFileSync(join(folder, "accounts"));

const instance = await autocannon({
  url,
  connections,
  duration: Number(seconds),
  // Seconds: what waits on a busy machine is slow, and not lost.
  timeout: 60,
  setupClient: (client) => client.setRequests(Array.from({ length: pathsAConnection }, request)),
});
const { errors, timeouts, non2xx, requests, latency, duration } = instance;
if (errors + timeouts + non2xx > 0) {
  throw new Error(`${errors} errors, ${timeouts} timeouts, ${non2xx} other than 200 for ${kind}`);
}
const measured: LoadMeasurement = {
  requests: requests.total,
  requestsPerSecond: requests.total / duration,
  p50: latency.p50,
  p99: latency.p99,
  worst: latency.max,
};
console.log(JSON.stringify(measured));

/** A request for an account chosen among all with the same chance; the hello is asked for by the same paths. */
function request(_: unknown, index: number): { path: string } {
  const at = 20 * Math.floor(Math.random() * (accounts.length / 20));
  const account = addressFromBytes(accounts.subarray(at, at + 20));
  const isProof = kind === "both" || kind === "bare" ? index % 2 === 0 : kind === "proof";
  return { path: `/v1/workers/${account}${isProof ? "/proof" : ""}` };
}
