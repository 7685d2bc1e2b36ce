import { createHash } from "node:crypto";
import { chmod, lstat, mkdir, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { PayrootError } from "../errors.ts";

// A running daemon holds its data directory alone. What other commands need of it they ask over a socket that only its
// own user may open; the HTTP API has nothing of this.

/** Answers a command of this machine that asks for something by name. */
export type ControlHandlers = Readonly<Record<string, (response: ServerResponse) => Promise<void>>>;

/** Listens beside a data directory until closed. Throws `control-unavailable`. */
export async function listenForControl(
  dataDir: string,
  handlers: ControlHandlers,
): Promise<{ readonly close: () => Promise<void> }> {
  const path = socketPath(dataDir);
  const server = createServer((asked, response) => {
    const handler = handlers[(asked.url ?? "").slice(1)];
    if (handler === undefined) response.writeHead(404).end();
    // The asker sees an answer that ends too early.
    else handler(response).catch(() => response.destroy());
  });
  try {
    await openFolder(dirname(path));
    await rm(path, { force: true });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(path, resolve);
    });
    await chmod(path, 0o600);
  } catch (error) {
    throw controlUnavailable(path, error);
  }
  return {
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Asks the process that holds a data directory; undefined when nobody answers. */
export function askControl(dataDir: string, what: string): Promise<IncomingMessage | undefined> {
  return new Promise((resolve) => {
    const asking = request({ socketPath: socketPath(dataDir), path: `/${what}`, method: "POST" });
    asking.once("response", (answer) => resolve(answer.statusCode === 200 ? answer : undefined));
    asking.once("error", () => resolve(undefined));
    asking.end();
  });
}

// The path of a socket has room for about a hundred bytes.
const longestPath = 100;

function socketPath(dataDir: string): string {
  const beside = join(dataDir, "control", "socket");
  if (Buffer.byteLength(beside) <= longestPath) return beside;
  const name = createHash("sha256").update(dataDir).digest("hex").slice(0, 16);
  return join(tmpdir(), `payroot-${name}`, "socket");
}

/** Makes the folder of a socket, which nobody else may look into; one that somebody else made is refused. */
async function openFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { uid } = await lstat(folder);
  if (uid !== process.getuid?.()) throw new Error("its folder belongs to another user");
  await chmod(folder, 0o700);
}

function controlUnavailable(socket: string, error: unknown): PayrootError {
  return new PayrootError("control-unavailable", "Commands beside this one cannot reach it.", {
    facts: { socket, reason: error instanceof Error ? error.message : String(error) },
    next: "stop it before a backup, or give a DATA_DIR that may hold a socket",
    cause: error,
  });
}
