/** The parts of autocannon that the benchmark uses; the package has no types of its own. */
declare module "autocannon" {
  type Client = { setRequests(requests: readonly { readonly path: string }[]): void };
  type Options = {
    readonly url: string;
    readonly connections: number;
    /** Seconds, as the next. */
    readonly duration: number;
    readonly timeout: number;
    readonly setupClient: (client: Client) => void;
  };
  type Result = {
    readonly errors: number;
    readonly timeouts: number;
    readonly non2xx: number;
    readonly duration: number;
    readonly requests: { readonly total: number };
    /** Milliseconds. */
    readonly latency: { readonly p50: number; readonly p99: number; readonly max: number };
  };
  const autocannon: (options: Options) => Promise<Result>;
  export = autocannon;
}
