import { serve } from "@hono/node-server";
import type { Hono } from "hono";
import { messageOf, PayrootError } from "../errors.ts";

/** A listening API. */
export type ApiServer = { readonly url: string; readonly close: () => Promise<void> };

/** Listens at an address; resolves once it does. Throws `http-port-taken`, `http-listen-failed`. */
export async function listen(app: Hono, address: { host: string; port: number }): Promise<ApiServer> {
  const { host, port } = address;
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, hostname: host, port }, (info) => {
      const name = host.includes(":") ? `[${host}]` : host;
      resolve({
        url: `http://${name}:${info.port}`,
        close: () =>
          new Promise((done) => {
            server.close(() => done());
            // Answers under way are finished; connections that only wait for a next request are not waited for.
            if ("closeIdleConnections" in server) server.closeIdleConnections();
          }),
      });
    });
    server.on("error", (error: NodeJS.ErrnoException) => reject(listenFault(address, error)));
  });
}

function listenFault(address: { host: string; port: number }, error: NodeJS.ErrnoException): PayrootError {
  const taken = error.code === "EADDRINUSE";
  return new PayrootError(
    taken ? "http-port-taken" : "http-listen-failed",
    taken ? "Another process listens at the API's address." : "The API cannot listen at its address.",
    {
      facts: { host: address.host, port: address.port, reason: messageOf(error) },
      next: "stop the other process, or set HTTP_PORT (0 takes a free port) and HTTP_HOST",
      cause: error,
      exitCode: 2,
    },
  );
}
