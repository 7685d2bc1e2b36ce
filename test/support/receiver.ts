import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { text } from "node:stream/consumers";
import { onTestFinished } from "vitest";

/** A message as a receiver of webhooks got it. */
export type Received = {
  readonly id: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: {
    readonly type: string;
    readonly timestamp: string;
    readonly data: Record<string, unknown>;
  };
};

/** A receiver of webhooks on a port of its own. */
export type Receiver = {
  readonly url: string;
  readonly received: readonly Received[];
  /** What it answers with; 0 is no answer at all. */
  status: number;
  /** Resolves once so many messages came. */
  readonly until: (count: number) => Promise<readonly Received[]>;
};

/** Starts a receiver that checks every signature, and goes away with the test. */
export async function startReceiver(secret: string): Promise<Receiver> {
  const received: Received[] = [];
  const watchers = new Set<() => void>();
  const server = createServer((request, response) => {
    void (async () => {
      const body = await text(request);
      const { headers, url: path = "" } = request;
      const id = String(headers["webhook-id"]);
      checkSignature({ id, timestamp: String(headers["webhook-timestamp"]), body }, headers, secret);
      received.push({ id, path, headers, body: JSON.parse(body) });
      for (const watch of watchers) watch();
      if (receiver.status === 0) return;
      response.writeHead(receiver.status, { location: "/elsewhere" }).end();
    })().catch(() => request.socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const place = server.address();
  const url = `http://127.0.0.1:${typeof place === "object" ? place?.port : ""}/hook`;
  const until = (count: number) =>
    new Promise<readonly Received[]>((resolve) => {
      const look = () => {
        if (received.length >= count) resolve(received);
      };
      watchers.add(look);
      look();
    });
  const receiver: Receiver = { url, received, status: 200, until };
  return receiver;
}

// As the specification has it, by nothing of the product.
function checkSignature(
  { id, timestamp, body }: { id: string; timestamp: string; body: string },
  headers: IncomingHttpHeaders,
  secret: string,
): void {
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > 300 * 86_400) throw new Error("the timestamp is off");
  const key = Buffer.from(secret.replace("whsec_", ""), "base64");
  const wanted = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest();
  const given = Buffer.from(String(headers["webhook-signature"]).replace("v1,", ""), "base64");
  if (!timingSafeEqual(wanted, given)) throw new Error("the signature is wrong");
}

/** A secret as the libraries of Standard Webhooks have it. */
export const webhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
