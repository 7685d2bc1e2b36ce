import type { Address } from "../../core/address.ts";
import type { EarningLine, Manifest } from "../../core/artifacts.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import { readPublished } from "../claims/published-files.ts";

/** `earnings.ndjson` of an epoch, checked against its manifest. Throws `artifact-damaged`. */
export async function readEarnings(artifacts: ObjectStore, manifest: Manifest): Promise<Uint8Array> {
  return readPublished(artifacts, manifest, "earnings.ndjson");
}

/** The lines of `earnings.ndjson`; only those of `account` when it is given. */
export function* earningLines(earnings: Uint8Array, account?: Address): Generator<EarningLine> {
  const bytes = Buffer.from(earnings.buffer, earnings.byteOffset, earnings.length);
  // A line is canonical JSON, so its account comes first: others are passed over without being parsed.
  const wanted = account === undefined ? "{" : `{"account":"${account}",`;
  for (let start = bytes.indexOf(wanted); start >= 0; ) {
    const end = bytes.indexOf("\n", start);
    yield JSON.parse(bytes.toString("utf8", start, end)) as EarningLine;
    start = bytes.indexOf(wanted, end);
  }
}
