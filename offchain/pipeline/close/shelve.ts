import { epochFolder, type Hash, revokedFolder } from "../../core/artifacts.ts";
import { keccak256Hex } from "../../core/hash.ts";
import { invariant } from "../../errors.ts";
import type { ObjectStore } from "../../objects/object-store.ts";
import { putLatest } from "./close-epoch.ts";

/** An epoch that was taken back, by the hash of its manifest. */
export type TakenBack = { readonly epoch: number; readonly manifestHash: Hash };

/**
 * Moves the files of an epoch that was taken back out of the way of the one that will have its number. Copies all
 * before it deletes any, so that a move that was cut short can be made again; does nothing when the epoch's folder
 * holds another epoch's files. Returns the folder that holds them now.
 */
export async function shelveEpoch(artifacts: ObjectStore, taken: TakenBack): Promise<string> {
  const from = epochFolder(taken.epoch);
  const to = revokedFolder(taken);
  const manifest = await artifacts.get(`${from}manifest.json`);
  if (manifest === undefined || keccak256Hex(manifest.bytes) !== taken.manifestHash) return to;
  const keys: string[] = [];
  for await (const page of artifacts.list({ prefix: from })) for (const { key } of page) keys.push(key);
  for (const key of keys) {
    const stored = await artifacts.get(key);
    invariant(stored !== undefined, "A file vanished while it was moved.", { file: key });
    const contentType = key.endsWith(".ndjson") ? "application/x-ndjson" : "application/json";
    await artifacts.put(`${to}${key.slice(from.length)}`, stored.bytes, { contentType });
  }
  // The manifest is what tells whose files these are, so it goes last.
  const last = `${from}manifest.json`;
  for (const key of [...keys.filter((key) => key !== last), last]) await artifacts.delete(key);
  return to;
}

/** Points `latest.json` at the epoch before one that was taken back; removes it when there is none. */
export async function pointBefore(
  artifacts: ObjectStore,
  before: { readonly epoch: number; readonly manifestHash: Hash; readonly posted: boolean } | undefined,
): Promise<void> {
  if (before === undefined) await artifacts.delete("latest.json");
  else await putLatest(artifacts, before);
}
