import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type ListenOptions, listen } from "../api/server.ts";
import { openTls } from "../api/tls.ts";
import type { Context } from "./command.ts";
import { announce } from "./open.ts";

/**
 * Serves the API over HTTP, or HTTPS when that is configured, until the command ends, and says where. The certificate
 * of HTTPS is in the data directory as `certificate.pem`, for clients that are to trust a self-signed one.
 */
export async function serveApp(
  context: Context,
  app: Parameters<typeof listen>[0],
): Promise<{ readonly url: string; readonly fingerprint: string | undefined }> {
  const { config } = context;
  const { tlsCertificate: certificate, tlsKey: key, tlsDnsName: dnsName } = config;
  const tls = await openTls({ certificate, key, dnsName });
  if (tls !== undefined) await writeFile(join(config.dataDir, "certificate.pem"), tls.cert);
  const address: ListenOptions = { host: config.httpHost, port: config.httpPort, tls };
  const server = await listen(app, address);
  context.defer(server.close);
  await announce(context, { url: server.url });
  return { url: server.url, fingerprint: tls?.fingerprint };
}
