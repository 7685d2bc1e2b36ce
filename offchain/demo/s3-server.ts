import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { PayrootError } from "../errors.ts";

/** An S3-compatible server of our own on loopback, with the key pair it takes. */
export type S3Server = {
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Ends the server; what it holds stays in its directory. */
  stop(): Promise<void>;
};

/**
 * Starts an S3 server that keeps `buckets` below `directory`, and waits until it listens. It is a process of its own,
 * and ends with this one however this one ends. `port` 0, the default, picks a free one. Throws `s3-server-failed`.
 */
export async function startS3Server(options: {
  readonly directory: string;
  readonly buckets: readonly string[];
  readonly port?: number;
}): Promise<S3Server> {
  const settings = JSON.stringify({ port: 0, ...options });
  const program = fileURLToPath(new URL("./s3-server-process.ts", import.meta.url));
  // The server makes its listing tokens with DES, which OpenSSL 3 has only in its legacy provider.
  const flags = ["--openssl-legacy-provider", "--no-deprecation", "--disable-warning=ExperimentalWarning"];
  const child = spawn(process.execPath, [...flags, program, settings], {
    stdio: ["pipe", "pipe", "pipe"],
    // Ctrl-C of a terminal goes to its whole group; this one is ended by its parent, in order.
    detached: true,
  });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  let complaint = "";
  child.stderr.on("data", (text: Buffer) => {
    complaint = `${complaint}${text.toString()}`.slice(-2000);
  });
  const port = await Promise.race([
    new Promise<string>((resolve) => createInterface(child.stdout).once("line", resolve)),
    ended.then(() => undefined),
  ]);
  if (port === undefined) throw serverFailed({ ...options, complaint });
  return {
    endpoint: `http://127.0.0.1:${port}`,
    accessKeyId: "S3RVER",
    secretAccessKey: "S3RVER",
    stop: () => {
      child.kill();
      return ended;
    },
  };
}

function serverFailed(about: { directory: string; port?: number; complaint: string }): PayrootError {
  return new PayrootError("s3-server-failed", "The embedded S3 server did not start.", {
    facts: {
      directory: about.directory,
      port: about.port,
      reason: about.complaint.trim().split("\n").at(-1),
    },
    next: "check that the directory can be written to and that the port is free",
  });
}
