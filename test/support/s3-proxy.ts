import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { onTestFinished } from "vitest";

/** What a proxy does to a request: an error of S3, a connection cut at once or in the middle, or a delay. */
export type S3Fault =
  | { readonly status: number; readonly code: string }
  | "reset"
  | "cut"
  | { readonly delayMs: number };

/** An S3 in front of another that does whatever `rule` says; without one it passes everything on. */
export type S3Proxy = {
  readonly url: string;
  rule: ((asked: { readonly method: string; readonly path: string }) => S3Fault | undefined) | undefined;
  /** How many requests met a fault. */
  faults: number;
};

/** Starts a proxy that goes away with the test. */
export async function startS3Proxy(target: string): Promise<S3Proxy> {
  const server = createServer((asked, response) => {
    const { method = "", url: path = "" } = asked;
    const fault = proxy.rule?.({ method, path });
    if (fault !== undefined) proxy.faults += 1;
    if (fault === "reset") asked.socket.resetAndDestroy();
    else if (typeof fault === "object" && "status" in fault) refuse(asked, response, fault);
    else void pass(asked, response, fault);
  });
  const pass = async (asked: IncomingMessage, response: ServerResponse, fault: S3Fault | undefined) => {
    if (typeof fault === "object" && "delayMs" in fault) await pause(fault.delayMs);
    const { method, headers, url } = asked;
    const onward = request(`${target}${url}`, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      if (fault !== "cut") return void answer.pipe(response);
      answer.once("data", (piece: Buffer) => {
        response.write(piece.subarray(0, piece.length >> 1), () => asked.socket.resetAndDestroy());
      });
    });
    onward.on("error", () => asked.socket.destroy());
    asked.pipe(onward);
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const place = server.address();
  const url = `http://127.0.0.1:${typeof place === "object" ? place?.port : ""}`;
  const proxy: S3Proxy = { url, rule: undefined, faults: 0 };
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return proxy;
}

function refuse(
  asked: IncomingMessage,
  response: ServerResponse,
  { status, code }: { status: number; code: string },
): void {
  asked.resume();
  response.writeHead(status, { "content-type": "application/xml" });
  response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>for the test</Message></Error>`);
}
