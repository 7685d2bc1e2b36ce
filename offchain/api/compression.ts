import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";

/** How a body may be encoded on its way. */
export type Encoding = "br" | "gzip";

const gzipped = promisify(gzip);
const brotlied = promisify(brotliCompress);

/** The best encoding that an `Accept-Encoding` header takes, undefined for none. */
export function acceptedEncoding(header: string | undefined): Encoding | undefined {
  if (header === undefined) return undefined;
  const weights = new Map<string, number>();
  for (const part of header.split(",", 20)) {
    const [name = "", ...parameters] = part.split(";");
    const weight = parameters.map((text) => /^\s*q=([01](?:\.\d{1,3})?)\s*$/i.exec(text)?.[1]).at(-1);
    weights.set(name.trim().toLowerCase(), parameters.length === 0 ? 1 : Number(weight ?? 0));
  }
  const weightOf = (name: Encoding): number => weights.get(name) ?? weights.get("*") ?? 0;
  const [br, gz] = [weightOf("br"), weightOf("gzip")];
  if (br === 0 && gz === 0) return undefined;
  return br >= gz ? "br" : "gzip";
}

/** The body encoded, by threads of its own. */
export async function compress(body: string | Uint8Array, encoding: Encoding): Promise<Uint8Array> {
  // Level 4 of 11 is as fast as gzip and smaller.
  const params = { [constants.BROTLI_PARAM_QUALITY]: 4 };
  return encoding === "br" ? brotlied(body, { params }) : gzipped(body);
}
