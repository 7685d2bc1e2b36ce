import { readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

// After a failed write LevelDB no longer knows where its log ends, and what it writes behind that place is lost when
// the log is next read. So the database is opened again before anything more is written.

/** Runs the writes of a database; after one that failed, the next is made on the database opened again. */
export function createMendingWriter(
  database: { open(): Promise<void>; close(): Promise<void> },
  directory: string,
): (write: () => Promise<void>) => Promise<void> {
  let broken = false;
  let mending: Promise<void> | undefined;
  const mend = async (): Promise<void> => {
    // With too little room to open it, it stays as it is, good for reading.
    await requireRoom(directory);
    await database.close();
    await database.open();
    broken = false;
  };
  return async (write) => {
    try {
      if (broken) {
        mending ??= mend().finally(() => {
          mending = undefined;
        });
        await mending;
      }
      await write();
    } catch (error) {
      broken = true;
      throw error;
    }
  };
}

/** Throws when the directory has no room for what opening a database writes: at most its log over again. */
async function requireRoom(directory: string): Promise<void> {
  const logs = (await readdir(directory)).filter((name) => name.endsWith(".log"));
  const sizes = await Promise.all(logs.map(async (name) => (await stat(join(directory, name))).size));
  const bytes = sizes.reduce((total, size) => total + size, spareBytes);
  const probe = join(directory, "room.probe");
  try {
    await writeFile(probe, Buffer.alloc(bytes), { flush: true });
  } finally {
    await rm(probe, { force: true });
  }
}

const spareBytes = 1 << 20;
