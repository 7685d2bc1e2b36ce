import { createServer, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { messageOf, PayrootError } from "../errors.ts";
import { invalidRequest, problemAnswer } from "./problem.ts";
import { respond } from "./respond.ts";
import type { Tls } from "./tls.ts";

/** A listening API. `close` takes no new connection, finishes answers under way, then ends what is left. */
export type ApiServer = { readonly url: string; readonly close: () => Promise<void> };

type Fetch = Parameters<typeof getRequestListener>[0];

/** Where and how to listen. */
export type ListenOptions = {
  readonly host: string;
  readonly port: number;
  /** Without it, plain HTTP. */
  readonly tls?: Pick<Tls, "cert" | "key"> | undefined;
  /** How long `close` waits for answers under way. */
  readonly drainMs?: number;
};

/** Listens at an address; resolves once it does. Throws `http-port-taken`, `http-listen-failed`. */
export async function listen(app: { readonly fetch: Fetch }, options: ListenOptions): Promise<ApiServer> {
  const { host, port, tls, drainMs = 10_000 } = options;
  const listener = getRequestListener(app.fetch, { errorHandler: refuse });
  const limits = { headersTimeout: 15_000, requestTimeout: 60_000, connectionsCheckingInterval: 5_000 };
  const server: Server =
    tls === undefined
      ? createServer(limits, listener)
      : createSecureServer(
          { ...limits, minVersion: "TLSv1.2", cert: tls.cert, key: tls.key.reveal() },
          listener,
        );
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(listenFault({ host, port }, error)));
    server.listen(port, host, resolve);
  });
  const name = host.includes(":") ? `[${host}]` : host;
  const scheme = tls === undefined ? "http" : "https";
  const url = `${scheme}://${name}:${(server.address() as AddressInfo).port}`;
  return { url, close: () => drain(server, drainMs) };
}

/** Answers what is no request that an app could be given. */
async function refuse(): Promise<Response> {
  const asked = { method: "GET", secure: false, header: () => undefined, headers: {} };
  return respond(asked, problemAnswer(invalidRequest()));
}

async function drain(server: Server, drainMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // A connection that is kept alive becomes idle once its answer is finished.
  const sweep = setInterval(() => server.closeIdleConnections(), 50);
  const deadline = setTimeout(() => server.closeAllConnections(), drainMs);
  server.closeIdleConnections();
  await closed;
  clearInterval(sweep);
  clearTimeout(deadline);
}

function listenFault(
  address: { readonly host: string; readonly port: number },
  error: NodeJS.ErrnoException,
): PayrootError {
  const taken = error.code === "EADDRINUSE";
  return new PayrootError(
    taken ? "http-port-taken" : "http-listen-failed",
    taken ? "Another process listens at the API's address." : "The API cannot listen at its address.",
    {
      facts: { ...address, reason: messageOf(error) },
      next: "stop the other process, or set HTTP_PORT (0 takes a free port) and HTTP_HOST",
      cause: error,
      exitCode: 2,
    },
  );
}
