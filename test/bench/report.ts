import { statfs } from "node:fs/promises";
import { cpus } from "node:os";

/** The machine in one line: processor, cores, Node version. */
export function machine(): string {
  const all = cpus();
  return `${all[0]?.model ?? "unknown processor"}, ${all.length} cores, Node ${process.version}`;
}

/** The file system that holds `path`, by its type number (as in statfs(2)) and size. */
export async function diskOf(path: string): Promise<string> {
  const { type, bsize, blocks } = await statfs(path);
  const names: Record<number, string> = {
    61267: "ext4",
    1481003842: "XFS",
    2435016766: "Btrfs",
    16914836: "tmpfs",
  };
  return `${names[type] ?? `file system 0x${type.toString(16)}`} of ${Math.round((bsize * blocks) / 2 ** 30)} GiB`;
}

/** The middle value, or the mean of the two in the middle; NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  const low = sorted[Math.ceil(half) - 1] ?? Number.NaN;
  const high = sorted[Math.floor(half)] ?? Number.NaN;
  return (low + high) / 2;
}
