import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { Secret } from "../core/secret.ts";

/** Asks yes or no on the terminal; no where there is none. */
export async function askConsent(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`${question} Type yes: `);
  terminal.close();
  return answer.trim() === "yes";
}

/** Asks for a secret on the terminal and shows nothing of what is typed; undefined without a terminal or an answer. */
export async function askSecret(
  question: string,
  { signal }: { signal: AbortSignal },
): Promise<Secret | undefined> {
  if (!process.stdin.isTTY) return undefined;
  const unseen = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: unseen, terminal: true, historySize: 0 });
  const ended = new AbortController();
  terminal.once("close", () => ended.abort());
  // The terminal is in raw mode, so Ctrl-C comes as a key.
  terminal.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
  process.stderr.write(question);
  try {
    const answer = await terminal.question("", { signal: AbortSignal.any([signal, ended.signal]) });
    return answer === "" ? undefined : new Secret(answer);
  } catch (error) {
    if (signal.aborted || !ended.signal.aborted) throw error;
    return undefined;
  } finally {
    terminal.close();
    process.stderr.write("\n");
  }
}

/** A secret piped in on standard input; undefined when nothing is, or a terminal is there instead. */
export async function readPipedSecret(): Promise<Secret | undefined> {
  if (process.stdin.isTTY) return undefined;
  const given = (await text(process.stdin)).trim();
  return given === "" ? undefined : new Secret(given);
}
