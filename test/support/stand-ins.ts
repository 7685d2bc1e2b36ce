import { createHmac, randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { chmod, writeFile } from "node:fs/promises";
import { request as plainRequest } from "node:http";
import { request as secureRequest } from "node:https";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

// What guides need of curl and openssl, for machines that have neither: run as a program, it is the one that its first
// argument names.

/** Puts stand-ins for curl and openssl into a folder, for the front of a PATH. */
export async function writeStandIns(folder: string): Promise<void> {
  const program = fileURLToPath(import.meta.url);
  for (const name of ["curl", "openssl"]) {
    const path = join(folder, name);
    await writeFile(path, `#!/bin/sh\nexec '${process.execPath}' '${program}' ${name} "$@"\n`);
    await chmod(path, 0o755);
  }
}

async function openssl([verb = "", ...given]: readonly string[]): Promise<string> {
  if (verb === "rand") return `${randomBytes(Number(given.at(-1))).toString("hex")}\n`;
  const secret = given[given.indexOf("-hmac") + 1] ?? "";
  const signature = createHmac("sha256", secret)
    .update(await buffer(process.stdin))
    .digest("hex");
  return `SHA2-256(stdin)= ${signature}\n`;
}

async function curl(given: readonly string[]): Promise<string> {
  const headers: Record<string, string> = {};
  let url = "";
  let body: Buffer | undefined;
  let ca: Buffer | undefined;
  let file: string | undefined;
  for (let at = 0; at < given.length; at++) {
    const word = given[at] ?? "";
    const value = given[at + 1] ?? "";
    if (word === "--header") headers[value.replace(/:.*/, "")] = value.replace(/^[^:]*: */, "");
    else if (word === "--data-binary") body = readFileSync(value.slice(1));
    else if (word === "--cacert") ca = readFileSync(value);
    else if (word === "-o") file = value;
    else if (!word.startsWith("-")) url = word;
    if (["--header", "--data-binary", "--cacert", "-o"].includes(word)) at += 1;
  }
  const method = body === undefined ? "GET" : "POST";
  const options = { method, headers, ...(ca === undefined ? {} : { ca }) };
  const answer = await new Promise<{ status: number; text: string }>((resolve, reject) => {
    const send = url.startsWith("https:") ? secureRequest : plainRequest;
    const request = send(url, options, (response) => {
      buffer(response).then(
        (bytes) => resolve({ status: response.statusCode ?? 0, text: bytes.toString() }),
        reject,
      );
    });
    request.on("error", reject);
    request.end(body);
  });
  // What -f and --fail-with-body end with.
  if (answer.status >= 400) process.exitCode = 22;
  if (file === undefined) return answer.text;
  writeFileSync(file, answer.text);
  return "";
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [name, ...given] = process.argv.slice(2);
  process.stdout.write(await (name === "curl" ? curl(given) : openssl(given)));
}
