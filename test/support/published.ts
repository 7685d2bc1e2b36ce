import type { LeafLine, Manifest } from "../../offchain/core/artifacts.ts";
import { epochFolder } from "../../offchain/core/artifacts.ts";
import type { ObjectStore } from "../../offchain/objects/object-store.ts";

/** The files of an epoch in the artifacts store as text, by name. */
export async function epochTexts(artifacts: ObjectStore, epoch: number): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const prefix = epochFolder(epoch);
  for await (const page of artifacts.list({ prefix })) {
    for (const { key } of page) {
      const stored = await artifacts.get(key);
      files.set(key.slice(prefix.length), Buffer.from(stored?.bytes ?? []).toString());
    }
  }
  return files;
}

/** The parsed lines of an `.ndjson` file of an epoch. */
export function linesOf<Line>(files: ReadonlyMap<string, string>, name: string): Line[] {
  const text = files.get(name);
  if (text === undefined) throw new Error(`no file ${name}`);
  return text === ""
    ? []
    : text
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as Line);
}

/** The manifest of an epoch. */
export function manifestIn(files: ReadonlyMap<string, string>): Manifest {
  return JSON.parse(files.get("manifest.json") ?? "null") as Manifest;
}

/** Everyone's cumulative amount in wei as an epoch published it. */
export async function leavesOf(artifacts: ObjectStore, epoch: number): Promise<Record<string, bigint>> {
  const lines = linesOf<LeafLine>(await epochTexts(artifacts, epoch), "leaves.ndjson");
  return Object.fromEntries(lines.map(({ account, cumulative }) => [account, BigInt(cumulative)]));
}
